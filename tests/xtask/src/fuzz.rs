//! `cargo xtask fuzz`: builds the fuzzers and runs each for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tests_fuzz_targets::{TARGETS, Target};

use crate::install;

/// How long a first build of all fuzzers may take on two cores before somebody should look.
const BUILD_BUDGET: Duration = Duration::from_secs(360);
/// How many inputs a run adds to a target's corpus: the repository keeps a sample, not all.
const MOST_KEPT: usize = 32;
/// libFuzzer is part of nightly compilers only.
const TOOLCHAIN: &str = "nightly";
const TRIPLE: &str = "x86_64-unknown-linux-gnu";

/// What is asked of a run.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The one target to run; all, one after the other, when not given.
    target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Only try what is kept, and its neighbours, on the compiler that builds everything else.
    #[arg(long)]
    replay: bool,
    /// Begin with our own seeds alone, and keep in tests/fuzz/corpus what reaches code that they do not.
    #[arg(long)]
    keep: bool,
    /// Watch the memory of unsafe code in dependencies too; slower.
    #[arg(long)]
    address_sanitizer: bool,
}

/// Runs what is asked for and prints a row a target.
///
/// # Errors
/// When a fuzzer cannot be built, or found what breaks a promise.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    if arguments.replay {
        let test = ["nextest", "run", "--release", "-p", "tests-fuzz-targets"];
        return install::cargo(root, &test);
    }
    let targets = chosen(arguments.target.as_deref())?;
    build(root, arguments)?;
    println!(
        "{:<14} {:>8} {:>12} {:>9} {:>10} {:>8}  result",
        "target", "seconds", "executions", "a second", "new paths", "memory"
    );
    let mut rows = Vec::new();
    for target in targets {
        let row = Fuzzer::new(root, target, arguments).run(arguments.seconds)?;
        row.print();
        rows.push(row);
    }
    let broken = rows.iter().filter(|row| row.found.is_some()).count();
    let executions: u64 = rows.iter().map(|row| row.executions).sum();
    println!(
        "\n{} targets, {executions} executions, {broken} broken",
        rows.len()
    );
    if broken > 0 {
        bail!("{broken} targets broke a promise; the inputs are in target/fuzz/artifacts");
    }
    Ok(())
}

fn chosen(name: Option<&str>) -> Result<Vec<&'static Target>> {
    let targets: Vec<_> = TARGETS
        .into_iter()
        .filter(|target| name.is_none_or(|name| name == target.name))
        .collect();
    if targets.is_empty() {
        let names = TARGETS.map(|target| target.name);
        bail!("there is no such target; there are {}", names.join(", "));
    }
    Ok(targets)
}

fn build(root: &Path, arguments: &Arguments) -> Result<()> {
    let program = install::tool(root, "cargo-fuzz")?;
    let started = Instant::now();
    let sanitizer = if arguments.address_sanitizer {
        "address"
    } else {
        "none"
    };
    let status = Command::new(program)
        .args([
            "build",
            "--fuzz-dir",
            "tests/fuzz",
            "--sanitizer",
            sanitizer,
        ])
        .args(["--target", TRIPLE, "--target-dir", "target/fuzz"])
        .args(&arguments.target)
        .env("RUSTUP_TOOLCHAIN", TOOLCHAIN)
        // Set, if empty, it stands in for the flags of .cargo/config.toml: fuzzers are no static programs.
        .env("RUSTFLAGS", "")
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .current_dir(root)
        .status()
        .context("run cargo-fuzz")?;
    if !status.success() {
        bail!(
            "the fuzzers were not built; is the toolchain there? (rustup toolchain install {TOOLCHAIN})"
        );
    }
    let took = started.elapsed();
    println!(
        "built in {} s (budget {} s)\n",
        took.as_secs(),
        BUILD_BUDGET.as_secs()
    );
    if took > BUILD_BUDGET {
        println!("the build took longer than its budget");
    }
    Ok(())
}

/// One fuzzer and its folders.
struct Fuzzer<'a> {
    target: &'static Target,
    root: &'a Path,
    /// Where libFuzzer puts what reaches new code.
    found: PathBuf,
    /// Kept in the repository.
    kept: PathBuf,
    keep: bool,
}

impl<'a> Fuzzer<'a> {
    fn new(root: &'a Path, target: &'static Target, arguments: &Arguments) -> Self {
        // What came of others' files is never kept, so it has a folder of its own.
        let found = if arguments.keep { "own" } else { "found" };
        Self {
            target,
            root,
            found: root.join("target/fuzz").join(found).join(target.name),
            kept: root.join("tests/fuzz/corpus").join(target.name),
            keep: arguments.keep,
        }
    }

    fn run(&self, seconds: u64) -> Result<Row> {
        let artifacts = self
            .root
            .join("target/fuzz/artifacts")
            .join(self.target.name);
        for folder in [&self.found, &artifacts] {
            fs::create_dir_all(folder).context("make the fuzzer's folders")?;
        }
        let started = Instant::now();
        let output = self
            .program()
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", self.target.longest))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .args(self.dictionary())
            .args([&self.found, &self.kept])
            .args(self.vectors())
            .output()
            .context("run the fuzzer")?;
        let row = Row::of(self.target.name, started.elapsed(), &output);
        if self.keep && row.found.is_none() {
            self.keep_found()?;
        }
        Ok(row)
    }

    fn program(&self) -> Command {
        let folder = self.root.join("target/fuzz").join(TRIPLE).join("release");
        Command::new(folder.join(self.target.name))
    }

    fn dictionary(&self) -> Option<String> {
        let name = format!("{}.dict", self.target.name);
        let path = self.root.join("tests/fuzz/dictionaries").join(name);
        path.exists().then(|| format!("-dict={}", path.display()))
    }

    fn vectors(&self) -> Vec<PathBuf> {
        if self.keep {
            return Vec::new();
        }
        let all = self.root.join("../shared/vectors");
        let folders = self.target.vectors.iter().map(|name| all.join(name));
        folders.filter(|folder| folder.is_dir()).collect()
    }

    /// Adds some of the inputs that reach what the kept ones do not: short and long ones alike.
    fn keep_found(&self) -> Result<()> {
        let merged = self.root.join("target/fuzz/merged").join(self.target.name);
        // What an earlier run left there is of another program.
        drop(fs::remove_dir_all(&merged));
        fs::create_dir_all(&merged).context("make the merge's folder")?;
        let output = self
            .program()
            .args(["-merge=1", "-use_counters=0"])
            .arg(format!("-max_len={}", self.target.longest))
            .args([&merged, &self.kept, &self.found])
            .output()
            .context("merge the corpus")?;
        if !output.status.success() {
            bail!(
                "the corpus was not merged\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let mut inputs = Vec::new();
        for entry in fs::read_dir(&merged)? {
            let entry = entry?;
            inputs.push((entry.metadata()?.len(), entry.file_name()));
        }
        inputs.sort();
        let step = inputs.len().div_ceil(MOST_KEPT).max(1);
        for (_, name) in inputs.iter().step_by(step) {
            fs::copy(merged.join(name), self.kept.join(name))?;
        }
        Ok(())
    }
}

/// What became of one fuzzer.
struct Row {
    name: &'static str,
    took: Duration,
    executions: u64,
    new_paths: u64,
    peak_mib: u64,
    /// What it said last, if it broke a promise.
    found: Option<String>,
}

impl Row {
    fn of(name: &'static str, took: Duration, output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        Self {
            name,
            took,
            executions: statistic(&said, "number_of_executed_units"),
            new_paths: statistic(&said, "new_units_added"),
            peak_mib: statistic(&said, "peak_rss_mb"),
            found: (!output.status.success()).then(|| reason(&said)),
        }
    }

    fn print(&self) {
        let seconds = self.took.as_secs();
        println!(
            "{:<14} {:>8} {:>12} {:>9} {:>10} {:>4} MiB  {}",
            self.name,
            seconds,
            self.executions,
            self.executions / seconds.max(1),
            self.new_paths,
            self.peak_mib,
            self.found.as_deref().unwrap_or("holds")
        );
    }
}

/// `stat::peak_rss_mb:                   117`
fn statistic(said: &str, name: &str) -> u64 {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
    line.and_then(|rest| rest.trim_start_matches(':').trim().parse().ok())
        .unwrap_or(0)
}

/// The panic's message, or libFuzzer's own, and where the input is.
fn reason(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    let panic = lines.iter().position(|line| line.contains("panicked at"));
    let message = panic
        .and_then(|at| lines.get(at..at + 2))
        .map(|pair| pair.join(" "))
        .or_else(|| {
            lines
                .iter()
                .find(|line| line.contains("ERROR: libFuzzer"))
                .map(|line| (*line).to_owned())
        });
    let place = lines
        .iter()
        .find_map(|line| line.strip_prefix("artifact_prefix="));
    let place = place
        .and_then(|line| line.split_once("written to "))
        .map_or("", |(_, path)| path);
    format!(
        "BROKEN: {} ({place})",
        message.unwrap_or_else(|| "no reason given".to_owned())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_read_from_what_libfuzzer_prints() {
        let said = "Done 5 runs in 1 second(s)\nstat::number_of_executed_units: 5012\nstat::peak_rss_mb:              117\n";
        assert_eq!(statistic(said, "number_of_executed_units"), 5012);
        assert_eq!(statistic(said, "peak_rss_mb"), 117);
        assert_eq!(statistic(said, "new_units_added"), 0);
    }

    #[test]
    fn broken_promise_is_told_with_its_reason_and_its_input() {
        let said = "thread '<unnamed>' panicked at src/ovmf.rs:40:9:\ntwo sections overlap\n\
            artifact_prefix='/t/'; Test unit written to /t/crash-1\n";
        let told = reason(said);
        assert!(told.contains("two sections overlap"), "{told}");
        assert!(told.ends_with("(/t/crash-1)"), "{told}");
    }

    #[test]
    fn unknown_target_is_refused_by_naming_those_there_are() {
        let refused = chosen(Some("no")).unwrap_err().to_string();
        assert!(refused.contains("manifest, ovmf"), "{refused}");
        assert_eq!(chosen(Some("ovmf")).unwrap().len(), 1);
    }
}
