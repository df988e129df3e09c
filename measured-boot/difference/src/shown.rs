//! What shows that something differs.

use serde::Serialize;
use std::fmt;

/// Where a difference can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shown {
    /// It changes the launch digest, or a register.
    Measured,
    /// It is beside the digest in the report.
    Reported,
    /// Nothing shows it.
    Unmeasured,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Measured => "measured",
            Self::Reported => "reported",
            Self::Unmeasured => "unmeasured",
        })
    }
}
