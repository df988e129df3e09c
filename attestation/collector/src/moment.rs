//! A time as people write it, and a clock that shows it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use attestation_certificates::rfc3339;
use attestation_collateral::{Machine, Surroundings};

/// 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// A second since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub u64);

impl FromStr for Moment {
    type Err = &'static str;

    /// RFC 3339 in UTC with whole seconds, or seconds in decimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = match digits {
            true => text.parse().ok(),
            false => written(text),
        };
        let seconds = seconds.filter(|seconds| *seconds <= LAST);
        seconds
            .map(Self)
            .ok_or("give RFC 3339 in UTC such as 2026-11-23T09:30:00Z, or seconds since 1970")
    }
}

/// The second that is written so: later ones have later texts.
fn written(text: &str) -> Option<u64> {
    let (mut from, mut until) = (0, LAST);
    while from < until {
        let middle = from + (until - from) / 2;
        match rfc3339(middle).as_str() < text {
            true => from = middle + 1,
            false => until = middle,
        }
    }
    (rfc3339(from) == text).then_some(from)
}

/// The machine's clock, but for dates, which are looked at as of one moment.
#[derive(Debug)]
pub struct StandStill {
    at: Moment,
    machine: Machine,
}

impl StandStill {
    pub fn at(at: Moment) -> Self {
        Self {
            at,
            machine: Machine::default(),
        }
    }
}

impl Surroundings for StandStill {
    fn now(&self) -> u64 {
        self.at.0
    }

    fn elapsed(&self) -> Duration {
        self.machine.elapsed()
    }

    fn wait(&self, duration: Duration) {
        self.machine.wait(duration);
    }

    fn random(&self) -> u64 {
        self.machine.random()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_as_it_is_written() {
        for seconds in [0, 951_868_799, 1_750_336_500, 4_107_542_400, LAST] {
            assert_eq!(rfc3339(seconds).parse(), Ok(Moment(seconds)));
            assert_eq!(seconds.to_string().parse(), Ok(Moment(seconds)));
        }
    }

    #[test]
    fn time_of_another_form_is_refused() {
        for text in [
            "",
            "now",
            "2025-06-19",
            "2025-06-19T12:35:00",
            "2025-06-19T12:35:00+00:00",
            "2025-02-29T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "253402300800",
            "99999999999999999999",
            "-1",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
