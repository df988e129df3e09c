//! The pages of a launch in measuring order, and the digest over them.

use crate::reset_state::vmsas;
use crate::{CpuSignature, KernelHashes, VmmType};
use measured_boot_digest::{ComponentDigest, DigestChain, LaunchDigest, sha384};
use measured_boot_firmware::{HashArea, Ovmf, Section, SectionKind};
use measured_boot_snp_abi::{PAGE_SIZE, PageType, VMSA_GPA};
use zerocopy::IntoBytes;

/// What a launch of OVMF is made of.
#[derive(Clone, Debug)]
pub struct SnpInputs<'a> {
    /// The firmware.
    pub firmware: Ovmf<'a>,
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

/// A launch as the firmware of the secure processor sees it: runs of pages, in order.
#[derive(Clone, Debug)]
pub struct SnpLaunch<'a> {
    runs: Vec<Run<'a>>,
}

/// Pages of one kind at rising addresses.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// What they are, such as `firmware`, `SNP_SEC_MEM` or `vcpu0`.
    pub name: String,
    /// Guest physical address of the first.
    pub gpa: u64,
    /// What is in them.
    pub contents: Contents<'a>,
}

/// What is in the pages of a run.
#[derive(Clone, Debug)]
pub enum Contents<'a> {
    /// NORMAL pages of a file.
    File(&'a [u8]),
    /// One NORMAL or VMSA page of bytes that the VMM makes.
    Made(PageType, Box<[u8; PAGE_SIZE]>),
    /// So many pages of a type whose contents are not measured.
    Unmeasured(PageType, u64),
}

/// Why there is no such launch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LaunchFault {
    /// No guest has so many.
    #[error("{0} vCPUs: a guest has 1 to {max}", max = SnpInputs::MAX_VCPUS)]
    Vcpus(u32),
    /// The firmware would boot whatever kernel the host hands it.
    #[error(
        "the firmware has no SNP_KERNEL_HASHES section: it would not check the kernel, and the digest would say nothing of it; use a build for direct boot (OvmfPkg/AmdSev)"
    )]
    KernelUnchecked,
    /// The table of hashes does not fit.
    #[error("the firmware's hash table area has {0} bytes; the table has {needed}", needed = KernelHashes::PADDED_BYTES)]
    HashAreaSmall(u32),
}

impl<'a> SnpLaunch<'a> {
    /// The launch of these inputs: the image, the sections that its metadata asks for, the vCPUs.
    ///
    /// # Errors
    /// The firmware cannot check a kernel and is handed one, or the number of vCPUs is impossible.
    pub fn of(inputs: &SnpInputs<'a>) -> Result<Self, LaunchFault> {
        if !(1..=SnpInputs::MAX_VCPUS).contains(&inputs.vcpus) {
            return Err(LaunchFault::Vcpus(inputs.vcpus));
        }
        let mut launch = Self {
            runs: vec![Run {
                name: "firmware".to_owned(),
                gpa: inputs.firmware.base(),
                contents: Contents::File(inputs.firmware.image()),
            }],
        };
        launch.add_sections(inputs)?;
        launch.add_vcpus(inputs);
        Ok(launch)
    }

    /// In the order of the metadata's rows; EC2 adds the CPUID page when it has added all others.
    fn add_sections(&mut self, inputs: &SnpInputs<'a>) -> Result<(), LaunchFault> {
        let metadata = inputs.firmware.metadata();
        if inputs.kernel.is_some() && metadata.hash_area.is_none() {
            return Err(LaunchFault::KernelUnchecked);
        }
        let mut sections: Vec<&Section> = metadata.sections.iter().collect();
        if inputs.vmm == VmmType::Ec2 {
            sections.sort_by_key(|section| section.kind == SectionKind::Cpuid);
        }
        for section in sections {
            let contents = match (section.kind, inputs.kernel, metadata.hash_area) {
                (SectionKind::KernelHashes, Some(hashes), Some(area)) => {
                    hash_page(&hashes, section, area)?
                }
                (kind, ..) => Contents::Unmeasured(
                    page_type(kind, inputs.vmm),
                    u64::from(section.size) / 4096,
                ),
            };
            self.runs.push(Run {
                name: section.kind.to_string(),
                gpa: u64::from(section.gpa),
                contents,
            });
        }
        Ok(())
    }

    fn add_vcpus(&mut self, inputs: &SnpInputs<'a>) {
        let reset_address = inputs.firmware.metadata().reset_address;
        let [boot, other] = vmsas(inputs.vmm, inputs.cpu, inputs.features, reset_address);
        let pages = [boot, other].map(|vmsa| {
            let bytes: &[u8; PAGE_SIZE] = vmsa.as_bytes().try_into().expect("a VMSA is a page");
            Box::new(*bytes)
        });
        for index in 0..inputs.vcpus {
            let page = &pages[usize::from(index > 0)];
            self.runs.push(Run {
                name: format!("vcpu{index}"),
                gpa: VMSA_GPA,
                contents: Contents::Made(PageType::Vmsa, page.clone()),
            });
        }
    }

    /// The runs, in measuring order.
    pub fn runs(&self) -> &[Run<'a>] {
        &self.runs
    }

    /// The launch digest.
    pub fn digest(&self) -> LaunchDigest {
        let mut chain = DigestChain::new();
        self.runs.iter().for_each(|run| run.measure(&mut chain));
        chain.digest()
    }

    /// The components, in measuring order.
    pub fn components(&self) -> Vec<ComponentDigest> {
        self.runs.iter().map(Run::component).collect()
    }
}

impl Run<'_> {
    fn measure(&self, chain: &mut DigestChain) {
        let page_type = self.page_type();
        let addresses = (self.gpa..).step_by(PAGE_SIZE);
        match &self.contents {
            Contents::File(bytes) => {
                for (gpa, page) in addresses.zip(bytes.chunks(PAGE_SIZE)) {
                    chain.add(page_type, gpa, sha384(page));
                }
            }
            Contents::Made(_, page) => chain.add(page_type, self.gpa, sha384(page.as_slice())),
            Contents::Unmeasured(_, count) => {
                for (gpa, _) in addresses.zip(0..*count) {
                    chain.add(page_type, gpa, [0; 48]);
                }
            }
        }
    }

    /// The pages' type.
    pub fn page_type(&self) -> PageType {
        match self.contents {
            Contents::File(_) => PageType::Normal,
            Contents::Made(page_type, _) | Contents::Unmeasured(page_type, _) => page_type,
        }
    }

    fn component(&self) -> ComponentDigest {
        let (pages, measured) = match &self.contents {
            Contents::File(bytes) => (bytes.len().div_ceil(PAGE_SIZE), Some(*bytes)),
            Contents::Made(_, page) => (1, Some(page.as_slice())),
            Contents::Unmeasured(_, count) => (usize::try_from(*count).unwrap_or(usize::MAX), None),
        };
        let digests = |bytes: &[u8]| bytes.chunks(PAGE_SIZE).flat_map(sha384).collect::<Vec<_>>();
        ComponentDigest {
            name: self.name.clone(),
            gpa: self.gpa,
            pages: u64::try_from(pages).unwrap_or(u64::MAX),
            sha384: measured.map(|bytes| sha384(&digests(bytes))),
        }
    }
}

/// The page of kernel hashes: the table where the firmware looks for it, zeros around it.
fn hash_page<'a>(
    hashes: &KernelHashes,
    section: &Section,
    area: HashArea,
) -> Result<Contents<'a>, LaunchFault> {
    let start = usize::try_from(area.gpa - section.gpa).unwrap_or(usize::MAX);
    let size = usize::try_from(area.size).unwrap_or(usize::MAX);
    let mut page = Box::new([0; PAGE_SIZE]);
    let place = page
        .get_mut(start..)
        .and_then(|rest| rest.get_mut(..KernelHashes::PADDED_BYTES))
        .filter(|_| size >= KernelHashes::PADDED_BYTES)
        .ok_or(LaunchFault::HashAreaSmall(area.size))?;
    place.copy_from_slice(&hashes.table());
    Ok(Contents::Made(PageType::Normal, page))
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
