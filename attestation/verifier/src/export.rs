//! `cloister-verifier export`.

use std::path::PathBuf;
use std::process::ExitCode;

use attestation_service::export;
use serde::Serialize;

use crate::output::Output;

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
}

#[derive(Serialize)]
struct Bundle<'a> {
    bundle: &'a PathBuf,
    entries: u64,
    files: usize,
    checkpoint: &'a str,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let exported = export(&args.data_dir, &args.out)?;
    let text = format!(
        "wrote the bundle {}: log entries {}, files {}\n\n{}",
        args.out.display(),
        exported.entries,
        exported.files,
        exported.checkpoint,
    );
    let bundle = Bundle {
        bundle: &args.out,
        entries: exported.entries,
        files: exported.files,
        checkpoint: &exported.checkpoint,
    };
    args.output.print(&bundle, &text)?;
    Ok(ExitCode::SUCCESS)
}
