//! What was found of one thing.

use crate::requirement::Role;
use crate::tee::Tees;

/// Whether a host has a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It has.
    Has,
    /// It was looked at, and it is not there, or not as it should be.
    Lacks,
    /// It could not be looked at.
    Unknown,
}

impl State {
    /// As documents spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Has => "has",
            Self::Lacks => "lacks",
            Self::Unknown => "unknown",
        }
    }
}

/// One thing, what was found, and what to change. All text is fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name, which does not change between versions.
    pub item: &'static str,
    /// The same for people.
    pub about: &'static str,
    /// What the answer means for a launch.
    pub role: Role,
    /// What it is needed for; for [`Role::Advises`] and [`Role::Tells`], what it is about.
    pub needed_for: Tees,
    /// Whether the host has it.
    pub state: State,
    /// What was seen, or why nothing was.
    pub found: String,
    /// What to change, where it lacks and something can be changed.
    pub remedy: Option<&'static str>,
}
