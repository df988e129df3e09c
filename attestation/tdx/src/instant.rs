//! Times as Intel's JSON documents write them.

/// The other way round, for people.
pub(crate) use attestation_certificates::rfc3339 as text;

const DAYS_BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const MONTH_DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Seconds since 1970-01-01T00:00:00Z of a time like `2025-06-19T10:16:03Z`: RFC 3339 in UTC with whole seconds, as
/// Intel's documents have it, and no other form.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
    let separators = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'Z'),
    ];
    if separators.iter().any(|(at, byte)| bytes[*at] != *byte) {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0, |number, digit| {
            digit
                .is_ascii_digit()
                .then(|| number * 10 + u64::from(digit - b'0'))
        })
    };
    let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    (hour < 24 && minute < 60 && second < 60)
        .then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let index = usize::try_from(month.checked_sub(1)?).ok()?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = MONTH_DAYS.get(index)? + u64::from(leap && month == 2);
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    let before = year - 1;
    // 719,162 days from the first day of the year 1 to 1970.
    let to_year = before * 365 + before / 4 - before / 100 + before / 400 - 719_162;
    Some(to_year + DAYS_BEFORE_MONTH.get(index)? + u64::from(leap && month > 2) + day - 1)
}

#[cfg(test)]
mod tests {
    use super::{seconds, text};

    #[test]
    fn times_are_written_as_they_are_read() {
        for time in [
            "1970-01-01T00:00:00Z",
            "1999-12-31T23:59:59Z",
            "2000-02-29T23:59:59Z",
            "2025-06-19T12:35:00Z",
            "2049-12-31T23:59:59Z",
            "2100-03-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(text(seconds(time).expect("a time")), time);
        }
    }

    #[test]
    fn times_are_seconds_since_1970() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2025-06-19T12:35:00Z", 1_750_336_500),
            ("2041-08-06T13:55:15Z", 2_259_410_115),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn times_in_another_form_are_refused() {
        for text in [
            "",
            "2025-06-19T12:35:00",
            "2025-06-19T12:35:00+00:00",
            "2025-06-19 12:35:00Z",
            "2025-06-19T12:35:00.5Z",
            "2025-02-29T00:00:00Z",
            "2025-13-01T00:00:00Z",
            "2025-00-01T00:00:00Z",
            "2025-01-00T00:00:00Z",
            "2025-01-01T24:00:00Z",
            "1969-12-31T23:59:59Z",
            "+025-01-01T00:00:00Z",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
