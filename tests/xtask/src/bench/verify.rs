//! cargo xtask bench verify: how fast evidence is verified, on one thread, against its peers.

mod claims;
mod inputs;
mod peers;
mod sev;
mod subjects;

use std::path::Path;

use anyhow::{Context, Result};
use attestation_snp::Anchors;

use super::samples::{Subject, Unit};
use super::{conclude, cpu, samples};
use inputs::Inputs;

/// Builds the peers, verifies, prints, and judges; ends in `target/bench/verify.json`.
///
/// # Errors
/// A claim does not hold, or something could not be built, read or verified.
pub fn verify(root: &Path, rounds: usize) -> Result<()> {
    println!("{}, 1 thread, {rounds} rounds", cpu());
    let folder = root.join("target/bench");
    std::fs::create_dir_all(&folder).context("make target/bench")?;
    let inputs = Inputs::read(root)?;
    let anchors = Anchors::builtin();
    let mut subjects = Vec::new();
    if let Some(snp) = &inputs.snp {
        subjects.extend(peers::p384(snp)?);
        subjects.push(sev::subject(root, snp)?);
        subjects.extend(subjects::snp(snp, &anchors)?);
    }
    if let Some(tdx) = &inputs.tdx {
        subjects.push(peers::dcap_qvl(tdx)?);
        subjects.extend(subjects::tdx(tdx)?);
    }
    let samples = samples::take(&mut subjects, rounds)?;
    let claims = claims::judge(&samples);
    let file = folder.join("verify.json");
    conclude(&file, 1, None, &samples, &claims)
}

/// The same verification so many times, one after the other.
fn repeated<'a>(
    name: &str,
    times: usize,
    mut once: impl FnMut() -> Result<()> + 'a,
) -> Subject<'a> {
    Subject {
        name: name.to_owned(),
        amount: times,
        unit: Unit::Verifications,
        work: Box::new(move || (0..times).try_for_each(|_| once())),
    }
}
