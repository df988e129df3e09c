//! Reference values: what a verifier accepts, as a plain document of our own or as a signed CoRIM.

mod check;
mod document;
mod launches;
mod plain;
mod signed;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use launches::ImageArguments;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Output;

const SECONDS_A_DAY: u64 = 86_400;
const MAX_DAYS: u64 = 3650;

/// What makes a signed document, and goes with `--sign` alone.
const SIGNED: &str = "With --sign";
/// What names a launch that is no VM of ours.
const IMAGE: &str = "With --ovmf";
/// What reads a document back.
const CHECK: &str = "With --check";

#[derive(Args)]
#[command(group = ArgGroup::new("subject").required(true).args(["config", "ovmf", "prediction", "check"]))]
pub struct ReferenceArguments {
    /// The virtual machine's configuration.
    #[arg(value_name = "VM.TOML")]
    config: Option<PathBuf>,
    /// Where to write the reference values.
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    out: Option<PathBuf>,
    /// The workload's name; the configuration's own name when not given.
    #[arg(long, required_unless_present_any = ["config", "check"])]
    name: Option<String>,
    /// The first second at which they are good, in seconds since 1970-01-01 UTC; now when not given.
    #[arg(long, value_name = "SECONDS")]
    not_before: Option<u64>,
    /// For how many days from then they are good.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=MAX_DAYS))]
    days: u64,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
    #[command(flatten)]
    signing: SigningArguments,
    #[command(flatten)]
    image: ImageArguments,
    #[command(flatten)]
    checking: CheckArguments,
}

#[derive(Args)]
#[command(next_help_heading = SIGNED)]
struct SigningArguments {
    /// Write a CoRIM, signed by the private key in this file: ECDSA on P-384, PEM.
    #[arg(long, value_name = "KEY.PEM")]
    sign: Option<PathBuf>,
    /// In whose name it is signed; the key's thumbprint when not given.
    #[arg(long, value_name = "NAME", requires = "sign")]
    signer: Option<String>,
    /// Numbers of vCPUs, each a launch that is accepted; the configuration's own when not given.
    #[arg(long, value_name = "N,N", value_delimiter = ',', requires = "sign")]
    vcpus: Vec<u32>,
    /// The workload's version.
    #[arg(long, value_name = "VERSION", requires = "sign")]
    workload_version: Option<String>,
    /// Accept reports of this GUEST_SVN and above only.
    #[arg(long, value_name = "N", requires = "sign")]
    min_svn: Option<u32>,
    /// The bill of materials that the workload was built from: its digest is signed.
    #[arg(long, value_name = "FILE", requires = "sign")]
    sbom: Option<PathBuf>,
    /// A launch that is accepted, with N vCPUs: what `cloister measure plan`, `snp` or `tdx` printed with `-o json`. May
    /// be given more than once.
    #[arg(long, value_name = "N=FILE", value_parser = prediction, requires = "sign", conflicts_with = "vcpus")]
    prediction: Vec<(u32, PathBuf)>,
}

/// A number of vCPUs and a file.
fn prediction(text: &str) -> Result<(u32, PathBuf), String> {
    let (count, file) = text.split_once('=').unwrap_or_default();
    let count = count
        .parse()
        .map_err(|_| "give N=FILE, such as 2=td.json")?;
    Ok((count, PathBuf::from(file)))
}

/// Options by which something is made, none of which goes with `--check`. What requires one of another's options
/// has to be named too: clap takes no option for missing that could not be given.
const MAKING: [&str; 17] = [
    "config",
    "ovmf",
    "prediction",
    "out",
    "name",
    "not_before",
    "days",
    "sign",
    "signer",
    "vcpus",
    "workload_version",
    "min_svn",
    "sbom",
    "vcpu_type",
    "guest_features",
    "vmm_type",
    "kernel",
];

#[derive(Args)]
#[command(next_help_heading = CHECK)]
struct CheckArguments {
    /// Read a signed CoRIM back, check it, and print what it says.
    #[arg(long, value_name = "FILE", requires = "key", conflicts_with_all = MAKING)]
    check: Option<PathBuf>,
    /// The public key that must have signed it: PEM.
    #[arg(long, value_name = "PUB.PEM", requires = "check", conflicts_with_all = MAKING)]
    key: Option<PathBuf>,
    /// When it has to be good, in seconds since 1970-01-01 UTC; now when not given.
    #[arg(long, value_name = "SECONDS", requires = "check", conflicts_with_all = MAKING)]
    at: Option<u64>,
}

/// Writes reference values, or checks them.
pub fn run(arguments: &ReferenceArguments) -> Result<ExitCode> {
    if let Some(file) = &arguments.checking.check {
        return check::check(arguments, file);
    }
    let out = arguments.out.as_deref().context("--out is required")?;
    match (&arguments.signing.sign, &arguments.config) {
        (Some(key), _) => signed::write(arguments, key, out)?,
        (None, Some(config)) => plain::write(arguments, config, out)?,
        (None, None) => unreachable!("what is no configuration requires --sign"),
    }
    Ok(ExitCode::SUCCESS)
}

impl ReferenceArguments {
    /// The first second and the last.
    fn validity(&self) -> Result<(u64, u64)> {
        let not_before = match self.not_before {
            Some(given) => given,
            None => now().context("or give --not-before")?,
        };
        // JSON numbers above 2^53 are rounded by many readers (RFC 8785).
        let not_after = not_before
            .checked_add(self.days * SECONDS_A_DAY)
            .filter(|end| *end <= 1 << 53)
            .with_context(|| {
                format!("--not-before {not_before}: give seconds since 1970-01-01 UTC, not more")
            })?;
        Ok((not_before, not_after))
    }
}

/// Seconds since 1970-01-01 UTC by this machine's clock.
fn now() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(now
        .context("this machine's clock is before 1970: set it")?
        .as_secs())
}
