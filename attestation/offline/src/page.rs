//! The verdict as a person reads it: what it is, then every check, then what to know about it.

use attestation_verdict::{CheckRecord, CheckResult};
use std::fmt::Write;

use crate::width;

const GAP: &str = "  ";
/// As long as the shortest digest is; longer ones are cut where they do not fit.
const DIGEST: usize = 64;
/// Parts of a digest are as long as so many digits, or twice, three times and so on.
const GROUP: usize = 8;

/// Every check: those that failed first, those that were not made last, otherwise in order.
pub fn checks(checks: &[CheckRecord]) -> String {
    let of = |result| checks.iter().filter(move |check| check.result == result);
    let results = [
        CheckResult::Fail,
        CheckResult::Pass,
        CheckResult::NotChecked,
    ];
    let rows = results
        .into_iter()
        .flat_map(of)
        .map(|check| [mark(check.result), &check.name, &check.reason]);
    let title = ["RESULT", "CHECK", "REASON"];
    table(&std::iter::once(title).chain(rows).collect::<Vec<_>>())
}

/// A failure is what the eye has to find.
fn mark(result: CheckResult) -> &'static str {
    match result {
        CheckResult::Pass => "pass",
        CheckResult::Fail => "FAIL",
        CheckResult::NotChecked => "not checked",
    }
}

/// What is known, name by name.
pub fn facts(facts: &[(&str, String)]) -> String {
    let rows: Vec<_> = facts
        .iter()
        .map(|(name, value)| [*name, value.as_str()])
        .collect();
    table(&rows)
}

/// Sentences that a reader must not miss.
pub fn warnings(warnings: &[String]) -> String {
    let rows: Vec<_> = warnings
        .iter()
        .map(|warning| ["WARNING:", warning])
        .collect();
    table(&rows)
}

/// One sentence.
pub fn line(text: &str) -> String {
    table(&[[text]])
}

/// Rows of aligned columns, the last of which is wrapped.
pub fn table<const N: usize>(rows: &[[&str; N]]) -> String {
    table_of(width::of_output(), rows)
}

fn table_of<const N: usize>(page: usize, rows: &[[&str; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let indent: usize = widths[..N - 1].iter().map(|width| width + GAP.len()).sum();
    let mut table = String::new();
    for row in rows {
        for (cell, width) in row.iter().zip(widths).take(N - 1) {
            let _infallible = write!(table, "{cell:<width$}{GAP}");
        }
        let lines = wrapped(&shown(row[N - 1]), page.saturating_sub(indent));
        let between = format!("\n{:indent$}", "");
        table.push_str(lines.join(&between).trim_end());
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

/// Lines of at most `width` characters. A digest that is longer has lines of its own, cut into equal parts; any other
/// longer word, a path or an address, stands uncut, so that it can be copied.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if let Some(parts) = cut(word, width) {
            lines.retain(|line| !line.is_empty());
            lines.extend(parts.map(str::to_owned));
        } else if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// A digest that does not fit, with what stands before and behind it, in as few equal parts as will do: halves mostly.
fn cut(word: &str, width: usize) -> Option<impl Iterator<Item = &str>> {
    let is_digit = |c: char| c.is_ascii_hexdigit();
    let end = word.trim_end_matches(|c| !is_digit(c)).len();
    let start = word[..end].rfind(|c| !is_digit(c));
    let start = start.map_or(0, |last| last + 1);
    let (before, digits, behind) = (start, end - start, word.len() - end);
    if word.len() <= width || !word.is_ascii() || digits < DIGEST {
        return None;
    }
    let part = |parts| digits.div_ceil(parts).next_multiple_of(GROUP);
    let fits = |part: &usize| part + before.max(behind) <= width;
    let part = (2..digits).map(part).find(fits).unwrap_or(GROUP);
    let mut places: Vec<_> = (start..end).step_by(part).skip(1).collect();
    places.push(word.len());
    let from = std::iter::once(0).chain(places.clone());
    Some(from.zip(places).map(|(from, to)| &word[from..to]))
}

/// Text with everything escaped that a terminal would obey rather than show.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || is_unseen(c) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// Characters without a shape of their own, some of which turn the text's direction around.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, result: CheckResult, reason: &str) -> CheckRecord {
        CheckRecord {
            name: name.to_owned(),
            result,
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn checks_are_aligned_failures_first_and_reasons_wrapped_under_themselves() {
        let long = "word ".repeat(20);
        let page = checks(&[
            check("signature", CheckResult::Pass, "it holds"),
            check("launch_digest", CheckResult::NotChecked, ""),
            check("debug", CheckResult::Fail, long.trim()),
        ]);
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines[0], "RESULT       CHECK          REASON");
        assert!(lines[1].starts_with("FAIL         debug          word word"));
        assert!(lines[2].starts_with(&format!("{:28}word", "")), "{page}");
        assert_eq!(lines[3], "pass         signature      it holds");
        assert_eq!(lines[4], "not checked  launch_digest");
    }

    #[test]
    fn lines_are_as_wide_as_the_page_at_most() {
        let (words, digest) = ("word ".repeat(60), "ab".repeat(48));
        let text = format!("{words}{digest}; {words}");
        for width in [80, 100, 120] {
            let page = table_of(width, &[["a check", &text]]);
            let longest = page.lines().map(str::len).max();
            assert!(
                longest <= Some(width) && longest > Some(width - 5),
                "{page}"
            );
        }
    }

    #[test]
    fn digest_that_does_not_fit_is_cut_in_halves_under_each_other() {
        let (first, second) = ("ab".repeat(32), "cd".repeat(32));
        let text = format!("it is sha512:{first}{second}; here");
        let page = table_of(100, &[["digest", &text]]);
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines[0], "digest  it is");
        assert_eq!(lines[1], format!("        sha512:{first}"));
        assert_eq!(lines[2], format!("        {second}; here"));
        let page = table_of(60, &[["digest", &text]]);
        assert!(
            page.contains(&format!("sha512:{}\n", &first[..32])),
            "{page}"
        );
    }

    #[test]
    fn long_word_that_is_no_digest_is_not_cut() {
        let address = format!("https://example/{}?a=0123456789abcdef", "ab".repeat(64));
        let page = table_of(80, &[["get", &format!("it is {address} here")]]);
        assert!(page.lines().any(|line| line.trim() == address), "{page}");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let page = warnings(&["a\u{1B}[2Jb\nc\u{202E}d".to_owned()]);
        assert_eq!(page, "WARNING:  a\\u{1b}[2Jb\\u{a}c\\u{202e}d\n");
    }
}
