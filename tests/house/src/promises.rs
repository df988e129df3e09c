//! Documents that name the test behind a claim, held to it: the test exists.
//!
//! A table whose last column is headed `test`, `negative test` or `shown by` makes promises: every name
//! in backticks in that column is a test, or a file of tests. `…` stands for the rest of a name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

/// A claim's test, as a document names it.
#[derive(Debug, PartialEq, Eq)]
pub struct Promise {
    /// The line of the document, counted from 1.
    pub line: usize,
    /// What it names.
    pub test: String,
}

/// What of the checkout a promise can be kept by.
#[derive(Debug, Default)]
pub struct Shown {
    /// Every test's name, and the files that have one of this name.
    tests: BTreeMap<String, BTreeSet<String>>,
    files: BTreeSet<String>,
}

/// The promises of one document.
#[must_use]
pub fn promises(document: &str) -> Vec<Promise> {
    let mut found = Vec::new();
    let mut promising = None;
    for (number, line) in document.lines().enumerate() {
        let Some(last) = last_cell(line) else {
            promising = None;
            continue;
        };
        match promising {
            None => promising = Some(matches!(last, "test" | "negative test" | "shown by")),
            Some(true) if !is_rule(last) => found.extend(tests_of(last).map(|test| Promise {
                line: number + 1,
                test: test.to_owned(),
            })),
            Some(_) => {}
        }
    }
    found
}

/// The names that a cell gives. A row that names none still promises one: the empty name, which no
/// test has.
fn tests_of(cell: &str) -> impl Iterator<Item = &str> {
    let none = (!cell.contains('`')).then_some("");
    quoted(cell).chain(none)
}

/// The line between a table's head and its rows.
pub(crate) fn is_rule(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|sign| matches!(sign, '-' | ':'))
}

/// The last cell of a table's row.
fn last_cell(line: &str) -> Option<&str> {
    let row = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    row.rsplit('|').next().map(str::trim)
}

/// The words in backticks.
pub(crate) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

impl Shown {
    /// Reads the names of all tests below `folder`, built things left out.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut shown = Self::default();
        for top in ["attestation", "measured-boot", "policies", "tests", "vmm"] {
            shown.read_folder(root, &root.join(top))?;
        }
        Ok(shown)
    }

    fn read_folder(&mut self, root: &Path, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                self.read_folder(root, &path)?;
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap_or(&path);
                self.add(name.display().to_string(), &fs::read_to_string(&path)?);
            }
        }
        Ok(())
    }

    pub(crate) fn add(&mut self, file: String, code: &str) {
        for test in tests_in(code) {
            self.tests.entry(test).or_default().insert(file.clone());
        }
        self.files.insert(file);
    }

    /// Whether a test of this name stands below this folder.
    #[must_use]
    pub fn is_below(&self, test: &str, folder: &str) -> bool {
        let files = self.tests.get(test);
        files.is_some_and(|files| files.iter().any(|file| file.starts_with(folder)))
    }

    /// Whether there is such a test, or such a file.
    #[must_use]
    pub fn has(&self, promise: &str) -> bool {
        if promise.ends_with(".rs") {
            let end = format!("/{promise}");
            let mut files = self.files.iter();
            return files.any(|file| file == promise || file.ends_with(&end));
        }
        let mut parts = promise.splitn(3, '…');
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        match (first, second, third) {
            (Some(name), None, _) => self.tests.contains_key(name),
            (Some(""), Some(middle), Some("")) => self.any(|test| test.contains(middle)),
            (Some(start), Some(end), None) => {
                self.any(|test| test.starts_with(start) && test.ends_with(end))
            }
            _ => false,
        }
    }

    fn any(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.tests.keys().any(|test| is_it(test))
    }
}

/// The functions under a test attribute, and those that the store's `both!` makes tests of.
fn tests_in(code: &str) -> impl Iterator<Item = String> + '_ {
    let mut attributed = false;
    let mut listed = false;
    code.lines().filter_map(move |line| {
        let line = line.trim();
        if listed {
            listed = line != "}";
            return line.strip_suffix(',').map(str::to_owned);
        }
        if line == "both! {" {
            listed = true;
            return None;
        }
        if line.starts_with("#[") {
            attributed |= line.contains("test]") || line.contains("test(");
            return None;
        }
        let was_attributed = std::mem::take(&mut attributed);
        let (_, name) = line.split_once("fn ")?;
        let name = name.split_once('(')?.0;
        was_attributed.then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "text `not_a_promise`\n\n| claim | test |\n|---|---|\n| a `b_c` | `first_test`, `…_second_…` |\n\n| a | b |\n|---|---|\n| x | `nothing` |\n";

    #[test]
    fn promises_are_the_last_column_of_tables_headed_so() {
        let found = promises(PAGE);
        let tests: Vec<&str> = found.iter().map(|promise| promise.test.as_str()).collect();
        assert_eq!(tests, ["first_test", "…_second_…"]);
        assert_eq!(found[0].line, 5);
    }

    #[test]
    fn row_that_names_no_test_promises_one_that_is_not_there() {
        let found = promises("| claim | shown by |\n|---|---|\n| a | the service's tests |\n");
        assert_eq!(found.len(), 1);
        assert!(!Shown::default().has(&found[0].test));
    }

    #[test]
    fn name_that_is_listed_for_both_stores_is_a_test_and_none_behind_the_list_is() {
        let code = "both! {\n    first_one,\n    second_one,\n}\n\nfn first_one(database: &mut Database) {\n    call(\n        helper_one,\n    );\n}\n";
        let found: Vec<String> = tests_in(code).collect();
        assert_eq!(found, ["first_one", "second_one"]);
    }

    #[test]
    fn name_is_shown_by_a_test_only_and_its_gap_by_any_rest() {
        let code = "#[test]\nfn one_two_three() {}\n\nfn helper_two() {}\n\n#[tokio::test]\nasync fn four() {}\n";
        let mut shown = Shown::default();
        shown.add("vmm/kvm/tests/kvm.rs".to_owned(), code);
        for there in [
            "one_two_three",
            "one_…",
            "…_three",
            "…_two_…",
            "one…three",
            "four",
            "tests/kvm.rs",
        ] {
            assert!(shown.has(there), "{there}");
        }
        for absent in [
            "one_two",
            "helper_two",
            "…_two",
            "two_…",
            "…_five_…",
            "tests/m.rs",
        ] {
            assert!(!shown.has(absent), "{absent}");
        }
    }
}
