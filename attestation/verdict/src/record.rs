//! Verdicts as plain data, for answers, logs and people.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Pass,
    /// Not as it should be: refused.
    Fail,
    /// Nobody gave what to compare with, or what it looks at is not there since another check failed.
    NotChecked,
}

impl fmt::Display for CheckResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotChecked => "not checked",
        })
    }
}

/// One check's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRecord {
    /// Which check; docs/verdict.md has them all.
    pub name: String,
    /// Its result.
    pub result: CheckResult,
    /// For people: what was found.
    pub reason: String,
}

/// One reason to refuse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectionRecord {
    /// The check that failed.
    pub check: String,
    /// For programs: stays the same where the text changes.
    pub code: String,
    /// For people.
    pub reason: String,
}

/// Checks and reasons as data. It proves nothing: nothing turns it back into a judgement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Every check, in order.
    pub checks: Vec<CheckRecord>,
    /// Every reason to refuse.
    pub rejections: Vec<RejectionRecord>,
}

impl Record {
    /// This one's checks and reasons, then the other's.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.checks.extend(other.checks);
        self.rejections.extend(other.rejections);
        self
    }

    /// The check of this name.
    pub fn check(&self, name: &str) -> Option<&CheckRecord> {
        self.checks.iter().find(|check| check.name == name)
    }
}
