//! `cloister-verifier bootstrap`.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use attestation_access::TenantName;
use attestation_service::{Clock, DataDir, bootstrap, rfc3339};
use serde::Serialize;

use crate::output::Output;

#[derive(clap::Args)]
pub struct Args {
    /// The directory that `cloister-verifier init` made.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The tenant in which it gives every role; it gives the operator's too.
    #[arg(long, value_name = "NAME", default_value = "default")]
    tenant: TenantName,
    /// For how many days it is good, 1 to 7.
    #[arg(long, value_name = "N", default_value_t = 1)]
    days: u64,
    /// Write the token into this new file, which nobody else can read, and do not print it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Serialize)]
struct Made<'a> {
    token: &'a str,
    expires_at: u64,
}

/// Prints the token alone, or writes it into a file of its own.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dir = DataDir::open(&args.data_dir)?;
    let file = args.out.as_deref().map(private).transpose()?;
    let grants = bootstrap::grants_in(&args.tenant);
    let made = bootstrap::add(&dir, grants, Clock::System.now(), args.days).inspect_err(|_| {
        // It has nothing in it, and would be in the way of the next attempt.
        args.out.as_deref().map(fs::remove_file);
    })?;
    crate::output::tell(&format!(
        "a token for every role in `{}` and for the operator, good until {}",
        args.tenant,
        rfc3339(made.expires_at)
    ));
    let expires_at = made.expires_at;
    let Some(mut file) = file else {
        let token = &made.token;
        args.output.print(&Made { token, expires_at }, token)?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(file, "{}", made.token.as_str())
        .and_then(|()| file.sync_all())
        .context("the token is good, and could not be written: end it, and make another")?;
    Ok(ExitCode::SUCCESS)
}

/// A new file, before there is a token that could be lost.
fn private(path: &Path) -> anyhow::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .with_context(|| format!("cannot make {} (--out)", path.display()))
}
