//! cargo xtask bench: how fast launches are measured and made, and evidence is verified, against what this machine can do.
//!
//! Every subject is timed in turn in each of some rounds, so that whatever else this machine does slows all
//! of them alike, and a ratio is the median of the rounds' ratios. What is found, its raw times included,
//! is left in `target/bench`.

mod claims;
mod launch;
mod measure;
pub mod peer;
mod samples;
mod service;
mod verify;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use claims::Claim;
use samples::Samples;

pub use launch::launch;
pub use measure::measure;
pub use service::service;
pub use verify::verify;

/// What is left in a file of `target/bench`.
#[derive(Serialize)]
struct Record<'a> {
    /// Seconds since 1970.
    time: u64,
    cpu: &'a str,
    threads: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    lanes: Option<&'a str>,
    rounds: usize,
    claims: &'a [Claim],
    samples: &'a [Samples],
}

/// Keeps the raw times in `file`, prints both tables, and judges.
fn conclude(
    file: &Path,
    threads: usize,
    lanes: Option<&str>,
    samples: &[Samples],
    claims: &[Claim],
) -> Result<()> {
    let record = Record {
        time: SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        cpu: &cpu(),
        threads,
        lanes,
        rounds: samples.first().map_or(0, |subject| subject.seconds.len()),
        claims,
        samples,
    };
    std::fs::write(file, serde_json::to_vec_pretty(&record)?)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    println!("\n{}\n{}", samples::table(samples), claims::table(claims));
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
