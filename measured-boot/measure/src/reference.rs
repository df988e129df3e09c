//! Reference values: the predicted digest as the document that a verifier registers.
//!
//! docs/verdict.md describes the document. It is written here, without the verifier's type for it,
//! because what measures links nothing of what judges; the demo registers one made here.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use measured_boot_plan::TeeKind;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::prediction::Prediction;
use crate::{Output, print, print_json, write_whole};

const SECONDS_A_DAY: u64 = 86_400;
const MAX_DAYS: u64 = 3650;

#[derive(clap::Args)]
pub struct ReferenceArguments {
    /// The virtual machine's configuration.
    #[arg(value_name = "VM.TOML")]
    config: PathBuf,
    /// Where to write the reference value.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The name to register it under; the configuration's own name when not given.
    #[arg(long)]
    name: Option<String>,
    /// The first second at which it is good, in seconds since 1970-01-01 UTC; now when not given.
    #[arg(long, value_name = "SECONDS")]
    not_before: Option<u64>,
    /// For how many days from then it is good.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=MAX_DAYS))]
    days: u64,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

/// The file's contents.
#[derive(Serialize)]
struct ReferenceValue<'a> {
    version: u8,
    name: &'a str,
    tee: &'static str,
    launch_digest: String,
    manifest: String,
    not_before: u64,
    not_after: u64,
}

/// What is printed of it.
#[derive(Serialize)]
struct Written<'a> {
    reference: &'a str,
    file: String,
    tee: &'static str,
    simulated: bool,
    launch_digest: &'a str,
    not_before: u64,
    not_after: u64,
}

/// Predicts, writes the reference value, and tells what is in it.
pub fn write(arguments: &ReferenceArguments) -> Result<()> {
    let prediction = Prediction::of(&arguments.config)?;
    let (not_before, not_after) = validity(arguments)?;
    let reference = ReferenceValue {
        version: 1,
        name: arguments.name.as_deref().unwrap_or(&prediction.plan.name.0),
        tee: prediction.plan.tee.0.name(),
        launch_digest: prediction.launch_digest.to_string(),
        manifest: BASE64_STANDARD.encode(prediction.manifest.to_bytes()),
        not_before,
        not_after,
    };
    let text = format!("{}\n", serde_json::to_string_pretty(&reference)?);
    write_whole("--out", &arguments.out, text.as_bytes())?;
    tell(arguments, &reference, prediction.plan.tee.0)
}

fn validity(arguments: &ReferenceArguments) -> Result<(u64, u64)> {
    let not_before = match arguments.not_before {
        Some(given) => given,
        None => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("this machine's clock is before 1970: set it, or give --not-before")?
            .as_secs(),
    };
    // JSON numbers above 2^53 are rounded by many readers (RFC 8785).
    let not_after = not_before
        .checked_add(arguments.days * SECONDS_A_DAY)
        .filter(|end| *end <= 1 << 53)
        .with_context(|| {
            format!("--not-before {not_before}: give seconds since 1970-01-01 UTC, not more")
        })?;
    Ok((not_before, not_after))
}

fn tell(
    arguments: &ReferenceArguments,
    reference: &ReferenceValue<'_>,
    tee: TeeKind,
) -> Result<()> {
    let file = arguments.out.display().to_string();
    match arguments.output {
        Output::Text => print(&format!(
            "reference      {}\nfile           {file}\ntee            {tee}\n\
             launch digest  {}\ngood for       {} days\n\n\
             Register it: cloister verifier put reference {file}\n",
            reference.name, reference.launch_digest, arguments.days
        )),
        Output::Json => print_json(&Written {
            reference: reference.name,
            file,
            tee: reference.tee,
            simulated: tee == TeeKind::Simulated,
            launch_digest: &reference.launch_digest,
            not_before: reference.not_before,
            not_after: reference.not_after,
        }),
    }
}
