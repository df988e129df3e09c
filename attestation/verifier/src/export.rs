//! `cloister-verifier export`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use attestation_service::export;
use serde::Serialize;

use crate::making;
use crate::output::{Output, tell};

#[derive(clap::Args)]
pub struct Args {
    /// The verifier's data directory.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The directory to make; it must not exist.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    fault: making::Fault,
}

#[derive(Serialize)]
struct Bundle<'a> {
    bundle: &'a PathBuf,
    entries: u64,
    files: usize,
    bytes: u64,
    checkpoint: &'a str,
    warning: Option<&'a str>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    making::begin(&args.out, &args.fault)?;
    let exported = export(&args.data_dir, &args.out)?;
    let warning = exported.warning();
    if let Some(warning) = &warning {
        tell(&format!("warning: {warning}"));
    }
    let text = format!(
        "wrote the bundle {}: log entries {}, files {}, bytes {}\n\n{}",
        args.out.display(),
        exported.entries,
        exported.files,
        exported.bytes,
        exported.checkpoint,
    );
    let bundle = Bundle {
        bundle: &args.out,
        entries: exported.entries,
        files: exported.files,
        bytes: exported.bytes,
        checkpoint: &exported.checkpoint,
        warning: warning.as_deref(),
    };
    args.output.print(&bundle, &text).with_context(|| {
        format!(
            "the bundle {} is whole, but not all of this answer could be written",
            args.out.display()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
