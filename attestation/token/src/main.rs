//! The one process that has a token's PKCS#11 module loaded.
//!
//! A module is somebody else's C. Here it has the PIN, and data keys on their way; it shares no memory with the
//! verifier, cannot crash it, and cannot keep it waiting. It runs as the verifier's user though, and can open what
//! that user can: this is no cage for a module that nobody trusts. The verifier's keyring starts this program and
//! speaks to it over its standard input, which is a socket ([`attestation_keyring::wire`]). People use `check`.

mod check;
mod fault;
mod fitness;
mod gcm;
mod keys;
mod privacy;
mod serve;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Has a PKCS#11 module loaded for the verifier's keyring.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Log in once, whatever the count of wrong PINs says, and list the token's keys and whether they are fit.
    Check(Place),
    /// Serve the keyring that started this program; its standard input is the socket.
    Serve(Place),
}

/// Where the token is.
#[derive(Args)]
struct Place {
    /// The token's PKCS#11 module, a shared library.
    #[arg(long)]
    module: PathBuf,
    /// The token's label.
    #[arg(long, required_unless_present = "token_serial")]
    token_label: Option<String>,
    /// The token's serial number.
    #[arg(long, conflicts_with = "token_label")]
    token_serial: Option<String>,
    /// A private file with the user's PIN.
    #[arg(long)]
    pin_file: PathBuf,
}

fn main() -> ExitCode {
    let result = privacy::keep_memory_private().and_then(|()| match Cli::parse().command {
        Command::Check(place) => check::run(&place),
        Command::Serve(place) => serve::run(&place),
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
