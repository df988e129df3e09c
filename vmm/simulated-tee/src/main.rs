//! A software stand-in for the secure processor, always under the name `simulated`.
//!
//! It follows SNP's rules for what a launch digest covers, but reads what it hashes **back**: guest
//! memory from the guest's own memory file, registers and CPUID as KVM answered them. It never sees
//! the plan, and shares only the ABI's structures with whoever predicts the digest.
//!
//! - [`init`] makes the root, once, on the operator's command.
//! - [`serve`] is the process that the supervisor starts and confines.

mod connection;
mod cpuid;
mod identity;
mod init;
mod keys;
mod launch;
mod memory;
mod report;
mod requests;
mod serve;
mod vmsa;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

/// A software stand-in for AMD's secure processor. What it signs is worth nothing outside tests and
/// demonstrations, and everything that it makes says `simulated`.
#[derive(Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage.\n\nWithout a command it \
    expects to be started by cloister-supervisor, which hands it a control socket."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Makes a simulated root of trust: a signing key with its certificates (VCEK, ASK, ARK).
    Init {
        /// Directory to make; it must not exist, or be empty.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// How to print the result.
        #[arg(short, long, value_enum, default_value = "text")]
        output: Output,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Some(Command::Init { dir, output }) => make_root(&dir, output),
        None => match serve::serve() {
            // The VMM was told, and standard error is out of reach.
            Err(error) if !error.is_before_confinement() => return ExitCode::FAILURE,
            served => served.map_err(anyhow::Error::from),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn make_root(dir: &std::path::Path, output: Output) -> anyhow::Result<()> {
    init::init(dir)?;
    let root = dir.join("ark.pem");
    let text = match output {
        Output::Text => format!(
            "simulated root of trust made in {}; give {} to verifiers and auditors",
            dir.display(),
            root.display()
        ),
        Output::Json => {
            serde_json::json!({"tee": "simulated", "dir": dir, "root": root}).to_string()
        }
    };
    writeln!(std::io::stdout(), "{text}")
        .context("cannot write to standard output")
        .with_context(|| format!("the simulated root of trust {} is made, but not all of this answer could be written", dir.display()))
}
