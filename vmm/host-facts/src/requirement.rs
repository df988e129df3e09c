//! What a requirement is.

use crate::facts::{Facts, Vendor};
use crate::finding::State;
use crate::tee::Tees;

/// What a requirement's answer means for a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The last word: where all of these are there, the TEE can be launched.
    Decides,
    /// A cause: where a TEE cannot be launched, these say why.
    Explains,
    /// What mostly follows from a cause, and says why where no cause was found.
    Follows,
    /// A cause that nobody can change on this machine.
    Fixed,
    /// Launches work without it; something else is worse.
    Advises,
    /// Only told.
    Tells,
}

impl Role {
    /// As documents spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Decides => "decides",
            Self::Explains => "explains",
            Self::Follows => "follows",
            Self::Fixed => "fixed",
            Self::Advises => "advises",
            Self::Tells => "tells",
        }
    }
}

/// What was seen of a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub state: State,
    /// In words, not yet escaped.
    pub found: String,
    /// In place of the requirement's own remedy, where what was seen says more.
    pub remedy: Option<&'static str>,
}

impl Seen {
    pub fn has(found: impl Into<String>) -> Self {
        Self::new(State::Has, found)
    }

    pub fn lacks(found: impl Into<String>) -> Self {
        Self::new(State::Lacks, found)
    }

    pub fn unknown(why: impl Into<String>) -> Self {
        Self::new(State::Unknown, why)
    }

    /// By a condition, with the same words for both.
    pub fn when(has: bool, found: impl Into<String>) -> Self {
        match has {
            true => Self::has(found),
            false => Self::lacks(found),
        }
    }

    pub fn remedied(self, remedy: &'static str) -> Self {
        Self {
            remedy: Some(remedy),
            ..self
        }
    }

    fn new(state: State, found: impl Into<String>) -> Self {
        Self {
            state,
            found: found.into(),
            remedy: None,
        }
    }
}

/// One of the words that a CPUID leaf has.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    Eax,
    Ecx,
}

/// How a requirement is looked at.
pub enum Test {
    /// The kernel shows this flag in /proc/cpuinfo.
    Flag(&'static str),
    /// The processor itself shows this bit, whatever the kernel makes of it.
    Cpuid { leaf: u32, word: Word, bit: u32 },
    /// A bit of a register is set, or clear.
    Msr { register: u32, bit: u32, set: bool },
    /// A module's parameter is on: `Y`, or a number but 0.
    Parameter(&'static str),
    /// The kernel was built with it.
    Option(&'static str),
    /// KVM answers with all of these bits.
    Capability { number: u32, mask: u64 },
    /// KVM makes VMs of this type.
    VmType(u32),
    /// Another way.
    By(fn(&Facts) -> Seen),
}

/// One thing that a host has or lacks.
pub struct Requirement {
    /// A name that does not change between versions.
    pub item: &'static str,
    /// The same for people.
    pub about: &'static str,
    pub role: Role,
    /// What it is needed for.
    pub tees: Tees,
    /// Asked only of processors of this vendor.
    pub vendor: Option<Vendor>,
    pub test: Test,
    /// What to change where it lacks. Empty where something else has to be changed.
    pub remedy: &'static str,
}
