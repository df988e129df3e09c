//! The verdict as a person reads it: what it is, then every check, then what to know about it.

use attestation_verdict::{CheckRecord, CheckResult};
use std::fmt::Write;

/// A terminal of this width shows every line whole, but for digests that are longer.
const WIDTH: usize = 110;
const GAP: &str = "  ";

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

/// Rows of aligned columns, the last of which is wrapped.
pub fn table<const N: usize>(rows: &[[&str; N]]) -> String {
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
        let lines = wrapped(&shown(row[N - 1]), WIDTH.saturating_sub(indent));
        let between = format!("\n{:indent$}", "");
        table.push_str(lines.join(&between).trim_end());
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

/// Lines of at most `width` characters; a word that is longer stands on a line of its own, uncut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
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
        let long = "word ".repeat(30);
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
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{page}");
    }

    #[test]
    fn long_word_is_not_cut() {
        let digest = "ab".repeat(64);
        let page = facts(&[("report data", format!("it is {digest} here"))]);
        assert!(page.lines().any(|line| line.trim() == digest), "{page}");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let page = warnings(&["a\u{1B}[2Jb\nc\u{202E}d".to_owned()]);
        assert_eq!(page, "WARNING:  a\\u{1b}[2Jb\\u{a}c\\u{202e}d\n");
    }
}
