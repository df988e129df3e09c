//! Command line of the image builder.

mod disk;
mod igvm;
mod initramfs;
mod kernel;
mod report;

use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use measured_boot_image::{catch_signals, end_if_interrupted, remove_abandoned_drafts};

use report::{Output, Report};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage";

/// Builds what a guest boots: kernel, initramfs, encrypted data disk, IGVM file.
///
/// Same inputs, same bytes: kernel and initramfs depend on nothing but the files given. A disk gets a
/// fresh key, salt and UUID, unless they are given too. A failed or interrupted build leaves nothing
/// behind; what a killed one leaves (`.cloister-image.*`), the next to the same place removes.
#[derive(Debug, Parser)]
#[command(name = "cloister-image", version, after_help = EXIT_CODES)]
struct Cli {
    /// How to print the result
    #[arg(short, long, global = true, value_enum, default_value_t = Output::Text)]
    output: Output,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take the kernel and its modules out of a Debian package
    #[command(after_help = EXIT_CODES)]
    Kernel(kernel::Args),
    /// Build the initramfs of agent, verifier's pins and modules
    #[command(after_help = EXIT_CODES)]
    Initramfs(initramfs::Args),
    /// Build an encrypted, verified data disk of one file, and its secret
    #[command(after_help = EXIT_CODES)]
    Disk(disk::Args),
    /// Wrap boot shim, kernel and initrd as an IGVM file for other VMMs
    #[command(after_help = EXIT_CODES)]
    Igvm(igvm::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command).and_then(|report| report.print(cli.output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            end_if_interrupted();
            ExitCode::FAILURE
        }
    }
}

fn run(command: &Command) -> anyhow::Result<Report> {
    catch_signals().context("cannot handle signals")?;
    match command {
        Command::Kernel(args) => kernel::run(args),
        Command::Initramfs(args) => initramfs::run(args),
        Command::Disk(args) => disk::run(args),
        Command::Igvm(args) => igvm::run(args),
    }
}

/// Before anything is made: what a killed run left is as large as what this one makes. That it cannot
/// be removed is no reason not to make it.
fn clear_drafts(target: &Path) {
    match remove_abandoned_drafts(target) {
        Ok(cleared) => {
            for draft in &cleared.removed {
                eprintln!("removed {}: left by a run that was killed", draft.display());
            }
            if let Some((draft, error)) = &cleared.stuck {
                eprintln!("warning: {} stays: {error}", draft.display());
            }
        }
        // The work itself says better what is wrong with a directory that is not there.
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => eprintln!("warning: drafts of {} stay: {error}", target.display()),
    }
}
