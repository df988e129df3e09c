//! Launches tiny guests on a host, judges what came of it, and writes a report to send back.
//!
//! Everything is launched by `cloister-vmm` as everybody has it, in its jail. What must be refused is tried too: a
//! test that cannot fail shows nothing.

#![forbid(unsafe_code)]

mod arguments;
mod folder;
mod judge;
mod launching;
mod output;
mod programs;
mod report;
mod trial;
mod word;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Parser as _;
use measured_boot_draft::{catch_signals, end_if_interrupted};
use vmm_host_facts::{Judgement, Tee};

use crate::arguments::Arguments;
use crate::folder::Folder;
use crate::output::Teller;
use crate::report::{MOST_BYTES, Outcome, Report, Step};
use crate::trial::Trial;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = catch_signals().context("cannot have signals wait");
    ended
        .and_then(|()| run(&arguments))
        .unwrap_or_else(|error| {
            output::complain(&error);
            end_if_interrupted();
            ExitCode::FAILURE
        })
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let teller = Teller::new(arguments.output);
    let (report, path) = match &arguments.read {
        Some(path) => (read(path)?, None),
        None => test(arguments, &teller)?,
    };
    teller.tell(&report)?;
    teller.end(&report, path.as_deref())?;
    Ok(exit_code(&report))
}

fn read(path: &Path) -> Result<Report> {
    let read = || -> Result<Report> {
        let mut bytes = Vec::new();
        let file = File::open(path)?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() > usize::try_from(MOST_BYTES)? {
            bail!("a report has at most {MOST_BYTES} bytes");
        }
        Ok(Report::read(&bytes)?)
    };
    read().with_context(|| format!("--read {}: it cannot be read", path.display()))
}

/// The report, and where it was written.
fn test(arguments: &Arguments, teller: &Teller) -> Result<(Report, Option<PathBuf>)> {
    let path = arguments.file()?;
    let mut report = Report::new(programs::host_recording()?, programs::files()?);
    report.add(judge::host(&report.host));
    let judgement = judge::judged(&report.host).map_err(anyhow::Error::msg)?;
    let folder = Folder::new()?;
    for tee in Tee::ALL {
        teller.tell(&report)?;
        if let Some(why) = reason_to_skip(arguments, &judgement, tee) {
            report.add(Step::skipped(tee, why));
            continue;
        }
        for trial in Trial::on(tee) {
            attempt(&mut report, &folder, trial, arguments.seconds);
            measured_boot_draft::check()?;
            teller.tell(&report)?;
        }
    }
    measured_boot_draft::check()?;
    if let Some(path) = &path {
        let write = || {
            serde_json::to_writer_pretty(File::create_new(path)?, &report)
                .map_err(std::io::Error::from)
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((report, path))
}

fn reason_to_skip(arguments: &Arguments, judgement: &Judgement, tee: Tee) -> Option<String> {
    match arguments.tee() {
        Some(asked) if asked != tee => return Some("it was not asked for".to_owned()),
        None => {
            if let Some(why) = judge::why_not(judgement, tee) {
                return Some(why);
            }
        }
        Some(_) => {}
    }
    let is_root = rustix::process::geteuid().is_root();
    (!is_root).then(|| "launching takes root: run it by sudo".to_owned())
}

/// What cannot be tried has failed, and the next is tried.
fn attempt(report: &mut Report, folder: &Folder, trial: Trial, seconds: u64) {
    let patience = Duration::from_secs(seconds);
    let launched = folder
        .prepare(trial)
        .and_then(|prepared| launching::launch(folder, trial, prepared, patience));
    match launched {
        Ok(launch) => report.add_launch(launch),
        Err(error) => report.add(Step {
            step: trial.name(),
            result: Outcome::Failed,
            found: format!("{error:#}"),
            launch: None,
        }),
    }
}

/// Without a launch nothing was tested.
fn exit_code(report: &Report) -> ExitCode {
    match (report.summary.failed, report.launches.len()) {
        (0, 0) => ExitCode::from(3),
        (0, _) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
