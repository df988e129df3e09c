//! The page for people.

use crate::support::{run_line, stdout};

/// Ten digits are a time that somebody forgot to write as people do: no other number of these pages has as many.
fn has_seconds(page: &str) -> bool {
    let words = page.split(|c: char| !c.is_ascii_alphanumeric());
    let mut words = words.filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    words.any(|word| word.len() == 10)
}

#[test]
fn times_are_written_as_people_write_them() {
    let report = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding";
    let quote =
        "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding";
    for (line, at, code, shown) in [
        (report, "2026-01-01T00:00:00Z", 0, "2030-04-03T19:23:43Z"),
        (report, "2030-04-03T19:23:44Z", 3, "2030-04-03T19:23:44Z"),
        (report, "2023-04-03T19:23:42Z", 3, "2023-04-03T19:23:43Z"),
        (quote, "2025-06-19T12:35:00Z", 0, "2025-07-19"),
        (quote, "2025-06-01T00:00:00Z", 3, "2025-06-19T"),
        (quote, "2025-09-01T00:00:00Z", 3, "2025-07-19"),
    ] {
        let Some(output) = run_line(&format!("{line} --at {at}"), &[]) else {
            return;
        };
        let page = stdout(&output, code);
        let dates = page.split(" dates ").nth(1).expect("the check is there");
        assert!(dates.contains(shown), "{line} {at}: {page}");
        assert!(!has_seconds(&page) && !page.contains("unix"), "{page}");
    }
}
