//! The table: `tests/mutants/CRATE.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use measured_boot_digest::sha384;
use serde::Deserialize;

/// A crate of `attestation/` and its guards.
pub struct Crate {
    /// The folder's name.
    pub name: String,
    /// In the order of the file.
    pub mutants: Vec<Mutant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    mutant: Vec<Mutant>,
}

/// A guard, and who misses it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// What is checked, by its name in verdicts.
    pub check: String,
    /// Which file of the crate has it.
    pub file: PathBuf,
    /// A text that the file has once.
    pub find: String,
    /// What stands there without the guard.
    pub replace: String,
    /// The test that must fail then: its function's name.
    pub test: String,
}

impl Crate {
    /// Its folder in a tree.
    pub fn folder(&self, root: &Path) -> PathBuf {
        root.join("attestation").join(&self.name)
    }

    /// As cargo names it.
    pub fn package(&self) -> String {
        match self.name.as_str() {
            // A program is called as people call it.
            "offline" => "cloister-verify".to_owned(),
            name => format!("attestation-{name}"),
        }
    }
}

impl Mutant {
    /// One line that says which guard it is.
    pub fn label(&self) -> String {
        let text = self.find.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = text.chars().take(90).collect();
        format!("{}: {}: {short}", self.check, self.file.display())
    }

    /// A digest of the guard's file and the test's: as long as it is the same, so is what becomes of a trial.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn state(&self, folder: &Path) -> Result<String> {
        let mut both = sha384(&fs::read(folder.join(&self.file))?).to_vec();
        let test = file_of(folder, &self.test)?;
        both.extend(sha384(&fs::read(folder.join(test))?));
        Ok(hex::encode(&sha384(&both)[..16]))
    }

    /// The file without the guard.
    ///
    /// # Errors
    /// The text is not there exactly once, or nothing would change.
    pub fn apply(&self, text: &str) -> Result<String> {
        let found = text.matches(&self.find).count();
        let place = self.file.display();
        ensure!(
            found == 1,
            "{place} has {found} times, not once: {}",
            self.find
        );
        ensure!(self.find != self.replace, "{place}: nothing is replaced");
        Ok(text.replace(&self.find, &self.replace))
    }
}

/// Reads every file of the table, in order.
///
/// # Errors
/// One cannot be read.
pub fn read(root: &Path) -> Result<Vec<Crate>> {
    let folder = root.join("tests/mutants");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&folder).context("read tests/mutants")? {
        paths.push(entry?.path());
    }
    paths.sort();
    paths.iter().map(|path| read_one(path)).collect()
}

fn read_one(path: &Path) -> Result<Crate> {
    let place = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(place)?;
    let file: File = toml::from_str(&text).with_context(place)?;
    let name = path.file_stem().and_then(|name| name.to_str());
    Ok(Crate {
        name: name.with_context(place)?.to_owned(),
        mutants: file.mutant,
    })
}

/// Which of cargo's targets has a test: the library, the program of a crate that has none, or a program of `tests/`.
#[derive(Debug, PartialEq, Eq)]
pub enum TestTarget {
    /// `--lib`.
    Library,
    /// `--bins`.
    Program,
    /// `--test`.
    Named(String),
}

/// Looks for the test's function below the crate's folder.
///
/// # Errors
/// It is not there exactly once.
pub fn target_of(folder: &Path, test: &str) -> Result<TestTarget> {
    let path = file_of(folder, test)?;
    let mut parts = path.iter().filter_map(|part| part.to_str());
    Ok(match (parts.next(), parts.next()) {
        (Some("tests"), Some(name)) => TestTarget::Named(name.trim_end_matches(".rs").to_owned()),
        _ if folder.join("src/lib.rs").exists() => TestTarget::Library,
        _ => TestTarget::Program,
    })
}

fn file_of(folder: &Path, test: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for path in super::copy::files(folder)? {
        if path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let text = fs::read_to_string(folder.join(&path))?;
        if text.contains(&format!("fn {test}(")) {
            found.push(path);
        }
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        count => bail!("{}: {test} is there {count} times", folder.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
    }

    #[test]
    fn every_guard_of_the_table_is_in_the_source_once_and_has_its_test() {
        for one in read(root()).expect("the table can be read") {
            let folder = one.folder(root());
            for mutant in &one.mutants {
                let path = folder.join(&mutant.file);
                let text = fs::read_to_string(&path).expect("the file is there");
                mutant.apply(&text).expect("the guard is there");
                target_of(&folder, &mutant.test).expect("the test is there");
            }
        }
    }

    #[test]
    fn every_crate_that_judges_has_guards_in_the_table() {
        let crates = read(root()).expect("the table can be read");
        let names: Vec<_> = crates.iter().map(|one| one.name.as_str()).collect();
        let judging = [
            "appraisal",
            "certificates",
            "offline",
            "shapes",
            "snp",
            "tdx",
            "tpm",
        ];
        assert_eq!(names, judging);
        assert!(crates.iter().all(|one| !one.mutants.is_empty()));
    }

    #[test]
    fn guard_that_is_there_twice_or_not_at_all_is_refused() {
        let mutant = |find: &str, replace: &str| Mutant {
            check: String::new(),
            file: PathBuf::from("f"),
            find: find.to_owned(),
            replace: replace.to_owned(),
            test: String::new(),
        };
        assert_eq!(mutant("b", "c").apply("abd").expect("once"), "acd");
        assert!(mutant("b", "c").apply("abdb").is_err());
        assert!(mutant("b", "c").apply("ad").is_err());
        assert!(mutant("b", "b").apply("abd").is_err());
    }
}
