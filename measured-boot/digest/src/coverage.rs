//! What a report shows of a plan: the class of every field.

use measured_boot_plan::LaunchPlan;
use std::fmt;

/// What a report shows of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It is in the launch digest.
    Measured,
    /// It is beside the launch digest in the report.
    Reported,
    /// Nothing shows it.
    Unmeasured,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Measured => "measured",
            Self::Reported => "reported",
            Self::Unmeasured => "unmeasured",
        })
    }
}

/// One field of the plan and what a report shows of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct CoverageRow {
    /// The field.
    pub field: &'static str,
    /// Its class.
    pub class: Class,
    /// Its value, in short.
    pub what: String,
    /// What follows from the class.
    pub note: &'static str,
}

/// The class of every field of the plan.
pub fn coverage(_plan: &LaunchPlan) -> Vec<CoverageRow> {
    Vec::new()
}
