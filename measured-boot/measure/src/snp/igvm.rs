//! Launches of IGVM files.

use super::document::IdBlockDocument;
use super::{Predicted, SnpArguments, arguments::wrong_usage, print_launch};
use anyhow::{Context, Result, ensure};
use clap::error::ErrorKind;
use measured_boot_igvm::{Igvm, Loading, PlatformKind};
use measured_boot_snp_launch::{IgvmNote, SnpLaunch, VmmType, igvm_coverage, igvm_notes};
use std::path::Path;
use std::process::ExitCode;

use crate::files::read;

pub fn predict(arguments: &SnpArguments, path: &Path) -> Result<ExitCode> {
    if arguments.vmm_type == VmmType::Ec2 {
        let what = "--igvm cannot be used with --vmm-type ec2, which launches no IGVM files";
        wrong_usage(ErrorKind::ArgumentConflict, what.to_owned());
    }
    let file = read("--igvm", path)?;
    let place = || {
        let path = path.display();
        format!("--igvm {path}: the file cannot be launched as an SNP guest")
    };
    let igvm = Igvm::read(&file).with_context(place)?;
    let loading = igvm.loading(PlatformKind::SevSnp).with_context(place)?;
    let policy = loading.policy().with_context(place)?;
    let launch = SnpLaunch::of_igvm(&loading, arguments.zero_pages()).with_context(place)?;
    refuse_other_vcpus(arguments.vcpus, launch.vcpus()).with_context(place)?;
    let is_kvm = matches!(arguments.vmm_type, VmmType::Qemu | VmmType::Cloister);
    let predicted = Predicted {
        coverage: igvm_coverage(&loading, &launch),
        launch,
        cpu: None,
        policy: Some(policy),
        warnings: igvm_notes(&loading, is_kvm)
            .iter()
            .map(IgvmNote::to_string)
            .collect(),
    };
    print_launch(arguments, predicted, |digest| {
        id_block(&loading, policy, digest)
    })
}

/// KVM measures more vCPUs than the file has, out of reset; nobody has published such a digest.
fn refuse_other_vcpus(wanted: Option<u32>, there: usize) -> Result<()> {
    let same = wanted.is_none_or(|wanted| usize::try_from(wanted).ok() == Some(there));
    ensure!(
        same,
        "--vcpus {}: the file has the states of {there}, and what more of them are measured as is not known",
        wanted.unwrap_or_default()
    );
    Ok(())
}

fn id_block(loading: &Loading<'_, '_>, policy: u64, digest: [u8; 48]) -> Option<IdBlockDocument> {
    let block = loading.snp_id_block()?.for_firmware(policy);
    Some(IdBlockDocument::of(&block, digest))
}
