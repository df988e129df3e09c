//! Launches of firmware by other VMMs.

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap::error::ErrorKind;
use measured_boot_firmware::Ovmf;
use measured_boot_page_hash::AllCores;
use measured_boot_snp_launch::{CpuSignature, KernelHashes, SnpInputs, SnpLaunch, VmmType};
use serde::Serialize;
use std::path::PathBuf;

use crate::files::read;
use crate::prediction::Component;
use crate::{Cli, Output, print, print_json, text};

/// The bits of SEV_FEATURES that have a name (APM volume 2 rev 3.42, table B-4; Linux, `asm/svm.h`): 0 to
/// 10, 12, 14 and 15.
const KNOWN_FEATURES: u64 = 0xD7FF;

#[derive(clap::Args)]
pub struct SnpArguments {
    /// The firmware: an OVMF image built for SEV-SNP.
    #[arg(long, value_name = "FILE")]
    ovmf: PathBuf,
    /// How many vCPUs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(SnpInputs::MAX_VCPUS)))]
    vcpus: u32,
    /// QEMU's name of the vCPUs' model, such as EPYC-Milan-v2; not needed for ec2 and gce.
    #[arg(long, value_name = "TYPE")]
    vcpu_type: Option<CpuSignature>,
    /// The vCPUs' signature instead: CPUID Fn0000_0001_EAX.
    #[arg(long, value_name = "HEX", value_parser = signature, conflicts_with = "vcpu_type")]
    vcpu_sig: Option<CpuSignature>,
    /// SEV_FEATURES of the vCPUs; 0x1 is SNP alone.
    #[arg(long, value_name = "HEX", default_value = "0x1", value_parser = hexadecimal)]
    guest_features: u64,
    /// Who launches: qemu, ec2, gce or cloister.
    #[arg(long, value_name = "VMM", default_value = "qemu")]
    vmm_type: VmmType,
    /// The kernel that the VMM hands to the firmware, which has to check it.
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// Its initrd.
    #[arg(long, value_name = "FILE", requires = "kernel")]
    initrd: Option<PathBuf>,
    /// Its command line.
    #[arg(long, value_name = "TEXT", requires = "kernel")]
    append: Option<String>,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

/// What `--output json` prints.
#[derive(Serialize)]
struct Document {
    tee: &'static str,
    vmm_type: &'static str,
    vcpus: u32,
    cpu_signature: Option<String>,
    guest_features: String,
    launch_digest: String,
    components: Vec<Component>,
    warnings: Vec<String>,
}

/// Predicts the launch and prints it.
pub fn predict(arguments: &SnpArguments) -> Result<()> {
    let image = read("--ovmf", &arguments.ovmf)?;
    let firmware = Ovmf::read(&image).with_context(|| {
        let path = arguments.ovmf.display();
        format!("--ovmf {path}: the image cannot be launched as an SNP guest")
    })?;
    let cpu = cpu(arguments);
    let launch = SnpLaunch::of(&SnpInputs {
        firmware,
        firmware_digest: None,
        kernel: kernel(arguments)?,
        vcpus: arguments.vcpus,
        cpu: cpu.unwrap_or(CpuSignature(0)),
        features: arguments.guest_features,
        vmm: arguments.vmm_type,
    })
    .with_context(|| {
        format!(
            "--ovmf {}: there is no such launch",
            arguments.ovmf.display()
        )
    })?;
    let warnings = warnings(arguments.guest_features);
    for warning in &warnings {
        eprintln!("warning: {warning}");
    }
    let measurement = launch.measure(&AllCores::new());
    let (digest, components) = (measurement.digest(), measurement.components());
    match arguments.output {
        Output::Text => print(&text::foreign_page(
            &headline(arguments, cpu),
            &components,
            digest,
        )),
        Output::Json => print_json(&Document {
            tee: "snp",
            vmm_type: arguments.vmm_type.name(),
            vcpus: arguments.vcpus,
            cpu_signature: cpu.map(|cpu| cpu.to_string()),
            guest_features: format!("{:#x}", arguments.guest_features),
            launch_digest: digest.to_string(),
            components: components.iter().map(Component::of).collect(),
            warnings,
        }),
    }
}

/// The vCPUs' signature; the clouds show none to their guests.
fn cpu(arguments: &SnpArguments) -> Option<CpuSignature> {
    match arguments.vmm_type {
        VmmType::Ec2 | VmmType::Gce => None,
        VmmType::Qemu | VmmType::Cloister => {
            let given = arguments.vcpu_type.or(arguments.vcpu_sig);
            Some(given.unwrap_or_else(|| missing_cpu(arguments.vmm_type)))
        }
    }
}

/// Ends the program as clap does.
fn missing_cpu(vmm: VmmType) -> ! {
    let what = format!(
        "--vcpu-type or --vcpu-sig is needed with --vmm-type {}: the signature is in every vCPU's RDX, which is measured",
        vmm.name()
    );
    Cli::command()
        .error(ErrorKind::MissingRequiredArgument, what)
        .exit()
}

fn kernel(arguments: &SnpArguments) -> Result<Option<KernelHashes>> {
    let Some(path) = &arguments.kernel else {
        return Ok(None);
    };
    let kernel = read("--kernel", path)?;
    let initrd = match &arguments.initrd {
        Some(path) => read("--initrd", path)?,
        None => Vec::new(),
    };
    let cmdline = arguments.append.as_deref().unwrap_or_default();
    Ok(Some(KernelHashes::of(&kernel, &initrd, cmdline)))
}

fn headline(arguments: &SnpArguments, cpu: Option<CpuSignature>) -> String {
    let cpu = cpu.map_or(String::new(), |cpu| format!(" of signature {cpu}"));
    let (vmm, vcpus) = (arguments.vmm_type.name(), arguments.vcpus);
    let s = if vcpus == 1 { "" } else { "s" };
    let features = arguments.guest_features;
    format!("{vmm}: {vcpus} vCPU{s}{cpu}, SEV_FEATURES {features:#x}")
}

/// What is measured as given and yet may not be what was meant.
fn warnings(features: u64) -> Vec<String> {
    let mut warnings = Vec::new();
    if features & 1 == 0 {
        warnings.push(format!(
            "--guest-features {features:#x}: bit 0 (SNPActive) is not set; no SNP guest runs with these"
        ));
    }
    let unknown = features & !KNOWN_FEATURES;
    if unknown != 0 {
        warnings.push(format!(
            "--guest-features {features:#x}: bits {unknown:#x} have no meaning that is known here; they are measured as given"
        ));
    }
    warnings
}

fn signature(text: &str) -> Result<CpuSignature, String> {
    let number = hexadecimal(text)?;
    u32::try_from(number)
        .map(CpuSignature)
        .map_err(|_| "a signature has 32 bits".to_owned())
}

/// A number in hexadecimal, with or without `0x`.
pub fn hexadecimal(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).map_err(|_| "give hexadecimal digits, such as 0x21".to_owned())
}
