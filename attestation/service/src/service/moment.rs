//! The time of what is logged: the log's order is the order of its times.

use attestation_audit::CLOCK_TOLERANCE_SECONDS;

use attestation_store::Reading;

use super::{Failure, Service};
use crate::problem::Problem;

impl Service {
    /// The time now, and never before the log's last entry: a clock that was set back a little
    /// stands still until it has caught up. One that was set back further than an auditor puts up
    /// with is wrong, or was when the last entry was made; dates of certificates and reference values
    /// mean nothing by it, so nothing is judged.
    pub(super) fn moment(&self, reading: &Reading<'_>) -> Result<u64, Failure> {
        let clock = self.clock.now();
        let last = reading.latest_time()?.unwrap_or_default();
        if clock.saturating_add(CLOCK_TOLERANCE_SECONDS) < last {
            return Err(Problem::ClockBehind { clock, last }.into());
        }
        Ok(clock.max(last))
    }
}
