//! A report against a plan, in words.

mod document;
mod launch;
mod predicted_quote;
mod quote;
mod snp_report;

use anyhow::{Context, Result, bail};
use clap::Args;
use measured_boot_snp_launch::{CpuSignature, SnpInputs, VmmType};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::Output;
use crate::diff::{Kind, Subject};
use crate::snp::hexadecimal;

#[derive(Args)]
pub struct ExplainArguments {
    /// The report: an SNP attestation report or a TDX quote, as it is, in hexadecimal or in base64.
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// What was planned: a vm.toml, a manifest, an OVMF image, an IGVM file, or what `plan`, `snp` or `tdx` printed with `-o json`.
    #[arg(long, value_name = "PLAN")]
    against: PathBuf,
    /// The manifest that the host gives with the report; heard only if it explains the report's digest.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The event log of the trust domain, with a TDX quote: what of RTMR0 can be told by it.
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
    /// The planned memory in MiB, with a TDX quote and its event log.
    #[arg(long, value_name = "MIB", requires = "event_log", value_parser = clap::value_parser!(u64).range(1..=1 << 30))]
    memory: Option<u64>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
    #[command(flatten)]
    launch: LaunchArguments,
}

/// How an OVMF image was to be launched; as for `snp`.
#[derive(Args)]
#[command(next_help_heading = "How an image was to be launched (as for `snp`)")]
pub struct LaunchArguments {
    /// How many vCPUs; needed with OVMF.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SnpInputs::MAX_VCPUS)))]
    vcpus: Option<u32>,
    /// QEMU's name of the vCPUs' model, such as EPYC-Milan-v2; not needed for ec2 and gce.
    #[arg(long, value_name = "TYPE")]
    vcpu_type: Option<CpuSignature>,
    /// The vCPUs' signature instead: CPUID Fn0000_0001_EAX.
    #[arg(long, value_name = "HEX", value_parser = signature, conflicts_with = "vcpu_type")]
    vcpu_sig: Option<CpuSignature>,
    /// SEV_FEATURES of the vCPUs; 0x1 is SNP alone.
    #[arg(long, value_name = "HEX", default_value = "0x1", value_parser = hexadecimal)]
    guest_features: u64,
    /// Who was to launch: qemu, ec2, gce or cloister.
    #[arg(long, value_name = "VMM", default_value = "qemu")]
    vmm_type: VmmType,
    /// The kernel that the VMM hands to the firmware.
    #[arg(long, value_name = "FILE", conflicts_with = "svsm")]
    kernel: Option<PathBuf>,
    /// Its initrd.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// Its command line.
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    append: Option<String>,
    /// A Coconut SVSM image, under which the firmware runs.
    #[arg(long, value_name = "FILE")]
    svsm: Option<PathBuf>,
    /// The size in bytes of the variable store between firmware and SVSM.
    #[arg(long, value_name = "N", requires = "svsm")]
    vars_size: Option<u32>,
}

fn signature(text: &str) -> Result<CpuSignature, String> {
    let number = hexadecimal(text)?;
    u32::try_from(number)
        .map(CpuSignature)
        .map_err(|_| "a signature has 32 bits".to_owned())
}

/// Says what the digest of a report was made of. Exit code 0 if of what was planned, 3 if not.
pub fn explain(arguments: &ExplainArguments) -> Result<ExitCode> {
    let report = Subject::read(&arguments.report)?;
    let plan = Subject::read(&arguments.against)?;
    if let Subject::Prediction(path, predicted) = &plan {
        let place = || format!("--against {}", path.display());
        predicted.same_tee(report.kind()).with_context(place)?;
    }
    match report.kind() {
        Kind::Report => snp_report::explain(arguments, &report, &plan),
        Kind::Quote => quote::explain(arguments, &report, &plan),
        other => bail!(
            "{}: taken for {}; give an SNP report or a TDX quote",
            arguments.report.display(),
            other.one()
        ),
    }
}
