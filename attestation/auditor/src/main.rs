//! Command line of the offline auditor.
//!
//! It reads the files it is told to, and nothing else: no network, no clock, no configuration.

#![forbid(unsafe_code)]

mod bundle;
mod roots;
mod statement;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use attestation_audit::{
    Anchors, AuditReport, Files, MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES, Unreadable, audit,
};
use attestation_ledger::VerifyingKey;
use clap::{Parser, Subcommand, ValueEnum};
use measured_boot_reference_values::VerifyingKey as ReferenceKey;

use crate::bundle::Bounds;

const AFTER_HELP: &str = "Exit codes: 0 the auditor agrees, 1 the bundle or a key cannot be read, \
                          2 usage, 3 the auditor disagrees.";

/// Replays evidence bundles offline, trusting neither the verifier nor the bundle.
#[derive(Parser)]
#[command(name = "cloister-auditor", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check a bundle: its log, every file, every verdict as of its time, every release.
    #[command(after_help = AFTER_HELP)]
    Verify(Verify),
}

#[derive(clap::Args)]
struct Verify {
    /// The directory that `cloister verifier export` wrote.
    bundle: PathBuf,
    /// The verifier's log key from a source that you trust: `NAME+ID+BASE64`, or a file that holds
    /// it, or the verifier's pins (verifier-pins.json).
    #[arg(long, value_name = "VKEY|FILE")]
    log_key: String,
    /// The simulated TEE's root certificate (ark.pem or ark.der), where verdicts are about simulated
    /// evidence; again for each other one that the verifier was started with.
    #[arg(long = "simulated-root", value_name = "FILE")]
    simulated_roots: Vec<PathBuf>,
    /// The verifier may have been started for samples, which anybody can write.
    #[arg(long)]
    allow_sample: bool,
    /// A root that the verifier was given in a vendor's place (PEM or DER): of evidence made for tests. May be given more
    /// than once.
    #[arg(long = "vendor-root", value_name = "FILE")]
    vendor_roots: Vec<PathBuf>,
    /// A key that may have signed reference values: PEM, ECDSA on P-384. May be given more than once.
    #[arg(long = "reference-key", value_name = "PUB.PEM")]
    reference_keys: Vec<PathBuf>,
    /// The key of the log in whose place this one was begun after a restore, from a source that you trust; as `--log-key`.
    #[arg(long, value_name = "VKEY|FILE")]
    predecessor_key: Option<String>,
    /// Read no bundle with more bytes: it is held in memory, some 2.6 times its size.
    #[arg(long, value_name = "N", default_value_t = MAX_BUNDLE_BYTES)]
    max_bytes: u64,
    /// Read no bundle with more files.
    #[arg(long, value_name = "N", default_value_t = MAX_BUNDLE_FILES)]
    max_files: u64,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// A statement for people.
    Text,
    /// One JSON document.
    Json,
}

fn main() -> ExitCode {
    let Command::Verify(arguments) = Arguments::parse().command;
    match verify(&arguments) {
        Ok(report) if report.agrees() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(3),
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn verify(arguments: &Verify) -> anyhow::Result<AuditReport> {
    let trusted = Trusted::read(arguments)?;
    let bounds = Bounds {
        bytes: arguments.max_bytes,
        files: arguments.max_files,
    };
    let files = bundle::read(&arguments.bundle, bounds)?;
    let report = trusted
        .audit(&files)
        .with_context(|| format!("cannot read the bundle {}", arguments.bundle.display()))?;
    print(&report, arguments).context("cannot write to standard output")?;
    Ok(report)
}

/// All that comes from outside of the bundle.
struct Trusted {
    log_key: VerifyingKey,
    simulated_roots: Vec<Vec<u8>>,
    allow_sample: bool,
    vendor_roots: Vec<Vec<u8>>,
    reference_keys: Vec<ReferenceKey>,
    predecessor_key: Option<VerifyingKey>,
}

impl Trusted {
    fn read(arguments: &Verify) -> anyhow::Result<Self> {
        let simulated = arguments.simulated_roots.iter();
        let vendors = arguments.vendor_roots.iter();
        let keys = arguments.reference_keys.iter();
        Ok(Self {
            log_key: roots::log_key(&arguments.log_key)?,
            simulated_roots: simulated
                .map(|path| roots::root("simulated root", path))
                .collect::<anyhow::Result<_>>()?,
            allow_sample: arguments.allow_sample,
            vendor_roots: vendors
                .map(|path| roots::root("vendor's root", path))
                .collect::<anyhow::Result<_>>()?,
            reference_keys: keys
                .map(|path| roots::reference_key(path))
                .collect::<anyhow::Result<_>>()?,
            predecessor_key: arguments
                .predecessor_key
                .as_deref()
                .map(roots::log_key)
                .transpose()?,
        })
    }

    fn audit(&self, files: &Files) -> Result<AuditReport, Unreadable> {
        let anchors = Anchors {
            log_key: &self.log_key,
            simulated_roots: &slices(&self.simulated_roots),
            allow_sample: self.allow_sample,
            vendor_roots: &slices(&self.vendor_roots),
            corim_keys: &self.reference_keys,
            predecessor_key: self.predecessor_key.as_ref(),
        };
        audit(files, &anchors)
    }
}

fn slices(roots: &[Vec<u8>]) -> Vec<&[u8]> {
    roots.iter().map(Vec::as_slice).collect()
}

fn print(report: &AuditReport, arguments: &Verify) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match arguments.output {
        Output::Text => statement::write(&mut stdout, &arguments.bundle, report)?,
        Output::Json => writeln!(stdout, "{}", serde_json::to_string_pretty(report)?)?,
    }
    Ok(stdout.flush()?)
}

fn complain(error: &anyhow::Error) {
    // Not `eprintln`, which panics where nobody reads.
    let mut stderr = std::io::stderr().lock();
    let _unread = writeln!(stderr, "error: {error}");
    for cause in error.chain().skip(1) {
        let _unread = writeln!(stderr, "  because: {cause}");
    }
}
