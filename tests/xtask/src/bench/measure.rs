//! cargo xtask bench measure: how fast launches are measured.

mod claims;
mod inputs;
mod subjects;

use std::path::Path;

use anyhow::{Context, Result};
use measured_boot_page_hash::AllCores;

use super::{conclude, cpu, peer, samples};
use crate::install;
use inputs::Inputs;
pub use inputs::random;

/// Builds, measures, prints, and judges; ends in `target/bench/measure.json`.
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
    let (threads, lanes) = (cores.threads(), cores.lanes().to_string());
    println!("{}, {threads} threads, {lanes}, {rounds} rounds", cpu());
    let mut subjects = subjects::all(root, &inputs, &peer)?;
    let samples = samples::take(&mut subjects, rounds)?;
    let claims = claims::judge(&samples, threads, &lanes);
    let file = folder.join("measure.json");
    conclude(&file, threads, Some(&lanes), &samples, &claims)
}
