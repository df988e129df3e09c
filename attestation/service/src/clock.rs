//! Where the service takes the time from: one place, so that a test can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since the Unix epoch, from the system or from a hand that a test moves.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Stands still until somebody stores another value.
    Set(Arc<AtomicU64>),
}

impl Clock {
    /// The time now, in seconds since 1970. A system clock before 1970 reads 0, and then no
    /// certificate is valid: it fails closed.
    pub fn now(&self) -> u64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs()),
            Self::Set(seconds) => seconds.load(Ordering::SeqCst),
        }
    }
}
