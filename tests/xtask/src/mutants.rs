//! `cargo xtask mutants`: takes each guard out, once, and sees the test that must fail do so.
//!
//! The guards are rows of `tests/mutants/FOLDER/CRATE.toml`. They are taken out of a copy of the tree in
//! `target/mutants`; a row is not run again until the guard's file or the test's changes.

mod copy;
mod document;
mod results;
mod table;
mod trial;

use std::path::Path;

use anyhow::{Context, Result, ensure};

use results::Results;
use table::Crate;
use trial::{Outcome, Trials};

/// What is asked of a run.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The crate whose guards are taken out, by its folder (vmm/snp) or the end of it (snp, of which there are two);
    /// all when not given.
    name: Option<String>,
    /// Only guards whose test's name has this in it.
    #[arg(long)]
    test: Option<String>,
    /// Also those that were seen before.
    #[arg(long)]
    again: bool,
}

/// Runs what is asked for, a line a guard, and writes docs/mutations.md.
///
/// # Errors
/// A guard can be taken out and its test does not fail, or something could not be built.
pub fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let crates = table::read(root)?;
    let folder = root.join("target/mutants");
    let mut results = Results::read(&folder.join("results.json"));
    let mut unseen = 0;
    for one in &crates {
        if arguments
            .name
            .as_ref()
            .is_some_and(|name| !one.is_called(name))
        {
            continue;
        }
        match run_crate(root, &folder, one, arguments, &mut results) {
            Ok(survivors) => unseen += survivors,
            Err(error) => {
                println!("{}: {error:#}", one.name);
                unseen += one.mutants.len();
            }
        }
    }
    let (text, seen) = document::text(&crates, &results, root)?;
    std::fs::write(root.join("docs/mutations.md"), text).context("write docs/mutations.md")?;
    let all: usize = crates.iter().map(|one| one.mutants.len()).sum();
    println!("\n{seen} of {all} guards were seen; docs/mutations.md has them");
    ensure!(unseen == 0, "{unseen} guards were not seen to be missed");
    Ok(())
}

fn run_crate(
    root: &Path,
    folder: &Path,
    one: &Crate,
    arguments: &Arguments,
    results: &mut Results,
) -> Result<usize> {
    let mut asked = Vec::new();
    for mutant in &one.mutants {
        let part = arguments.test.as_ref();
        let named = part.is_none_or(|part| mutant.test.contains(part.as_str()));
        let state = one.state(root, mutant)?;
        if named && (arguments.again || !results.has(one, mutant, &state)) {
            asked.push((mutant, state));
        }
    }
    if asked.is_empty() {
        return Ok(0);
    }
    println!("{}: {} guards", one.name, asked.len());
    let trials = Trials::prepare(root, folder, one)?;
    let mut survivors = 0;
    for (mutant, state) in asked {
        let outcome = trials.run(mutant)?;
        println!("  {outcome:<16} {} <- {}", mutant.test, mutant.label());
        if outcome == Outcome::Failed {
            results.add(one, mutant, &state)?;
        } else {
            survivors += 1;
        }
    }
    Ok(survivors)
}
