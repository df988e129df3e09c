//! Launches of OVMF by itself.

use crate::reset_state::vmsas;
use crate::vcpus::vcpus;
use crate::{Contents, CpuSignature, KernelHashes, LaunchFault, Run, SnpLaunch, VmmType};
use measured_boot_firmware::{HashArea, Ovmf, Section, SectionKind};
use measured_boot_snp_abi::{PAGE_SIZE, PageType};
use std::sync::Arc;

/// What a launch of OVMF is made of.
#[derive(Clone, Debug)]
pub struct SnpInputs<'a> {
    /// The firmware.
    pub firmware: Ovmf<'a>,
    /// The launch digest after another image's pages, if it is known and that image is not there: it is
    /// launched in `firmware`'s place, with the sections and vCPUs of `firmware`.
    pub firmware_digest: Option<[u8; 48]>,
    /// The hashes of the kernel that it is to check, if it is handed one.
    pub kernel: Option<KernelHashes>,
    /// How many vCPUs: 1 to [`SnpInputs::MAX_VCPUS`].
    pub vcpus: u32,
    /// The vCPUs' signature; EC2 and GCE do not show it.
    pub cpu: CpuSignature,
    /// SEV_FEATURES of every vCPU.
    pub features: u64,
    /// Who launches.
    pub vmm: VmmType,
}

impl SnpInputs<'_> {
    /// As many as KVM allows.
    pub const MAX_VCPUS: u32 = 4096;
}

impl<'a> SnpLaunch<'a> {
    /// The launch of these inputs: the image, the sections that its metadata asks for, the vCPUs.
    ///
    /// # Errors
    /// The firmware cannot check a kernel and is handed one, or the number of vCPUs is impossible.
    pub fn of(inputs: &SnpInputs<'a>) -> Result<Self, LaunchFault> {
        let metadata = inputs.firmware.metadata();
        let mut runs = Vec::new();
        if inputs.firmware_digest.is_none() {
            runs.push(Run::image(
                "firmware",
                inputs.firmware.base(),
                inputs.firmware.image(),
            ));
        }
        runs.extend(sections(inputs)?);
        let vmsas = vmsas(
            inputs.vmm,
            inputs.cpu,
            inputs.features,
            metadata.reset_address,
        );
        runs.extend(vcpus(inputs.vcpus, &vmsas)?);
        Ok(Self::going_on(
            inputs.firmware_digest.unwrap_or([0; 48]),
            runs,
        ))
    }
}

impl<'a> Run<'a> {
    /// A whole image.
    pub(crate) fn image(name: &str, gpa: u64, bytes: &'a [u8]) -> Self {
        Self {
            name: name.to_owned(),
            gpa,
            page_type: PageType::Normal,
            contents: Contents::File { bytes, offset: 0 },
        }
    }

    /// A section that has no contents.
    pub(crate) fn empty_section(section: &Section, vmm: VmmType) -> Self {
        Self {
            name: section.kind.to_string(),
            gpa: u64::from(section.gpa),
            page_type: page_type(section.kind, vmm),
            contents: Contents::Unmeasured(u64::from(section.size) / 4096),
        }
    }
}

/// In the order of the metadata's rows; EC2 adds the CPUID page when it has added all others.
fn sections<'a>(inputs: &SnpInputs<'a>) -> Result<Vec<Run<'a>>, LaunchFault> {
    let metadata = inputs.firmware.metadata();
    if inputs.kernel.is_some() && metadata.hash_area.is_none() {
        return Err(LaunchFault::KernelUnchecked);
    }
    let mut sections: Vec<&Section> = metadata.sections.iter().collect();
    if inputs.vmm == VmmType::Ec2 {
        sections.sort_by_key(|section| section.kind == SectionKind::Cpuid);
    }
    let run = |section: &Section| match (section.kind, inputs.kernel, metadata.hash_area) {
        (SectionKind::KernelHashes, Some(hashes), Some(area)) => hash_page(&hashes, section, area),
        _ => Ok(Run::empty_section(section, inputs.vmm)),
    };
    sections.into_iter().map(run).collect()
}

/// The page of kernel hashes: the table where the firmware looks for it, zeros around it.
fn hash_page<'a>(
    hashes: &KernelHashes,
    section: &Section,
    area: HashArea,
) -> Result<Run<'a>, LaunchFault> {
    let start = usize::try_from(area.gpa - section.gpa).unwrap_or(usize::MAX);
    let size = usize::try_from(area.size).unwrap_or(usize::MAX);
    let mut page = [0; PAGE_SIZE];
    let place = page
        .get_mut(start..)
        .and_then(|rest| rest.get_mut(..KernelHashes::PADDED_BYTES))
        .filter(|_| size >= KernelHashes::PADDED_BYTES)
        .ok_or(LaunchFault::HashAreaSmall(area.size))?;
    place.copy_from_slice(&hashes.table());
    Ok(Run {
        name: section.kind.to_string(),
        gpa: u64::from(section.gpa),
        page_type: PageType::Normal,
        contents: Contents::Made(Arc::new(page)),
    })
}

/// What a VMM makes of a section that has no contents.
fn page_type(kind: SectionKind, vmm: VmmType) -> PageType {
    match kind {
        SectionKind::SecMem if vmm == VmmType::Gce => PageType::Unmeasured,
        SectionKind::SecMem | SectionKind::SvsmCaa | SectionKind::KernelHashes => PageType::Zero,
        SectionKind::Secrets => PageType::Secrets,
        SectionKind::Cpuid => PageType::Cpuid,
    }
}
