//! Times for people.

const DAY: u64 = 86_400;

/// A time in seconds since 1970-01-01 UTC as RFC 3339 writes it, such as `2026-11-22T17:40:31Z`.
/// A time after the year 9999, which RFC 3339 cannot write, is shown as a number.
pub fn rfc3339(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY);
    if year > 9999 {
        return format!("{seconds} seconds since 1970");
    }
    let (hour, minute, second) = (seconds % DAY / 3600, seconds % 3600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Years are counted from 1 March, so that a leap day ends its year: then a month's first day is a
/// linear function of the month, 153 days to five months.
fn civil(days: u64) -> (u64, u64, u64) {
    // Days since 0000-03-01, in eras of 400 years with 146097 days each.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_known_moments_is_theirs() {
        // `date -u -d @N +%FT%TZ` of GNU coreutils.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_790_000_000, "2026-09-21T14:13:20Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 seconds since 1970"),
            (u64::MAX, "18446744073709551615 seconds since 1970"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut last = civil(0);
        for day in 1..=146_097 {
            let this = civil(day);
            let (year, month, date) = last;
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 if leap => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            let next = match (month, date) {
                (12, 31) => (year + 1, 1, 1),
                (_, date) if date == length => (year, month + 1, 1),
                _ => (year, month, date + 1),
            };
            assert_eq!(this, next);
            last = this;
        }
    }
}
