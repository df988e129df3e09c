//! Command line of the attestation and key-release service.

mod backup;
mod bootstrap;
mod confinement;
mod export;
mod init;
mod key;
mod making;
mod openapi;
mod output;
mod privacy;
mod put;
mod restore;
mod serve;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 judged and refused.";

/// The attestation and key-release service: appraises evidence, logs every verdict, and releases
/// secrets only to guests that it accepted.
#[derive(Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new verifier: its keys, an empty signed log, the pins that guests carry.
    Init(init::Args),
    /// Make another first administrator's token, good for a few days.
    Bootstrap(bootstrap::Args),
    /// See to the keys that secrets are under; works beside a running verifier.
    #[command(subcommand)]
    Key(key::Command),
    /// Serve guests and administrators over TLS until SIGTERM or SIGINT.
    Serve(serve::Args),
    /// Register a policy, a reference value or a secret with a running verifier.
    Put(put::Args),
    /// Write the evidence bundle for an auditor; works beside a running verifier.
    Export(export::Args),
    /// Copy the verifier to one file: keys, configuration, store; works beside a running one.
    Backup(backup::Args),
    /// Make a data directory of a backup, or over a store that was put back: no nonce is good twice, no log has two histories.
    Restore(restore::Args),
    /// Appraise evidence offline, without a service, a log or a release.
    Verify(verify::Args),
    /// Print the OpenAPI document of the HTTP API, as a server has it at /v1/openapi.json.
    Openapi,
}

fn main() -> ExitCode {
    run(Cli::parse().command).unwrap_or_else(|error| {
        output::complain(&error);
        attestation_service::end_if_interrupted();
        ExitCode::FAILURE
    })
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    privacy::keep_memory_private()?;
    match command {
        Command::Init(args) => init::run(&args),
        Command::Bootstrap(args) => bootstrap::run(&args),
        Command::Key(command) => key::run(&command),
        Command::Serve(args) => serve::run(args),
        Command::Put(args) => put::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Openapi => openapi::run(),
    }
}
