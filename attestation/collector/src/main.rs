//! Command line that fetches, keeps, exports and imports certificates and collateral.

#![forbid(unsafe_code)]

mod arguments;
mod carry;
mod fetch;
mod files;
mod inventory;
mod moment;
mod output;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something was judged and refused.";

/// Certificates and collateral of AMD and Intel: fetched, proven, kept, and carried where there is no network.
///
/// Nothing is kept that is not proven to the vendor's root, in its dates, and at least as new as what was seen before.
/// docs/collateral.md explains every option.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Have what a report or a quote is judged with, out of what is kept or from the vendor.
    #[command(subcommand)]
    Fetch(Fetch),
    /// Ask for newer ones of what is due.
    #[command(after_help = EXIT_CODES)]
    Refresh(fetch::RefreshArguments),
    /// Say what is kept, and until when.
    #[command(after_help = EXIT_CODES)]
    List(inventory::Arguments),
    /// Prove everything in the directory again.
    #[command(after_help = EXIT_CODES)]
    Check(inventory::Arguments),
    /// Write everything that is kept to one file, for machines without a network.
    #[command(after_help = EXIT_CODES)]
    Export(carry::ExportArguments),
    /// Prove what another machine exported, and keep what is good and not older.
    #[command(after_help = EXIT_CODES)]
    Import(carry::ImportArguments),
}

#[derive(Subcommand)]
enum Fetch {
    /// The certificate of the key that signed an SEV-SNP report, and AMD's revocation list.
    #[command(after_help = EXIT_CODES)]
    Snp(fetch::SnpArguments),
    /// What Intel says of a TDX platform, as `cloister verify tdx --collateral` takes it.
    #[command(after_help = EXIT_CODES)]
    Tdx(fetch::TdxArguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Fetch(Fetch::Snp(arguments)) => fetch::snp(&arguments),
        Command::Fetch(Fetch::Tdx(arguments)) => fetch::tdx(&arguments),
        Command::Refresh(arguments) => fetch::refresh(&arguments),
        Command::List(arguments) => inventory::list(&arguments),
        Command::Check(arguments) => inventory::check(&arguments),
        Command::Export(arguments) => carry::export(&arguments),
        Command::Import(arguments) => carry::import(&arguments),
    };
    done.unwrap_or_else(|error| {
        output::complain(&error);
        ExitCode::FAILURE
    })
}
