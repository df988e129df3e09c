//! The table: `tests/mutants/FOLDER/CRATE.toml` has the guards of the crate in `FOLDER/CRATE`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use measured_boot_digest::sha384;
use serde::Deserialize;

/// A crate and its guards.
pub struct Crate {
    /// Its folder in the tree: `vmm/kvm`.
    pub name: String,
    /// As cargo names it.
    pub package: String,
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
    /// What is checked: in verdicts, by its name there.
    pub check: String,
    /// Which file of the crate has it.
    pub file: PathBuf,
    /// A text that the file has once.
    pub find: String,
    /// What stands there without the guard.
    pub replace: String,
    /// The test that must fail then: its function's name.
    pub test: String,
    /// The folder of the crate that has the test, if the guard's own has not: its tests run the VMM's programs.
    #[serde(rename = "crate")]
    pub test_crate: Option<String>,
}

impl Crate {
    /// Its folder in a tree.
    pub fn folder(&self, root: &Path) -> PathBuf {
        root.join(&self.name)
    }

    /// Whether people mean it by `name`: its folder, or the end of that.
    pub fn is_called(&self, name: &str) -> bool {
        Path::new(&self.name).ends_with(name)
    }

    /// The folder of the crate that has the test.
    pub fn test_folder(&self, root: &Path, mutant: &Mutant) -> PathBuf {
        root.join(mutant.test_crate.as_ref().unwrap_or(&self.name))
    }

    /// A digest of the guard's file and the test's: as long as it is the same, so is what becomes of a trial.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn state(&self, root: &Path, mutant: &Mutant) -> Result<String> {
        let mut both = sha384(&fs::read(self.folder(root).join(&mutant.file))?).to_vec();
        let folder = self.test_folder(root, mutant);
        let test = file_of(&folder, &mutant.test)?;
        both.extend(sha384(&fs::read(folder.join(test))?));
        Ok(hex::encode(&sha384(&both)[..16]))
    }
}

impl Mutant {
    /// One line that says which guard it is.
    pub fn label(&self) -> String {
        let text = self.find.split_whitespace().collect::<Vec<_>>().join(" ");
        let short: String = text.chars().take(90).collect();
        format!("{}: {}: {short}", self.check, self.file.display())
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
/// One cannot be read, or has no crate.
pub fn read(root: &Path) -> Result<Vec<Crate>> {
    let folder = root.join("tests/mutants");
    let paths = super::copy::files(&folder)?;
    paths
        .iter()
        .map(|path| read_one(root, &folder.join(path), &path.with_extension("")))
        .collect()
}

fn read_one(root: &Path, path: &Path, name: &Path) -> Result<Crate> {
    let place = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(place)?;
    let file: File = toml::from_str(&text).with_context(place)?;
    Ok(Crate {
        name: name.to_str().with_context(place)?.to_owned(),
        package: package_of(&root.join(name))?,
        mutants: file.mutant,
    })
}

/// What cargo calls the crate in a folder.
///
/// # Errors
/// There is none.
pub fn package_of(folder: &Path) -> Result<String> {
    let path = folder.join("Cargo.toml");
    let place = || path.display().to_string();
    let text = fs::read_to_string(&path).with_context(place)?;
    let manifest: toml::Table = toml::from_str(&text).with_context(place)?;
    let package = manifest.get("package").and_then(|it| it.get("name"));
    let name = package.and_then(toml::Value::as_str);
    Ok(name.with_context(place)?.to_owned())
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
                let tests = one.test_folder(root(), mutant);
                target_of(&tests, &mutant.test).expect("the test is there");
            }
        }
    }

    #[test]
    fn every_crate_that_judges_has_guards_in_the_table() {
        let crates = read(root()).expect("the table can be read");
        let names: Vec<_> = crates.iter().map(|one| one.name.as_str()).collect();
        let judging = [
            "attestation/appraisal",
            "attestation/certificates",
            "attestation/offline",
            "attestation/shapes",
            "attestation/snp",
            "attestation/tdx",
            "attestation/tpm",
            "measured-boot/digest",
            "measured-boot/id-block",
            "measured-boot/igvm",
            "measured-boot/image",
            "measured-boot/plan",
            "measured-boot/shim",
            "measured-boot/shim-abi",
            "measured-boot/snp-launch",
            "measured-boot/tdx-launch",
            "vmm/conversion",
            "vmm/ioapic",
            "vmm/kernel-abi",
            "vmm/kvm",
            "vmm/launch",
            "vmm/monitor",
            "vmm/snp",
            "vmm/tdx",
        ];
        for name in judging {
            assert!(names.contains(&name), "{name} has no table");
        }
        assert!(crates.iter().all(|one| !one.mutants.is_empty()));
    }

    #[test]
    fn crate_is_called_by_its_folder_or_the_end_of_it() {
        let crates = read(root()).expect("the table can be read");
        let called = |name: &str| crates.iter().filter(|one| one.is_called(name)).count();
        assert_eq!(called("attestation/snp"), 1);
        assert!(called("snp") >= 1);
        assert_eq!(called("np"), 0);
    }

    #[test]
    fn guard_that_is_there_twice_or_not_at_all_is_refused() {
        let mutant = |find: &str, replace: &str| Mutant {
            check: String::new(),
            file: PathBuf::from("f"),
            find: find.to_owned(),
            replace: replace.to_owned(),
            test: String::new(),
            test_crate: None,
        };
        assert_eq!(mutant("b", "c").apply("abd").expect("once"), "acd");
        assert!(mutant("b", "c").apply("abdb").is_err());
        assert!(mutant("b", "c").apply("ad").is_err());
        assert!(mutant("b", "b").apply("abd").is_err());
    }
}
