//! `cloister-verifier bootstrap`.

use std::path::PathBuf;
use std::process::ExitCode;

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
    /// How to print the result.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

#[derive(Serialize)]
struct Made<'a> {
    token: &'a str,
    expires_at: u64,
}

/// Prints the token alone, so that it can go into a file.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let dir = DataDir::open(&args.data_dir)?;
    let grants = bootstrap::grants_in(&args.tenant);
    let made = bootstrap::add(&dir, grants, Clock::System.now(), args.days)?;
    crate::output::tell(&format!(
        "a token for every role in `{}` and for the operator, good until {}",
        args.tenant,
        rfc3339(made.expires_at)
    ));
    let document = Made {
        token: &made.token,
        expires_at: made.expires_at,
    };
    args.output.print(&document, &made.token)?;
    Ok(ExitCode::SUCCESS)
}
