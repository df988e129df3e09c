//! Rates.

use serde::{Deserialize, Serialize};
use thiserror::Error;

const SECOND: u64 = 1_000_000_000;

/// So many a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub struct Rate {
    per_second: u32,
    burst: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    per_second: u32,
    burst: u32,
}

/// A rate that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "a rate has 1 to {} a second and 1 to {} at once",
    Rate::MOST_PER_SECOND,
    Rate::MOST_AT_ONCE
)]
pub struct InvalidRate;

/// Asked again too soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many requests: the next one in {} ms", .nanoseconds.div_ceil(1_000_000))]
pub struct TooSoon {
    /// After so long there is a token again, if nobody else takes it.
    pub nanoseconds: u64,
}

impl TooSoon {
    /// For `Retry-After` (RFC 9110, 10.2.3): whole seconds, one at least.
    pub const fn seconds(self) -> u64 {
        self.nanoseconds.div_ceil(SECOND)
    }
}

impl Rate {
    /// The highest rate.
    pub const MOST_PER_SECOND: u32 = 100_000;
    /// The largest burst.
    pub const MOST_AT_ONCE: u32 = 1_000_000;
    /// Challenges of a tenant: they cost a MAC each.
    pub const CHALLENGES: Self = Self {
        per_second: 500,
        burst: 5000,
    };
    /// Attempts of a tenant: each is judged and logged.
    pub const ATTESTS: Self = Self {
        per_second: 200,
        burst: 2000,
    };
    /// Requests of a client's address prefix.
    pub const CLIENT: Self = Self {
        per_second: 100,
        burst: 1000,
    };

    /// So many a second, and so many at once.
    ///
    /// # Errors
    /// Either is 0 or beyond its bound.
    pub const fn new(per_second: u32, burst: u32) -> Result<Self, InvalidRate> {
        let rate = 1 <= per_second && per_second <= Self::MOST_PER_SECOND;
        let once = 1 <= burst && burst <= Self::MOST_AT_ONCE;
        if rate && once {
            Ok(Self { per_second, burst })
        } else {
            Err(InvalidRate)
        }
    }

    /// Tokens a second.
    pub const fn per_second(self) -> u32 {
        self.per_second
    }

    /// Tokens at once.
    pub const fn burst(self) -> u32 {
        self.burst
    }

    /// Takes a token of a bucket that is full at `full_at`; gives when it is full then. Nanoseconds.
    pub(super) fn take(self, full_at: u64, now: u64) -> Result<u64, TooSoon> {
        // Rounded up: never more than was said.
        let one = SECOND.div_ceil(u64::from(self.per_second));
        let all_but_one = one * u64::from(self.burst - 1);
        let missing = full_at.saturating_sub(now);
        if missing > all_but_one {
            return Err(TooSoon {
                nanoseconds: missing - all_but_one,
            });
        }
        Ok(now.saturating_add(missing).saturating_add(one))
    }
}

impl TryFrom<Numbers> for Rate {
    type Error = InvalidRate;

    fn try_from(numbers: Numbers) -> Result<Self, InvalidRate> {
        Self::new(numbers.per_second, numbers.burst)
    }
}

impl From<Rate> for Numbers {
    fn from(rate: Rate) -> Self {
        Self {
            per_second: rate.per_second,
            burst: rate.burst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_taken_at_once_and_the_rest_at_the_rate() {
        let rate = Rate::new(4, 3).unwrap();
        let mut full_at = 0;
        for _ in 0..3 {
            full_at = rate.take(full_at, 1000).unwrap();
        }
        let too_soon = rate.take(full_at, 1000).unwrap_err();
        assert_eq!(too_soon.nanoseconds, SECOND / 4);
        assert_eq!(too_soon.seconds(), 1);
        assert!(rate.take(full_at, 1000 + SECOND / 4 - 1).is_err());
        assert!(rate.take(full_at, 1000 + SECOND / 4).is_ok());
    }

    #[test]
    fn rate_of_nothing_or_of_too_much_is_none() {
        assert!(Rate::new(0, 1).is_err());
        assert!(Rate::new(1, 0).is_err());
        assert!(Rate::new(Rate::MOST_PER_SECOND + 1, 1).is_err());
        assert!(Rate::new(1, Rate::MOST_AT_ONCE + 1).is_err());
        assert!(serde_json::from_str::<Rate>(r#"{"per_second":0,"burst":1}"#).is_err());
    }

    #[test]
    fn largest_bucket_at_the_end_of_time_does_not_wrap() {
        let rate = Rate::new(1, Rate::MOST_AT_ONCE).unwrap();
        assert_eq!(rate.take(u64::MAX, u64::MAX), Ok(u64::MAX));
        assert!(rate.take(u64::MAX, 0).is_err());
    }
}
