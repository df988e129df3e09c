//! Which pages a file has, and which platforms they are for.

use measured_boot_digest::vmsa as vmsa_of;
use measured_boot_plan::{Component, LaunchPlan, Region, Sources};
use measured_boot_shim_abi::{LoadTable, layout::LOAD_TABLE};
use measured_boot_snp_abi::PageType;
use zerocopy::{FromBytes, IntoBytes};

use super::in_place::in_place;
use super::{IgvmError, IgvmPlatform};

const PAGE_SIZE: usize = 4096;

/// A page, or the memory map's parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) gpa: u64,
    pub(super) mask: u32,
    pub(super) kind: PageKind,
    /// At most a page; zeros follow.
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    Measured,
    Unmeasured,
    Secrets,
    Cpuid,
    MemoryMap,
}

/// The pages of one platform's launch, everything in place.
pub(super) fn pages(
    platform: IgvmPlatform,
    plan: &LaunchPlan,
    sources: &Sources<'_>,
) -> Result<Vec<Page>, IgvmError> {
    let mut pages = Vec::new();
    let mut table = None;
    for region in &plan.regions.0 {
        if region.start.get() == LOAD_TABLE {
            table = LoadTable::read_from_bytes(region.content.bytes(sources)).ok();
        } else {
            add_region(&mut pages, platform, region, sources);
        }
    }
    let table = table.ok_or(IgvmError::NotShim(plan.boot.0.name()))?;
    let loads = table.judge().map_err(IgvmError::Refused)?;
    let placed = in_place(&table)?;
    placed.judge().map_err(IgvmError::Refused)?;
    let bytes = placed.as_bytes().to_vec();
    add(
        &mut pages,
        platform,
        LOAD_TABLE,
        PageKind::Measured,
        &bytes,
        1,
    );
    for piece in loads.pieces() {
        let bytes = staged(plan, sources, piece.source.start(), piece.source.length());
        let count = piece.source.length().div_ceil(4096);
        let start = piece.destination.start();
        add(
            &mut pages,
            platform,
            start,
            PageKind::Unmeasured,
            &bytes,
            count,
        );
    }
    Ok(pages)
}

fn add_region(
    pages: &mut Vec<Page>,
    platform: IgvmPlatform,
    region: &Region,
    sources: &Sources<'_>,
) {
    let kind = match (region.component, region.page_type) {
        (Component::MemoryMap, _) => PageKind::MemoryMap,
        (_, PageType::Secrets) => PageKind::Secrets,
        (_, PageType::Cpuid) => PageKind::Cpuid,
        (_, PageType::Unmeasured) => PageKind::Unmeasured,
        _ => PageKind::Measured,
    };
    // The VMM fills these in.
    let bytes: &[u8] = match kind {
        PageKind::MemoryMap | PageKind::Secrets | PageKind::Cpuid => &[],
        _ => region.content.bytes(sources),
    };
    add(
        pages,
        platform,
        region.start.get(),
        kind,
        bytes,
        region.pages(),
    );
}

fn add(
    pages: &mut Vec<Page>,
    platform: IgvmPlatform,
    start: u64,
    kind: PageKind,
    bytes: &[u8],
    count: u64,
) {
    let contents = bytes.chunks(PAGE_SIZE).chain(std::iter::repeat(&[][..]));
    let starts = (0..count).map(|index| start + index * 4096);
    pages.extend(starts.zip(contents).map(|(gpa, bytes)| Page {
        gpa,
        mask: platform.mask(),
        kind,
        bytes: bytes.to_vec(),
    }));
}

/// What the plan would have staged at these addresses.
fn staged(plan: &LaunchPlan, sources: &Sources<'_>, start: u64, length: u64) -> Vec<u8> {
    let found = plan.staged.0.iter().find_map(|staged| {
        let offset = start.checked_sub(staged.start.get())?;
        let offset = usize::try_from(offset).ok()?;
        let length = usize::try_from(length).ok()?;
        Some(
            staged
                .content
                .bytes(sources)
                .get(offset..)?
                .get(..length)?
                .to_vec(),
        )
    });
    found.expect("a plan's load table names what the plan stages")
}

/// By rising address; pages that are the same for several platforms once.
pub(super) fn merged(mut pages: Vec<Page>) -> Vec<Page> {
    pages.sort_by_key(|page| (page.gpa, page.mask));
    let mut merged: Vec<Page> = Vec::new();
    for page in pages {
        match merged.last_mut() {
            Some(last)
                if (last.gpa, last.kind, &last.bytes) == (page.gpa, page.kind, &page.bytes) =>
            {
                last.mask |= page.mask;
            }
            _ => merged.push(page),
        }
    }
    merged
}

/// The state of every processor: none of them may start as the VMM has it. A TD's are the TDX module's.
pub(super) fn vmsas(platform: IgvmPlatform, plan: &LaunchPlan) -> Vec<Vec<u8>> {
    let vcpus = match platform {
        IgvmPlatform::Snp => &plan.vcpus.0[..],
        IgvmPlatform::Tdx => &[],
    };
    let vmsas = vcpus.iter().map(|vcpu| vmsa_of(vcpu, plan.sev_features.0));
    vmsas.map(|vmsa| vmsa.as_bytes().to_vec()).collect()
}
