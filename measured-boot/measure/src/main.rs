//! Predicts launch digests, offline: what a report will say of a guest before it is launched.

mod boot_files;
mod diff;
mod event_log;
mod explain;
mod files;
mod id_block;
mod prediction;
mod reference;
mod snp;
mod tdx;
mod text;
mod uki;

use crate::diff::DiffArguments;
use crate::event_log::EventLogArguments;
use crate::explain::ExplainArguments;
use crate::id_block::IdBlockArguments;
use crate::prediction::Prediction;
use crate::reference::ReferenceArguments;
use crate::snp::SnpArguments;
use crate::tdx::TdxArguments;
use crate::uki::UkiArguments;
use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tempfile::NamedTempFile;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 judged and refused.";

/// Predicts launch digests, offline.
#[derive(Parser)]
#[command(name = "cloister-measure", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Predict the launch digest of a virtual machine.
    ///
    /// Reads the configuration and the files that it names, kernel, initrd and boot shim among them, and nothing
    /// else: no KVM, no TEE, no network. `cloister vm run` launches by the same plan, and the report of the launch must
    /// show the same digest.
    #[command(after_help = EXIT_CODES)]
    Plan(PlanArguments),
    /// Predict the launch digest of firmware or an IGVM file that QEMU, EC2 or GCE launches under SEV-SNP.
    #[command(after_help = EXIT_CODES)]
    Snp(SnpArguments),
    /// Predict MRTD and the RTMRs of a TDX launch.
    #[command(after_help = EXIT_CODES)]
    Tdx(TdxArguments),
    /// Read a TPM or CC event log strictly and replay it into every bank.
    #[command(after_help = EXIT_CODES)]
    EventLog(EventLogArguments),
    /// Predict PCR 11 of a unified kernel image, and its Authenticode digest.
    #[command(after_help = EXIT_CODES)]
    Uki(UkiArguments),
    /// Sign the ID block by which the owner of a guest names the launch that may bear its identity.
    #[command(after_help = EXIT_CODES)]
    IdBlock(IdBlockArguments),
    /// Write the reference values by which a verifier accepts a launch, or check signed ones.
    ///
    /// From a VM.TOML alone, the document that a verifier of ours registers. With --sign a CoRIM, signed, which
    /// may allow several numbers of vCPUs; --check reads one back.
    #[command(after_help = EXIT_CODES)]
    Reference(ReferenceArguments),
    /// Say in words what differs between two plans, images or logs.
    #[command(after_help = EXIT_CODES)]
    Diff(DiffArguments),
    /// Say why a report shows the digest that it shows, against what was planned.
    #[command(after_help = EXIT_CODES)]
    Explain(ExplainArguments),
}

#[derive(clap::Args)]
struct PlanArguments {
    /// The virtual machine's configuration.
    #[arg(value_name = "VM.TOML")]
    config: PathBuf,
    /// Show which parts of the launch the report covers, too (JSON always does).
    #[arg(long)]
    coverage: bool,
    /// Write the manifest, by which a verifier can name the component that differs, to FILE.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Plan(arguments) => predict(&arguments),
        Command::IdBlock(arguments) => id_block::sign(&arguments),
        Command::Tdx(arguments) => tdx::predict(&arguments),
        Command::Uki(arguments) => uki::predict(&arguments),
        Command::Snp(arguments) => return ended(snp::predict(&arguments)),
        Command::Reference(arguments) => return ended(reference::run(&arguments)),
        Command::EventLog(arguments) => return ended(event_log::replay(&arguments)),
        Command::Diff(arguments) => return ended(diff::compare(&arguments)),
        Command::Explain(arguments) => return ended(explain::explain(&arguments)),
    };
    ended(done.map(|()| ExitCode::SUCCESS))
}

/// The exit code, once what went wrong has been said.
fn ended(done: Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn predict(arguments: &PlanArguments) -> Result<()> {
    let prediction = Prediction::of(&arguments.config)?;
    ensure!(
        arguments.manifest.is_none() || !prediction.is_td(),
        "--manifest: a manifest explains a launch digest of SNP, and this launch is a TD's; leave it out"
    );
    if let Some(path) = &arguments.manifest {
        write_whole("--manifest", path, &prediction.manifest.to_bytes())?;
    }
    if let Some(warning) = prediction.warning() {
        eprintln!("warning: {warning}");
    }
    match arguments.output {
        Output::Text => print(&text::page(&prediction, arguments.coverage)),
        Output::Json => print_json(&prediction.document()),
    }
}

fn print_json(document: &impl serde::Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(document)?))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("the result cannot be printed")
}

/// Writes the file that `option` names so that it is there as a whole or not at all: under a name of this
/// run's own beside it first.
fn write_whole(option: &str, path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let written = unfinished_file(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).with_context(|| {
        format!(
            "{option} {}: the file cannot be written; choose another place",
            path.display()
        )
    })
}

/// Removed on drop, and as readable as the umask allows, since nothing in it is secret.
fn unfinished_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".cloister-measure.")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}
