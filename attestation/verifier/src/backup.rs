//! `cloister-verifier backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use attestation_service::{Clock, backup};
use serde::Serialize;

use crate::making;
use crate::output::{Output, tell};

#[derive(clap::Args)]
pub struct Args {
    /// The verifier's data directory. It may be served from meanwhile.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The file to make; it must not exist. Whoever has it has all keys of the verifier.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out the key that opens secrets, to be kept apart: then neither place alone opens one.
    #[arg(long)]
    without_secrets_key: bool,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
    #[command(flatten)]
    fault: making::Fault,
}

#[derive(Serialize)]
struct Backup<'a> {
    backup: &'a PathBuf,
    entries: u64,
    files: usize,
    bytes: u64,
    checkpoint: &'a str,
    database: Option<&'a str>,
    without: &'a [String],
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    making::begin(&args.out, &args.fault)?;
    let now = Clock::System.now();
    let made = backup(&args.data_dir, &args.out, !args.without_secrets_key, now)?;
    if let Some(database) = &made.database {
        tell(&format!(
            "the store is {database} and is not in the backup: copy it by pg_dump, or by base backups with WAL"
        ));
    }
    if !made.without.is_empty() {
        let files = made.without.join(", ");
        tell(&format!("left out, to be kept apart: {files}"));
    }
    let text = format!(
        "wrote the backup {}: log entries {}, files {}, bytes {}\n\n{}",
        args.out.display(),
        made.entries,
        made.files,
        made.bytes,
        made.checkpoint,
    );
    let document = Backup {
        backup: &args.out,
        entries: made.entries,
        files: made.files,
        bytes: made.bytes,
        checkpoint: &made.checkpoint,
        database: made.database.as_deref(),
        without: &made.without,
    };
    args.output.print(&document, &text)?;
    Ok(ExitCode::SUCCESS)
}
