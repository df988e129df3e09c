//! What is claimed of times. `docs/performance.md` has the same lists, and tests compare.

use std::fmt;

use serde::Serialize;

/// Where a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Not below.
    AtLeast(f64),
    /// Not above.
    AtMost(f64),
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, "at least {least:.2}"),
            Self::AtMost(most) => write!(f, "at most {most:.2}"),
        }
    }
}

/// A claim and what was found.
#[derive(Clone, Debug, Serialize)]
pub struct Claim {
    /// What is compared.
    pub name: &'static str,
    /// Where it must be.
    pub bound: Bound,
    /// Where it is; `None` where something was missing to run it.
    pub value: Option<f64>,
}

impl Claim {
    /// Whether it was run and is not so.
    pub fn fails(&self) -> bool {
        self.value.is_some_and(|value| match self.bound {
            Bound::AtLeast(least) => value.is_nan() || value < least,
            Bound::AtMost(most) => value.is_nan() || value > most,
        })
    }
}

/// A line a claim.
pub fn table(claims: &[Claim]) -> String {
    let mut table = format!("{:<58} {:<14} {:>7}\n", "CLAIM", "BOUND", "FOUND");
    for claim in claims {
        let (found, verdict) = match claim.value {
            Some(value) if claim.fails() => (format!("{value:.2}"), "FAIL"),
            Some(value) => (format!("{value:.2}"), "PASS"),
            None => ("-".to_owned(), "not run"),
        };
        let bound = claim.bound.to_string();
        table += &format!("{:<58} {bound:<14} {found:>7}  {verdict}\n", claim.name);
    }
    table
}

/// Whether `docs/performance.md` lists a claim with its bound.
///
/// # Panics
/// It does not.
#[cfg(test)]
pub fn is_documented(name: &str, bound: Bound) {
    let document = include_str!("../../../../docs/performance.md");
    let row = format!("| {name} | {bound} |");
    assert!(document.contains(&row), "docs/performance.md lacks: {row}");
}
