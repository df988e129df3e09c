//! cargo xtask bench measure: how fast launches are measured, against what this machine can do.
//!
//! Every subject is timed in turn in each of some rounds, so that whatever else this machine does slows all
//! of them alike, and a ratio is the median of the rounds' ratios. What is found, its raw times included,
//! is left in `target/bench/measure.json`.

mod claims;
mod inputs;
pub mod peer;
mod samples;
mod subjects;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use measured_boot_page_hash::AllCores;
use serde::Serialize;

use crate::install;
use claims::Claim;
use inputs::Inputs;
use samples::Samples;

/// What is left in `target/bench/measure.json`.
#[derive(Serialize)]
struct Record<'a> {
    /// Seconds since 1970.
    time: u64,
    cpu: &'a str,
    threads: usize,
    lanes: String,
    rounds: usize,
    claims: &'a [Claim],
    samples: &'a [Samples],
}

/// Builds, measures, prints, and judges.
///
/// # Errors
/// A claim does not hold, or something could not be built or run.
pub fn measure(root: &Path, rounds: usize, build: bool) -> Result<()> {
    if build {
        let packages = ["--package=cloister", "--package=cloister-measure"];
        let build = ["build", "--release", "--quiet"];
        install::build(root, &[build.as_slice(), &packages].concat())?;
    }
    let folder = root.join("target/bench");
    let inputs = Inputs::make(root, &folder).context("the inputs cannot be made")?;
    let peer = peer::installed(root)?;
    let cores = AllCores::new();
    let cpu = cpu();
    println!(
        "{cpu}, {} threads, {}, {rounds} rounds",
        cores.threads(),
        cores.lanes()
    );
    let mut subjects = subjects::all(root, &inputs, &peer)?;
    let samples = samples::take(&mut subjects, rounds)?;
    let lanes = cores.lanes().to_string();
    let claims = claims::judge(&samples, cores.threads(), &lanes);
    let record = Record {
        time: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        cpu: &cpu,
        threads: cores.threads(),
        lanes,
        rounds,
        claims: &claims,
        samples: &samples,
    };
    let file = folder.join("measure.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&record)?)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    println!("\n{}\n{}", samples::table(&samples), claims::table(&claims));
    println!("raw times: {}", file.display());
    let failed = claims.iter().filter(|claim| claim.fails()).count();
    ensure!(failed == 0, "{failed} of {} claims fail", claims.len());
    Ok(())
}

/// The CPU's name.
fn cpu() -> String {
    let all = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = all.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(": "));
    name.map_or("unknown CPU", |(_, name)| name).to_owned()
}
