//! The page that says what has seen which machine, held to its tests.
//!
//! Its tables have a column for each stand-in. A cell there is filled if and only if the row names a test of that
//! stand-in's own: neither more nor less is claimed than the tests do.

use crate::promises::{Shown, is_rule, quoted};

/// A stand-in: its column's heading, and the folder of its tests.
pub type StandIn = (&'static str, &'static str);

/// Every cell that says more or less than its row's tests, and how many were looked at.
#[must_use]
pub fn faults(document: &str, shown: &Shown, stand_ins: &[StandIn]) -> (usize, Vec<String>) {
    let mut looked_at = 0;
    let mut faults = Vec::new();
    let mut head: Option<Vec<&str>> = None;
    for (number, line) in document.lines().enumerate() {
        let Some(cells) = cells(line) else {
            head = None;
            continue;
        };
        let Some(head) = &head else {
            head = Some(cells);
            continue;
        };
        for (column, folder) in stand_ins {
            let place = head.iter().position(|heading| heading == column);
            let cell = place.and_then(|place| cells.get(place));
            let Some(cell) = cell.filter(|cell| !is_rule(cell)) else {
                continue;
            };
            looked_at += 1;
            let tests = cells.last().copied().unwrap_or_default();
            let is_shown = quoted(tests).any(|test| shown.is_below(test, folder));
            if cell.is_empty() == is_shown {
                let what = match is_shown {
                    true => "is empty, and a test of",
                    false => "is filled, and no test of",
                };
                faults.push(format!(
                    "line {}: {column} {what} {folder} is named",
                    number + 1
                ));
            }
        }
    }
    (looked_at, faults)
}

fn cells(line: &str) -> Option<Vec<&str>> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(row.split('|').map(str::trim).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAND_INS: [StandIn; 1] = [("emulator", "tests/emulator/")];

    fn look(row: &str) -> (usize, Vec<String>) {
        let mut shown = Shown::default();
        shown.add(
            "tests/emulator/a.rs".to_owned(),
            "#[test]\nfn emulated() {}\n",
        );
        shown.add("vmm/a.rs".to_owned(), "#[test]\nfn unit() {}\n");
        let page = format!("| path | emulator | shown by |\n|---|---|---|\n{row}\n");
        faults(&page, &shown, &STAND_INS)
    }

    #[test]
    fn cell_is_filled_if_and_only_if_a_test_of_its_stand_in_is_named() {
        for row in ["| a | yes | `unit`, `emulated` |", "| a | | `unit` |"] {
            assert_eq!(look(row), (1, Vec::new()), "{row}");
        }
        for row in [
            "| a | yes | `unit` |",
            "| a | | `emulated` |",
            "| a | digest | `nothing` |",
        ] {
            assert_eq!(look(row).1.len(), 1, "{row}");
        }
    }

    #[test]
    fn table_without_the_column_claims_nothing() {
        let page = "| a | shown by |\n|---|---|\n| b | `unit` |\n";
        assert_eq!(faults(page, &Shown::default(), &STAND_INS), (0, Vec::new()));
    }
}
