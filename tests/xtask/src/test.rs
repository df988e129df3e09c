//! Runs every test, and counts what a machine could not run by its name and reason.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::bench::peer;
use crate::install;

/// Formatting, lints, then every test under one runner.
///
/// # Errors
/// When anything fails; the count has been printed by then.
pub fn run(root: &Path) -> Result<()> {
    install::packages(None)?;
    heading("format and lints");
    install::cargo(root, &["fmt", "--all", "--check"])?;
    install::build(
        root,
        &[
            "clippy",
            "--release",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    heading("programs");
    install::build(root, &["build", "--release", "--workspace", "--quiet"])?;
    install::shim(root)?;
    fetch_kernel(root);
    install_peer(root);
    heading("tests");
    let nextest = nextest(root)?;
    let mut report = Report::default();
    let passed = report.follow(root, &nextest)?;
    report.print();
    if !passed || report.failed > 0 {
        bail!(
            "{} of {} tests failed",
            report.failed,
            report.failed + report.passed
        );
    }
    Ok(())
}

/// Tests that come first need the stock kernel too. Without it they say so and are counted as skipped.
fn fetch_kernel(root: &Path) {
    match tests_lab::kernel_package(&root.join("target/demo/cache")) {
        Ok(package) => println!("stock kernel: {}", package.display()),
        Err(reason) => println!("no stock kernel: {reason:#}"),
    }
}

/// What launch digests are compared with. Without it the tests say so and are counted as skipped.
fn install_peer(root: &Path) {
    if let Err(reason) = peer::installed(root) {
        println!("no sev-snp-measure: {reason:#}");
    }
}

fn heading(text: &str) {
    println!("\n== {text}");
}

/// The runner: the one on this machine, or one built here once.
fn nextest(root: &Path) -> Result<PathBuf> {
    let found = Command::new("cargo-nextest")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return Ok("cargo-nextest".into());
    }
    install::tool(root, "cargo-nextest")
}

/// What the runner said.
#[derive(Debug, Default)]
struct Report {
    passed: usize,
    failed: usize,
    skipped: Vec<(String, String)>,
}

impl Report {
    /// Runs the tests, passes on what a person wants to see, and counts.
    fn follow(&mut self, root: &Path, nextest: &Path) -> Result<bool> {
        let mut child = Command::new(nextest)
            .args([
                "nextest",
                "run",
                "--release",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ])
            .args([
                "--success-output",
                "immediate",
                "--failure-output",
                "immediate",
            ])
            .args(["--color", "never", "--cargo-quiet"])
            .current_dir(root)
            .stderr(Stdio::piped())
            .spawn()
            .context("run cargo nextest")?;
        let output = child
            .stderr
            .take()
            .context("the runner's output is piped")?;
        let mut current = Test::default();
        let mut lines = BufReader::new(output).lines();
        for line in lines.by_ref() {
            let line = line?;
            // The runner's own count; from here on it repeats itself.
            if line.trim_start().starts_with("Summary [") {
                self.count(&line)?;
                break;
            }
            self.read(&line, &mut current);
        }
        // A pipe that nobody reads would stop the runner.
        lines.for_each(drop);
        Ok(child.wait()?.success())
    }

    /// The runner prints a line a test, and under it that test's output, indented. A passed test's
    /// output is only searched for the reason why it could not run.
    fn read(&mut self, line: &str, current: &mut Test) {
        if let Some(test) = Test::from_status(line) {
            println!("{line}");
            *current = test;
        } else if let Some(reason) = line.trim_start().strip_prefix("skipped: ") {
            self.skipped.push((current.name.clone(), reason.to_owned()));
        } else if !current.passed || line.trim_start().starts_with("SLOW") {
            println!("{line}");
        }
    }

    /// `Summary [ 2.5s] 8 tests run: 7 passed (1 slow), 1 failed, 0 skipped`
    fn count(&mut self, summary: &str) -> Result<()> {
        let words: Vec<&str> = summary.split_whitespace().collect();
        let before = |word: &str| {
            let pair = words
                .windows(2)
                .find(|pair| pair[1].trim_end_matches(',') == word);
            pair.and_then(|pair| pair[0].parse::<usize>().ok())
        };
        let run = before("tests")
            .or_else(|| before("test"))
            .context("the runner counts no tests")?;
        self.passed = before("passed").unwrap_or(0);
        self.failed = run.saturating_sub(self.passed);
        Ok(())
    }

    fn print(&mut self) {
        self.skipped.dedup_by(|a, b| a.0 == b.0);
        if !self.skipped.is_empty() {
            heading("skipped: this machine cannot run");
            for (name, reason) in &self.skipped {
                println!("  {name}\n      {reason}");
            }
        }
        let skipped = self.skipped.len();
        println!(
            "\n{} passed, {} failed, {skipped} skipped",
            self.passed - skipped,
            self.failed
        );
    }
}

/// The test that the runner speaks of.
#[derive(Debug, Default)]
struct Test {
    name: String,
    passed: bool,
}

impl Test {
    /// `        PASS [   0.005s] (2/3) package::binary test_name`
    fn from_status(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let passed = match words.next()? {
            "PASS" => true,
            "FAIL" | "TIMEOUT" | "SIGABRT" | "SIGSEGV" | "SIGKILL" | "SIGSYS" | "ABORT" => false,
            _ => return None,
        };
        let (_, name) = line.split_once("] ")?;
        let name = name.split_once(") ").map_or(name, |(_, name)| name);
        Some(Self {
            name: name.to_owned(),
            passed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_line_gives_name_and_result() {
        let test =
            Test::from_status("        PASS [   0.005s] (2/3) cloister::dispatch help_works");
        let test = test.unwrap();
        assert!(test.passed);
        assert_eq!(test.name, "cloister::dispatch help_works");
        let failed = Test::from_status("     SIGSEGV [   0.005s] (2/3) a b").unwrap();
        assert!(!failed.passed);
        assert!(Test::from_status("    running 1 test").is_none());
    }

    #[test]
    fn skipped_test_is_counted_under_its_name_and_not_as_passed() {
        let mut report = Report::default();
        let mut current = Test::default();
        for line in [
            "  PASS [ 0.1s] (1/2) a b",
            "    skipped: needs root",
            "  PASS [ 0.1s] (2/2) a c",
        ] {
            report.read(line, &mut current);
        }
        report
            .count("  Summary [ 0.2s] 3 tests run: 2 passed (1 slow), 1 failed, 0 skipped")
            .unwrap();
        assert_eq!((report.passed, report.failed), (2, 1));
        assert_eq!(
            report.skipped,
            [("a b".to_owned(), "needs root".to_owned())]
        );
    }
}
