//! One guard taken out, and the one test run.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use super::copy;
use super::table::{Crate, Mutant, TestTarget, package_of, target_of};

/// What tests of other crates than the guard's run: they look for it beside their own programs.
const PROGRAMS: [&str; 3] = [
    "cloister-simulated-tee",
    "cloister-supervisor",
    "cloister-vmm",
];

/// Longer than any build and test of one crate takes.
const SECONDS: &str = "600";

/// What became of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The test failed, as it must.
    Failed,
    /// The test passed: it does not need the guard.
    Passed,
    /// Without the guard there is no program.
    DoesNotCompile,
    /// No test of this name ran, or it came to no end.
    NotRun,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failed => "fails without",
            Self::Passed => "PASSES WITHOUT",
            Self::DoesNotCompile => "DOES NOT COMPILE",
            Self::NotRun => "DOES NOT RUN",
        })
    }
}

/// A copy of the tree in which the tests passed that rows of a crate name.
pub struct Trials<'a> {
    one: &'a Crate,
    tree: PathBuf,
    build: PathBuf,
}

impl<'a> Trials<'a> {
    /// Copies the tree and runs the tests with every guard in place.
    ///
    /// # Errors
    /// They do not pass.
    pub fn prepare(root: &Path, folder: &Path, one: &'a Crate) -> Result<Self> {
        let trials = Self {
            one,
            tree: folder.join("tree"),
            build: folder.join("build"),
        };
        copy::sync(root, &trials.tree).context("copy the tree")?;
        // Tests find the published vectors beside the tree, and other people's tools in it.
        link(&root.join("../shared"), &folder.join("shared"))?;
        link(
            &root.join("target/tools"),
            &trials.tree.join("target/tools"),
        )?;
        trials.prepare_tests()?;
        Ok(trials)
    }

    fn prepare_tests(&self) -> Result<()> {
        let mut crates = BTreeMap::<_, Vec<_>>::new();
        for mutant in &self.one.mutants {
            let package = self.test_package(mutant)?;
            crates.entry(package).or_default().push(&*mutant.test);
        }
        if self.one.mutants.iter().any(|it| it.test_crate.is_some()) {
            let output = self.build_programs()?;
            ensure!(output.status.success(), "{}", said(&output));
        }
        for (package, tests) in crates {
            self.expect_pass(&package, &tests)?;
        }
        Ok(())
    }

    fn test_package(&self, mutant: &Mutant) -> Result<String> {
        match &mutant.test_crate {
            Some(name) => package_of(&self.tree.join(name)),
            None => Ok(self.one.package.clone()),
        }
    }

    fn expect_pass(&self, package: &str, tests: &[&str]) -> Result<()> {
        let mut command = self.cargo("test");
        command.args(["--package", package, "--"]).args(tests);
        let output = command.output().context("run cargo")?;
        ensure!(
            output.status.success(),
            "the tests of {package} do not pass as they are\n{}",
            said(&output)
        );
        Ok(())
    }

    /// Takes the guard out, runs its test, and puts it back.
    ///
    /// # Errors
    /// The guard is not there, or cargo cannot be run.
    pub fn run(&self, mutant: &Mutant) -> Result<Outcome> {
        let path = self.one.folder(&self.tree).join(&mutant.file);
        let whole = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        fs::write(&path, mutant.apply(&whole)?)?;
        let outcome = self.run_test(mutant);
        fs::write(&path, whole)?;
        outcome
    }

    fn run_test(&self, mutant: &Mutant) -> Result<Outcome> {
        if mutant.test_crate.is_some() && !self.build_programs()?.status.success() {
            return Ok(Outcome::DoesNotCompile);
        }
        let folder = self.one.test_folder(&self.tree, mutant);
        let target = match target_of(&folder, &mutant.test)? {
            TestTarget::Library => vec!["--lib".to_owned()],
            TestTarget::Program => vec!["--bins".to_owned()],
            TestTarget::Named(name) => vec!["--test".to_owned(), name],
        };
        let mut command = self.cargo("test");
        command.arg("--package").arg(self.test_package(mutant)?);
        command.args(target).args(["--", &mutant.test]);
        let output = command.output().context("run cargo")?;
        Ok(outcome(
            &mutant.test,
            &String::from_utf8_lossy(&output.stderr),
            &String::from_utf8_lossy(&output.stdout),
        ))
    }

    fn build_programs(&self) -> Result<Output> {
        let mut command = self.cargo("build");
        for program in PROGRAMS {
            command.args(["--package", program]);
        }
        command.output().context("run cargo")
    }

    /// Cargo on the copy. Fast to build rather than fast, and on one target folder for all trials.
    fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new("timeout");
        command.args([SECONDS, "cargo", subcommand, "--offline"]);
        command
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            // With them the standard library asks for a descriptor's flags when it closes one, a call that no
            // profile of our programs has.
            .env("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false")
            .env("CARGO_PROFILE_DEV_OVERFLOW_CHECKS", "true")
            .env_remove("CARGO_MANIFEST_DIR");
        command
    }
}

/// A link to what is there, once.
fn link(target: &Path, link: &Path) -> Result<()> {
    if target.exists() && !link.exists() {
        fs::create_dir_all(link.parent().unwrap_or(link))?;
        std::os::unix::fs::symlink(fs::canonicalize(target)?, link)?;
    }
    Ok(())
}

/// All that a program printed.
fn said(output: &Output) -> String {
    let [said, told] = [&output.stderr, &output.stdout].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{said}\n{told}")
}

fn outcome(test: &str, said: &str, told: &str) -> Outcome {
    // A test that builds the boot shim says it, and not cargo.
    let fault = "could not compile";
    if said.contains(fault) || told.contains(fault) {
        return Outcome::DoesNotCompile;
    }
    let of = |word: &str| {
        let ends = [
            format!("::{test} ... {word}"),
            format!("test {test} ... {word}"),
        ];
        let mut lines = told.lines();
        lines.any(|line| ends.iter().any(|end| line.ends_with(end.as_str())))
    };
    if of("FAILED") {
        Outcome::Failed
    } else if of("ok") {
        Outcome::Passed
    } else {
        Outcome::NotRun
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_is_read_from_what_cargo_prints() {
        let told = "running 2 tests\ntest a::b_of_c ... ok\ntest a::b ... FAILED\n";
        assert_eq!(outcome("b", "", told), Outcome::Failed);
        assert_eq!(outcome("b_of_c", "", told), Outcome::Passed);
        assert_eq!(outcome("c", "", told), Outcome::NotRun);
        let said = "error: could not compile `x` (lib)";
        assert_eq!(outcome("b", said, ""), Outcome::DoesNotCompile);
        let built = format!("{told}the boot shim cannot be built: {said}");
        assert_eq!(outcome("b", "", &built), Outcome::DoesNotCompile);
    }
}
