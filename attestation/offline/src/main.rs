//! Command line that judges evidence, offline.

#![forbid(unsafe_code)]

mod arguments;
mod document;
mod evidence;
mod files;
mod moment;
mod output;
mod page;
mod policy;
mod privacy;
mod reference;
mod session;
mod simulated;
mod snp;
mod state;
mod tdx;
mod token;
mod tpm;
mod warning;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes: 0 accepted, 1 not readable or failed, 2 wrong usage, 3 judged and refused.";

/// Judges evidence, offline: every check, with its result and reason.
///
/// Nothing is fetched: certificates, revocation lists, collateral and the time are given. docs/verify.md explains
/// every option, docs/verdict.md every check.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge an SEV-SNP attestation report.
    #[command(after_help = EXIT_CODES)]
    Snp(snp::Arguments),
    /// Judge an Intel TDX quote.
    #[command(after_help = EXIT_CODES)]
    Tdx(tdx::Arguments),
    /// Judge a vTPM's quote, and the TEE's report that vouches for the TPM.
    #[command(after_help = EXIT_CODES)]
    Tpm(Box<tpm::Arguments>),
    /// Show, list and test appraisal policies.
    #[command(after_help = EXIT_CODES)]
    Policy(policy::Arguments),
    /// Judge an attestation of a simulated TEE, which proves nothing about hardware.
    Simulated(simulated::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Snp(arguments) => snp::run(&arguments),
        Command::Tdx(arguments) => tdx::run(&arguments),
        Command::Tpm(arguments) => tpm::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Simulated(arguments) => simulated::run(&arguments).map(|never| match never {}),
    };
    done.unwrap_or_else(|error| {
        output::complain(&error);
        ExitCode::FAILURE
    })
}
