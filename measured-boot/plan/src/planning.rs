//! From configuration to plan.

use crate::{LaunchConfig, LaunchPlan, Sources};

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Placeholder until planning is written.
    #[error("planning is not written yet")]
    NotWritten,
}

/// Lays out a launch.
///
/// The same configuration and sources give the same plan, byte for byte, on every machine.
///
/// # Errors
///
/// [`PlanError`] names what does not fit, in which file or setting, and what to do.
pub fn plan(_config: &LaunchConfig, _sources: &Sources<'_>) -> Result<LaunchPlan, PlanError> {
    Err(PlanError::NotWritten)
}
