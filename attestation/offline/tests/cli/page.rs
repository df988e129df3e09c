//! The page for people.

use crate::support::{program, run_line, stdout, vector};

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

/// The page of this width.
fn page(width: &str, line: &str, code: i32) -> Option<String> {
    let words = line.split_whitespace().map(|word| match word {
        word if word.starts_with('@') => vector(word),
        word => Some(word.to_owned()),
    });
    let words: Vec<_> = words.collect::<Option<_>>()?;
    let output = program().args(words).env("COLUMNS", width).output();
    Some(stdout(&output.expect("it runs"), code))
}

#[test]
fn page_is_as_wide_as_the_terminal() {
    for (line, code) in [
        (
            "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z",
            0,
        ),
        (
            "snp --report @sev/attestation.bin --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z",
            3,
        ),
        (
            "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z",
            0,
        ),
        (
            "tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --no-binding --at 2026-01-01T00:00:00Z",
            0,
        ),
    ] {
        for (columns, width) in [
            ("1", 80),
            ("80", 80),
            ("100", 100),
            ("", 100),
            ("many", 100),
            ("120", 120),
            ("1000", 120),
        ] {
            let Some(page) = page(columns, line, code) else {
                return;
            };
            let longest = page.lines().map(|line| line.chars().count()).max();
            let longest = longest.expect("it has lines");
            assert!(longest <= width, "{columns}: {page}");
            assert!(longest > width - 12, "{columns}: {page}");
        }
    }
}

/// The count of a refusal is that of the rows beneath it.
#[test]
fn refusal_counts_the_checks_that_fail_and_their_reasons() {
    let line = "snp --report @sev/attestation.bin --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z";
    let Some(page) = page("100", line, 3) else {
        return;
    };
    let fails = page
        .lines()
        .filter(|line| line.starts_with("FAIL "))
        .count();
    let counted = format!("REFUSED: {fails} checks fail, for ");
    assert!(fails > 1 && page.starts_with(&counted), "{page}");
    let one = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z --policy production";
    let output = run_line(&format!("{one} -o json"), &[]).expect("vectors");
    let reasons = crate::support::document(&output, 3)["rejections"].clone();
    let reasons = reasons.as_array().expect("a list").len();
    let refused = stdout(&run_line(one, &[]).expect("vectors"), 3);
    let fails = refused.lines().filter(|line| line.starts_with("FAIL "));
    let told = format!(
        "REFUSED: {} checks fail, for {reasons} reasons",
        fails.count()
    );
    assert!(refused.starts_with(&told), "{refused}");
}
