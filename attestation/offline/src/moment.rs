//! Times as people write them.

use std::fmt;
use std::str::FromStr;

const DAY: u64 = 86_400;
/// The last second that RFC 3339 can write: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

const EXPECTED: &str =
    "give RFC 3339 such as 2026-11-23T09:30:00Z, or seconds since 1970-01-01 UTC";

/// A second since 1970-01-01T00:00:00Z, up to the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl FromStr for Moment {
    type Err = &'static str;

    /// RFC 3339 with whole seconds, in UTC or with an offset; or seconds in decimal digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = match text.contains('-') {
            true => rfc3339(text).ok_or(EXPECTED)?,
            false => digits(text).ok_or(EXPECTED)?,
        };
        match seconds <= LAST {
            true => Ok(Self(seconds)),
            false => Err("the time is after the year 9999"),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0 / DAY, self.0 % DAY);
        let (year, month, day) = civil(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// Decimal digits alone: no sign, no space.
fn digits(text: &str) -> Option<u64> {
    let all = text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

/// `YYYY-MM-DDTHH:MM:SS` and `Z` or `+HH:MM`; RFC 3339 section 5.6 without fractions and leap seconds.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't'])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return days(year, month, day)?
            .checked_mul(DAY)?
            .checked_add(clock(time)?);
    }
    let (time, offset) = time.split_at_checked(8)?;
    let local = days(year, month, day)?.checked_mul(DAY)? + clock(time)?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let [hours, minutes] = numbers(offset, ':', [2, 2])?;
    let offset = (hours < 24 && minutes < 60).then_some(hours * 3600 + minutes * 60)?;
    match sign {
        "+" => local.checked_sub(offset),
        "-" => local.checked_add(offset),
        _ => None,
    }
}

fn clock(text: &str) -> Option<u64> {
    let [hour, minute, second] = numbers(text, ':', [2, 2, 2])?;
    let good = hour < 24 && minute < 60 && second < 60;
    good.then_some(hour * 3600 + minute * 60 + second)
}

/// Exactly so many numbers of exactly so many digits.
fn numbers<const N: usize>(text: &str, between: char, widths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for (number, width) in found.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *number = digits(part)?;
    }
    parts.next().is_none().then_some(found)
}

/// Days since 1970-01-01 of a date that is in the calendar. Years begin in March, so that the leap day is a
/// year's last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let from_march = (month + 9) % 12;
    let shifted = year.checked_sub(u64::from(month <= 2))?;
    let days = shifted * 365 + shifted / 4 - shifted / 100
        + shifted / 400
        + (153 * from_march + 2) / 5
        + day;
    let days = days.checked_sub(EPOCH + 1)?;
    // A 31st of April comes back as the 1st of May.
    (civil(days) == (year, month, day)).then_some(days)
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        text.parse().ok().map(|Moment(seconds)| seconds)
    }

    // The numbers are those of `date -u -d TEXT +%s`.
    const KNOWN: [(&str, u64); 7] = [
        ("1970-01-01T00:00:00Z", 0),
        ("1999-12-31T23:59:59Z", 946_684_799),
        ("2000-02-29T12:00:00Z", 951_825_600),
        ("2024-03-01T00:00:00Z", 1_709_251_200),
        ("2025-06-19T12:35:00Z", 1_750_336_500),
        ("2100-03-01T00:00:00Z", 4_107_542_400),
        ("9999-12-31T23:59:59Z", LAST),
    ];

    #[test]
    fn time_is_read_and_written_as_others_do() {
        for (text, expected) in KNOWN {
            assert_eq!(seconds(text), Some(expected), "{text}");
            assert_eq!(Moment(expected).to_string(), text);
            assert_eq!(seconds(&expected.to_string()), Some(expected));
        }
    }

    #[test]
    fn every_day_comes_back_from_its_text() {
        // More than 400 years: after that the calendar comes round.
        for day in 0..=150_000 {
            let moment = Moment(day * DAY + 1);
            assert_eq!(moment.to_string().parse(), Ok(moment));
        }
    }

    #[test]
    fn offset_is_taken_off() {
        for text in ["2025-06-19T14:35:00+02:00", "2025-06-19T07:05:00-05:30"] {
            assert_eq!(seconds(text), Some(1_750_336_500), "{text}");
        }
    }

    #[test]
    fn time_of_another_form_is_refused() {
        for text in [
            "",
            " 1",
            "+1",
            "-1",
            "1.5",
            "253402300800",
            "99999999999999999999",
            "2025-06-19",
            "2025-06-19T12:35Z",
            "2025-06-19T12:35:00",
            "2025-06-19 12:35:00Z",
            "2025-06-19T12:35:00.5Z",
            "2025-6-19T12:35:00Z",
            "2025-06-19T12:35:60Z",
            "2025-06-19T24:00:00Z",
            "2025-06-31T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2025-00-10T00:00:00Z",
            "2025-13-10T00:00:00Z",
            "2025-06-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2025-06-19T12:35:00+24:00",
            "2025-06-19T12:35:00+0200",
            "2025-06-19T12:35:00ZZ",
            "٢٠٢٥-06-19T12:35:00Z",
        ] {
            assert_eq!(seconds(text), None, "{text:?}");
        }
    }
}
