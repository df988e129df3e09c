//! Clock and randomness: the machine's, or those of a test.

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};

/// What is not in any document.
pub trait Surroundings: Debug + Send + Sync {
    /// Seconds since 1970-01-01T00:00:00Z: dates of documents are looked at by it.
    fn now(&self) -> u64;

    /// How long it has been since some moment, which stays the same: waiting is measured by it, since nobody sets it.
    fn elapsed(&self) -> Duration;

    /// Returns after so long.
    fn wait(&self, duration: Duration);

    /// Any number, so that many who wait do not come back in one moment. No secret hangs on it.
    fn random(&self) -> u64;
}

/// The machine's own.
#[derive(Debug)]
pub struct Machine {
    start: Instant,
    random: SystemRandom,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            random: SystemRandom::new(),
        }
    }
}

impl Surroundings for Machine {
    fn now(&self) -> u64 {
        // A clock before 1970 is before every document: nothing is in its dates.
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        // Without randomness everybody waits the same time, and nothing worse.
        let _same = self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
