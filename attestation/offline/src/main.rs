//! Command line that judges evidence, offline.

#![forbid(unsafe_code)]

mod arguments;
mod clash;
mod document;
mod endorsement;
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
mod width;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes: 0 accepted, 1 not readable or failed, 2 wrong usage, 3 judged and refused.";

const WRONG_USAGE: u8 = 2;

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
    /// List, show, test and replay appraisal policies.
    #[command(after_help = EXIT_CODES)]
    Policy(policy::Arguments),
    /// Judge an attestation of a simulated TEE, which proves nothing about hardware.
    Simulated(simulated::Arguments),
}

fn main() -> ExitCode {
    let done = match parsed().command {
        Command::Snp(arguments) => snp::run(&arguments),
        Command::Tdx(arguments) => tdx::run(&arguments),
        Command::Tpm(arguments) => tpm::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::Simulated(arguments) => simulated::run(&arguments).map(|never| match never {}),
    };
    done.unwrap_or_else(|error| {
        output::complain(&error);
        match error.is::<output::Usage>() {
            true => ExitCode::from(WRONG_USAGE),
            false => ExitCode::FAILURE,
        }
    })
}

/// The command line, no file of which would be written over another.
fn parsed() -> Cli {
    let mut command = Cli::command();
    let matches = command.get_matches_mut();
    if let Some(clash) = clash::of(&command, &matches) {
        command.error(ErrorKind::ArgumentConflict, clash).exit();
    }
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}
