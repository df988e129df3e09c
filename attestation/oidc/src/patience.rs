//! How long, and how often.

use std::time::Duration;

use thiserror::Error;

/// How often an issuer is asked, and for how long its last answer is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// One fetch, discovery and keys together, is over after this. (Looking up a name in the DNS is the system's, and
    /// takes the time that it takes.)
    pub fetch: Duration,
    /// The issuer is asked no more often than this, whatever tokens come.
    pub between: Duration,
    /// Keys of this age are asked for again. So long at most does a key that the issuer took away stay good while the
    /// issuer answers.
    pub refresh: Duration,
    /// Keys of this age are no longer used, if the issuer has not answered since.
    pub keep: Duration,
}

/// It would never use keys, or keep them for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("fetch <= 60 s, between <= refresh <= keep <= 7 days, none of them zero but between")]
pub struct InvalidPatience;

impl Patience {
    pub(crate) fn is_meant(&self) -> bool {
        let fetches = !self.fetch.is_zero() && self.fetch <= Duration::from_secs(60);
        let in_order = self.between <= self.refresh && self.refresh <= self.keep;
        fetches
            && in_order
            && !self.refresh.is_zero()
            && self.keep <= Duration::from_secs(7 * 86_400)
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            fetch: Duration::from_secs(10),
            between: Duration::from_secs(30),
            refresh: Duration::from_secs(15 * 60),
            keep: Duration::from_secs(24 * 3600),
        }
    }
}
