//! Command line that checks a host.
//!
//! It only looks: nothing on the host is changed, no VM is made, and nothing leaves the machine.

#![forbid(unsafe_code)]

mod check;
mod document;
mod gather;
mod output;
mod page;
mod record;
mod table;
mod width;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes: 0 this host can launch what was asked for (without --for: anything), 1 it could not be looked at,
2 wrong usage, 3 it cannot.";

/// Says what this host can launch, what it lacks, and what to change.
#[derive(Parser)]
#[command(name = "cloister-host", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what this host has and lacks for each TEE, and for each lack what to change.
    ///
    /// Run it as root to have everything looked at. docs/host-check.md explains every line.
    #[command(after_help = EXIT_CODES)]
    Check(check::Arguments),
    /// Write down what this host answers, for a judgement elsewhere: `cloister host check --recording FILE`.
    ///
    /// It holds the processor, firmware and kernel with the options, parameters and log lines that matter for TEEs, and
    /// neither keys nor names of machine, user or chip.
    Record,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Record => record::run(),
    };
    done.unwrap_or_else(|error| {
        output::complain(&error);
        ExitCode::FAILURE
    })
}
