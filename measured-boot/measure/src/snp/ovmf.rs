//! Launches of OVMF, by itself or under an SVSM.

use super::{Predicted, SnpArguments, print_launch};
use anyhow::{Context, Result};
use measured_boot_firmware::{Ovmf, Svsm};
use measured_boot_snp_launch::{
    CpuSignature, KernelHashes, SnpInputs, SnpLaunch, SvsmInputs, SvsmNote, ovmf_coverage,
    svsm_coverage,
};
use std::path::Path;
use std::process::ExitCode;

use crate::boot_files::BootFiles;
use crate::files::read;

/// The bits of SEV_FEATURES that have a name (APM volume 2 rev 3.42, table B-4; Linux, `asm/svm.h`): 0 to
/// 10, 12, and 14 to 16.
const KNOWN_FEATURES: u64 = 0x1_D7FF;

pub fn predict(arguments: &SnpArguments, path: &Path) -> Result<ExitCode> {
    let image = read("--ovmf", path)?;
    let place = || format!("--ovmf {}", path.display());
    let firmware = Ovmf::read(&image)
        .with_context(|| format!("{}: the image cannot be launched as an SNP guest", place()))?;
    let svsm = match &arguments.svsm {
        Some(path) => Some((path.as_path(), read("--svsm", path)?)),
        None => None,
    };
    let predicted = match &svsm {
        Some((path, image)) => under_svsm(arguments, firmware, path, image)?,
        None => alone(arguments, firmware)
            .with_context(|| format!("{}: there is no such launch", place()))?,
    };
    print_launch(arguments, predicted, |_| None)
}

fn alone<'a>(arguments: &SnpArguments, firmware: Ovmf<'a>) -> Result<Predicted<'a>> {
    let cpu = arguments.cpu();
    let inputs = SnpInputs {
        firmware,
        firmware_digest: arguments.firmware_digest.map(|digest| digest.0),
        kernel: kernel(arguments)?,
        vcpus: arguments.vcpus.unwrap_or_default(),
        cpu: cpu.unwrap_or(CpuSignature(0)),
        features: arguments.features(),
        vmm: arguments.vmm_type,
    };
    let launch = SnpLaunch::of(&inputs)?;
    Ok(Predicted {
        coverage: ovmf_coverage(&inputs, &launch),
        launch,
        cpu,
        policy: None,
        warnings: features_warnings(arguments.features()),
    })
}

fn under_svsm<'a>(
    arguments: &SnpArguments,
    firmware: Ovmf<'a>,
    path: &Path,
    image: &'a [u8],
) -> Result<Predicted<'a>> {
    let place = || format!("--svsm {}", path.display());
    let usual = Svsm::usual_vars_bytes(&firmware);
    let vars_bytes = arguments.vars_size.unwrap_or(usual);
    let svsm = Svsm::below(image, &firmware, vars_bytes)
        .with_context(|| format!("{}: the image cannot be launched as an SVSM", place()))?;
    let cpu = arguments.cpu();
    let inputs = SvsmInputs {
        firmware,
        svsm,
        vcpus: arguments.vcpus.unwrap_or_default(),
        cpu: cpu.unwrap_or(CpuSignature(0)),
        features: arguments.features(),
        vmm: arguments.vmm_type,
    };
    let launch = SnpLaunch::of_svsm(&inputs)
        .with_context(|| format!("{}: there is no such launch", place()))?;
    let notes = SvsmNote::of(&inputs);
    let mut warnings = features_warnings(arguments.features());
    warnings.extend(notes.iter().map(SvsmNote::to_string));
    Ok(Predicted {
        coverage: svsm_coverage(&inputs, &launch),
        launch,
        cpu,
        policy: None,
        warnings,
    })
}

fn kernel(arguments: &SnpArguments) -> Result<Option<KernelHashes>> {
    let files = BootFiles::read(
        arguments.kernel.as_deref(),
        arguments.initrd.as_deref(),
        arguments.append.as_deref(),
    )?;
    Ok(files.as_ref().map(BootFiles::hashes))
}

/// What is measured as given and yet may not be what was meant.
fn features_warnings(features: u64) -> Vec<String> {
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
