//! What an IGVM file asks for that KVM, or another tool, does otherwise.

use measured_boot_igvm::{DirectiveKind, Loading, VpContext};
use measured_boot_snp_abi::{VMSA_GPA, Vmsa};
use std::fmt;
use zerocopy::FromBytes;

const CR0_ET: u64 = 1 << 4;
const CR0_CD_NW: u64 = 3 << 29;

/// Something for which a launch may have another digest than the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgvmNote {
    /// KVM measures VMSAs when the launch ends, whatever is behind them in the file.
    VmsaNotLast,
    /// KVM measures VMSAs at one address.
    VmsaAddress(u64),
    /// KVM takes the state of the first vCPU alone.
    VmsaCount(usize),
    /// KVM measures the vCPU's state out of reset.
    NoVmsa,
    /// KVM changes bits of CR0 before it measures (Linux 6.12, svm_set_cr0; ET is set out of reset).
    Cr0(u64),
    /// SEV_FEATURES without bit 0.
    NotSnp(u64),
    /// A loader may move pages.
    Relocatable,
    /// Tools measure the first 4096 bytes of such a page, or refuse it.
    LargePageWithData(u64),
    /// Tools differ in how many pages they measure of it.
    LargeParameterArea(u32),
}

impl fmt::Display for IgvmNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VmsaNotLast => f.write_str(
                "a vCPU's state is not the last page in the file; KVM measures it last, so a launch there has another digest",
            ),
            Self::VmsaAddress(gpa) => write!(
                f,
                "a vCPU's state is to be at {gpa:#x}; KVM measures it at {VMSA_GPA:#x}, so a launch there has another digest"
            ),
            Self::VmsaCount(count) => write!(
                f,
                "the file has the states of {count} vCPUs; QEMU takes the first vCPU's alone"
            ),
            Self::NoVmsa => f.write_str(
                "the file has no vCPU's state; a VMM measures one that this digest does not have",
            ),
            Self::Cr0(cr0) => write!(
                f,
                "CR0 of a vCPU is {cr0:#x}; KVM measures it with bit 4 (ET) set and bits 29 and 30 (NW, CD) clear, so a launch there has another digest"
            ),
            Self::NotSnp(features) => write!(
                f,
                "SEV_FEATURES of a vCPU is {features:#x}: bit 0 (SNPActive) is not set; no SNP guest runs with these"
            ),
            Self::Relocatable => f.write_str(
                "a loader may move parts of the file; the digest is of the addresses that the file gives",
            ),
            Self::LargePageWithData(gpa) => write!(
                f,
                "the page of 2 MiB at {gpa:#x} is measured as 512 pages; other tools refuse such a page or read 4 KiB of it"
            ),
            Self::LargeParameterArea(area) => write!(
                f,
                "parameter area {area} has several pages, all measured; igvmmeasure measures the first one alone"
            ),
        }
    }
}

/// All that is to be said of a file.
pub fn igvm_notes(loading: &Loading<'_, '_>, is_kvm: bool) -> Vec<IgvmNote> {
    let mut notes = pages(loading);
    let contexts: Vec<_> = contexts(loading).collect();
    if contexts.is_empty() {
        notes.push(IgvmNote::NoVmsa);
    }
    let vmsas = contexts.iter().filter_map(vmsa);
    for vmsa in vmsas {
        let (features, cr0) = (vmsa.sev_features.get(), vmsa.cr0.get());
        if features & 1 == 0 {
            notes.push(IgvmNote::NotSnp(features));
        }
        if is_kvm && cr0 & (CR0_ET | CR0_CD_NW) != CR0_ET {
            notes.push(IgvmNote::Cr0(cr0));
        }
    }
    if is_kvm {
        notes.extend(order(loading, &contexts));
    }
    notes
}

/// What concerns every loader.
fn pages(loading: &Loading<'_, '_>) -> Vec<IgvmNote> {
    let of_directive = |kind: &DirectiveKind<'_>| match kind {
        DirectiveKind::Page(page) if page.is_large && page.data.is_some() => {
            Some(IgvmNote::LargePageWithData(page.gpa))
        }
        DirectiveKind::Insert(insert) if insert.bytes > 4096 => {
            Some(IgvmNote::LargeParameterArea(insert.area))
        }
        _ => None,
    };
    let relocatable = loading.is_relocatable().then_some(IgvmNote::Relocatable);
    let directives = loading.directives();
    relocatable
        .into_iter()
        .chain(directives.filter_map(|directive| of_directive(&directive.kind)))
        .collect()
}

/// What concerns KVM alone.
fn order(loading: &Loading<'_, '_>, contexts: &[&VpContext<'_>]) -> Vec<IgvmNote> {
    let mut notes = Vec::new();
    if contexts.len() > 1 {
        notes.push(IgvmNote::VmsaCount(contexts.len()));
    }
    let elsewhere = contexts.iter().find(|context| context.gpa != VMSA_GPA);
    notes.extend(elsewhere.map(|context| IgvmNote::VmsaAddress(context.gpa)));
    let mut measured = loading.directives().filter(|directive| {
        matches!(
            directive.kind,
            DirectiveKind::Page(_) | DirectiveKind::Insert(_) | DirectiveKind::VpContext(_)
        )
    });
    let is_context = |kind: &DirectiveKind<'_>| matches!(kind, DirectiveKind::VpContext(_));
    let follows = measured.any(|directive| is_context(&directive.kind))
        && measured.any(|directive| !is_context(&directive.kind));
    notes.extend(follows.then_some(IgvmNote::VmsaNotLast));
    notes
}

fn contexts<'f, 'a>(loading: &Loading<'f, 'a>) -> impl Iterator<Item = &'f VpContext<'a>> {
    loading
        .directives()
        .filter_map(|directive| match &directive.kind {
            DirectiveKind::VpContext(context) => Some(context),
            _ => None,
        })
}

fn vmsa<'a>(context: &&VpContext<'a>) -> Option<&'a Vmsa> {
    Vmsa::ref_from_bytes(context.data?.bytes).ok()
}
