//! Dates of certificates (RFC 5280, 4.1.2.5).

use crate::der::{Der, DerError, GENERALIZED_TIME, UTC_TIME, Value};

/// From the first second to the last, both inclusive; seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: u64,
    /// The last second.
    pub not_after: u64,
}

impl Validity {
    /// Whether this second is within.
    pub const fn contains(&self, now: u64) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// The seconds that are within both: none, if the first is later than the last.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
        }
    }

    pub(crate) fn read(mut der: Der<'_>) -> Result<Self, DerError> {
        let not_before = read(&mut der)?;
        let not_after = read(&mut der)?;
        der.end()?;
        Ok(Self {
            not_before,
            not_after,
        })
    }
}

/// A second since 1970-01-01T00:00:00Z as people write it (RFC 3339), such as `2025-06-19T10:16:03Z`; after the year 9999,
/// which that cannot write, as its number.
pub fn rfc3339(seconds: u64) -> String {
    let of_the_day = seconds % 86_400;
    let Some((year, month, day)) = date(seconds / 86_400) else {
        return format!("second {seconds} since 1970");
    };
    let (hour, minute, second) = (of_the_day / 3600, of_the_day / 60 % 60, of_the_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of a number of days since 1970.
fn date(days: u64) -> Option<(u64, u64, u64)> {
    // A year has at most 366 days: this one, or one not much later.
    let mut year = (1970 + days / 366).min(9999);
    while year < 9999 && days_since_1970(year + 1, 1, 1)? <= days {
        year += 1;
    }
    let first = |month: &u64| days_since_1970(year, *month, 1).is_some_and(|first| first <= days);
    let month = (1..=12).rev().find(first)?;
    let day = days - days_since_1970(year, month, 1)? + 1;
    days_since_1970(year, month, day).map(|_| (year, month, day))
}

/// Reads a UTCTime or a GeneralizedTime.
pub(crate) fn read(der: &mut Der<'_>) -> Result<u64, DerError> {
    let value = der.any()?;
    seconds(value).ok_or(value.wrong("a date that certificates do not write so, or before 1970"))
}

/// The next value if it is a date.
pub(crate) fn read_optional(der: &mut Der<'_>) -> Result<Option<u64>, DerError> {
    match der.peek_tag() {
        Some(UTC_TIME | GENERALIZED_TIME) => read(der).map(Some),
        _ => Ok(None),
    }
}

fn seconds(value: Value<'_>) -> Option<u64> {
    let (year, rest) = match (value.tag, value.content) {
        // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the twentieth century.
        (UTC_TIME, [a, b, rest @ ..]) => match two(*a, *b)? {
            year @ 50.. => (1900 + year, rest),
            year => (2000 + year, rest),
        },
        (GENERALIZED_TIME, [a, b, c, d, rest @ ..]) => (two(*a, *b)? * 100 + two(*c, *d)?, rest),
        _ => return None,
    };
    // 4.1.2.5.2: seconds are there, fractions are not, and the zone is Z.
    let [m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, b'Z'] = *rest else {
        return None;
    };
    let days = days_since_1970(year, two(m1, m2)?, two(d1, d2)?)?;
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    let of_the_day = (hour <= 23 && minute <= 59 && second <= 59)
        .then_some((hour * 60 + minute) * 60 + second)?;
    Some(days * 86_400 + of_the_day)
}

fn two(tens: u8, ones: u8) -> Option<u64> {
    let both_are_digits = tens.is_ascii_digit() && ones.is_ascii_digit();
    both_are_digits.then(|| u64::from(tens - b'0') * 10 + u64::from(ones - b'0'))
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    const BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = LENGTHS.get(index)? + u64::from(leap && month == 2);
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let before = year - 1;
    // 1969 is the last year before the epoch: 719,162 days from the year 1 to its end.
    let to_year = before * 365 + before / 4 - before / 100 + before / 400 - 719_162;
    Some(to_year + BEFORE_MONTH.get(index)? + u64::from(leap && month > 2) + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_known_moments_is_written_as_theirs() {
        // `date -u -d @N +%FT%TZ` of GNU coreutils.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_752_771_886, "2025-07-17T17:04:46Z"),
            (2_259_410_115, "2041-08-06T13:55:15Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "second 253402300800 since 1970"),
            (u64::MAX, "second 18446744073709551615 since 1970"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }

    #[test]
    fn every_day_of_four_centuries_is_written_as_it_is_read() {
        for day in 0..=146_097 {
            let (year, month, date) = date(day).expect("before the year 10000");
            assert_eq!(days_since_1970(year, month, date), Some(day));
        }
    }
}
