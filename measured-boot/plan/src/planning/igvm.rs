//! `igvm`: what an IGVM file says, in its own order.
//!
//! Whatever KVM would not carry out as the file says is refused by name, so that the digest is that of the
//! file and no other.

mod parameters;
mod state;

use super::reported::OfFile;
use super::{LaidOut, Wanted};
use crate::registers;
use crate::{
    Component, Content, Gpa, PlanError, Region, SignedIdBlock, Source, Sources, TeeKind, VcpuState,
};
use measured_boot_igvm::{
    Directive, DirectiveKind, Igvm, IgvmFault, Loading, PageData, PageDataKind, ParameterInsert,
    PlatformKind, VpContext,
};
use measured_boot_shim_abi::layout;
use measured_boot_snp_abi::{GuestPolicy, PageType, VMSA_GPA};
use parameters::Parameters;
use std::ops::Range;

/// More regions than this are refused: a manifest could not name them.
const MOST_REGIONS: usize = 190;
/// Pages whose contents are not measured are as many at most, 128 MiB: a manifest's rule.
const MOST_FREE_PAGES: u64 = 1 << 15;
/// Bytes of all parameter areas: room for far more than a host has to tell.
const MOST_PARAMETERS: usize = 1 << 20;

/// What a file makes of a launch.
pub(super) struct FromFile {
    pub(super) laid_out: LaidOut,
    pub(super) sev_features: u64,
    /// None for a TD.
    pub(super) of_file: Option<OfFile>,
}

pub(super) fn lay_out(wanted: &Wanted, sources: &Sources<'_>) -> Result<FromFile, PlanError> {
    if sources.igvm.is_empty() {
        return Err(PlanError::FileEmpty(Source::Igvm.key()));
    }
    let igvm = Igvm::read(sources.igvm).map_err(malformed)?;
    let platform = match wanted.tee {
        TeeKind::Tdx => PlatformKind::Tdx,
        TeeKind::Simulated | TeeKind::Snp => PlatformKind::SevSnp,
    };
    let loading = igvm.loading(platform).map_err(malformed)?;
    if loading.is_relocatable() {
        return refuse("lets a loader move its pages");
    }
    let (vcpus, sev_features) = vcpus(wanted, &loading)?;
    Ok(FromFile {
        laid_out: LaidOut {
            regions: regions(wanted, &loading)?,
            staged: Vec::new(),
            vcpus,
            cpuid: match wanted.tee {
                TeeKind::Tdx => wanted.model.entries(wanted.vcpus),
                TeeKind::Simulated | TeeKind::Snp => wanted.model.snp_entries(wanted.vcpus),
            },
        },
        sev_features,
        of_file: of_file(wanted.tee, &loading)?,
    })
}

/// Policy and ID block. The simulated TEE knows no ID block.
fn of_file(tee: TeeKind, loading: &Loading<'_, '_>) -> Result<Option<OfFile>, PlanError> {
    if tee == TeeKind::Tdx {
        return Ok(None);
    }
    let policy = loading.policy().map_err(malformed)?;
    let block = loading.snp_id_block().filter(|_| tee == TeeKind::Snp);
    let id_block = block.map(|block| {
        let signed = block.for_firmware(policy);
        SignedIdBlock {
            block: signed.block,
            auth: Box::new(signed.auth),
        }
    });
    Ok(Some(OfFile {
        policy: GuestPolicy::from_bits(policy),
        id_block,
    }))
}

fn malformed(fault: IgvmFault) -> PlanError {
    PlanError::IgvmMalformed {
        problem: fault.to_string(),
    }
}

fn malformed_area() -> PlanError {
    PlanError::IgvmMalformed {
        problem: "a parameter does not fit into its area".to_owned(),
    }
}

fn refuse<T>(what: impl Into<String>) -> Result<T, PlanError> {
    Err(PlanError::IgvmUnsupported { what: what.into() })
}

fn regions(wanted: &Wanted, loading: &Loading<'_, '_>) -> Result<Vec<Region>, PlanError> {
    let mut regions: Vec<Region> = Vec::new();
    let mut parameters = Parameters::new(wanted);
    for directive in loading.directives() {
        match &directive.kind {
            DirectiveKind::Page(page) => add(&mut regions, page_region(wanted, page)?),
            DirectiveKind::Insert(insert) => {
                add(&mut regions, parameter_region(insert, &mut parameters)?);
            }
            DirectiveKind::Parameter(area) => {
                let parameter = directive.parameter;
                parameters.write(*area, parameter)?;
            }
            DirectiveKind::VpContext(_) | DirectiveKind::SnpIdBlock(_) | DirectiveKind::Other => {}
        }
    }
    let outside = regions.iter().find(|region| !is_in_memory(wanted, region));
    if let Some(region) = outside {
        let (start, low_end) = (region.start, wanted.low_end());
        let [_, high] = wanted.ram();
        let above = match high.is_empty() {
            true => String::new(),
            false => format!(" and from {:#x} to {:#x}", high.start, high.end),
        };
        return refuse(format!(
            "has pages at {start}, outside of the guest's memory, which lies up to {low_end}{above}"
        ));
    }
    let free = regions
        .iter()
        .filter(|region| !region.page_type.measures_contents());
    let free: u64 = free.map(Region::pages).sum();
    if free > MOST_FREE_PAGES {
        return refuse(format!(
            "hands over {free} pages whose contents are not measured; {MOST_FREE_PAGES} are the most"
        ));
    }
    match regions.len() {
        0 => refuse("hands over no page"),
        count if count > MOST_REGIONS => refuse(format!("hands over {count} separate regions")),
        _ => Ok(regions),
    }
}

/// RAM, or the one page of a TD that the VMM keeps beside it.
fn is_in_memory(wanted: &Wanted, region: &Region) -> bool {
    let bytes = region.pages() * 4096;
    let start = region.start.get();
    let is_reset_page =
        wanted.tee == TeeKind::Tdx && start == layout::TDX_RESET_PAGE && bytes == 4096;
    let end = region.start.checked_add(bytes);
    let is_within = |ram: &Range<u64>, end: Gpa| ram.start <= start && end.get() <= ram.end;
    is_reset_page || end.is_some_and(|end| wanted.ram().iter().any(|ram| is_within(ram, end)))
}

/// Adds a region, or makes the last one longer if it goes on in memory and in the file.
fn add(regions: &mut Vec<Region>, region: Region) {
    if let Some(last) = regions.last_mut() {
        let follows = last.start.checked_add(last.pages() * 4096) == Some(region.start);
        let alike = (last.component, last.page_type) == (region.component, region.page_type);
        if follows && alike && goes_on(&mut last.content, &region.content) {
            return;
        }
    }
    regions.push(region);
}

fn goes_on(last: &mut Content, next: &Content) -> bool {
    match (last, next) {
        (
            Content::File { offset, length, .. },
            Content::File {
                offset: next,
                length: more,
                ..
            },
        ) if *offset + *length == *next => *length += more,
        (Content::Zeros(length), Content::Zeros(more)) => *length += more,
        _ => return false,
    }
    true
}

fn page_region(wanted: &Wanted, page: &PageData<'_>) -> Result<Region, PlanError> {
    let start = Gpa::new(page.gpa);
    if page.is_shared {
        return refuse(format!(
            "has a page at {start} that is shared with the host"
        ));
    }
    let of_file = match page.data {
        None => Content::Zeros(page.bytes()),
        Some(data) => Content::File {
            source: Source::Igvm,
            offset: u64::try_from(data.offset).unwrap_or(u64::MAX),
            length: page.bytes(),
        },
    };
    let (component, page_type, content) = match (page.kind, page.is_unmeasured) {
        (PageDataKind::Normal, false) => (Component::Igvm, PageType::Normal, of_file),
        (PageDataKind::Normal, true) if page.is_large => {
            return refuse(format!("has an unmeasured page of 2 MiB at {start}"));
        }
        (PageDataKind::Normal, true) => (Component::Igvm, PageType::Unmeasured, of_file),
        (kind, _) if wanted.tee == TeeKind::Tdx || page.is_large => {
            return refuse(format!(
                "has a {kind:?} page at {start}, which this TEE does not know"
            ));
        }
        (PageDataKind::Secrets, _) => (Component::Secrets, PageType::Secrets, Content::Zeros(4096)),
        (PageDataKind::Cpuid | PageDataKind::CpuidXf, _) => {
            (Component::Cpuid, PageType::Cpuid, Content::Cpuid)
        }
    };
    Ok(Region {
        component,
        start,
        page_type,
        content,
    })
}

/// An area that the host has filled in.
fn parameter_region(
    insert: &ParameterInsert<'_>,
    parameters: &mut Parameters<'_>,
) -> Result<Region, PlanError> {
    Ok(Region {
        component: Component::Parameters,
        start: Gpa::new(insert.gpa),
        page_type: PageType::Unmeasured,
        content: Content::Bytes(parameters.take(insert)?),
    })
}

/// The file's states, in order, then vCPUs as after reset that take no event; and SEV_FEATURES. A TD's are the module's.
fn vcpus(wanted: &Wanted, loading: &Loading<'_, '_>) -> Result<(Vec<VcpuState>, u64), PlanError> {
    let contexts = contexts(loading);
    let count = usize::try_from(wanted.vcpus).unwrap_or(usize::MAX);
    if wanted.tee == TeeKind::Tdx {
        let reset = registers::after_reset(wanted.model.signature());
        return match contexts.is_empty() {
            true => Ok((vec![reset; count], super::SNP_ACTIVE)),
            false => refuse("sets registers of a TD's vCPU, which the TDX module sets"),
        };
    }
    refuse_vmsas_elsewhere(loading, &contexts)?;
    if contexts.len() > count {
        return refuse(format!(
            "has the states of {} vCPUs; raise cpu.count",
            contexts.len()
        ));
    }
    let mut states = Vec::new();
    let mut features = None;
    for context in contexts {
        let (state, own) = state::of_vmsa(context)?;
        if features.replace(own).is_some_and(|before| before != own) {
            return refuse("has vCPUs with different SEV_FEATURES");
        }
        states.push(state);
    }
    let Some(features) = features else {
        return refuse("has no vCPU's state");
    };
    let other = registers::after_reset_without_events(wanted.model.signature());
    states.resize(count, other);
    Ok((states, features))
}

fn contexts<'f, 'a>(loading: &Loading<'f, 'a>) -> Vec<&'f VpContext<'a>> {
    let contexts = loading
        .directives()
        .filter_map(|directive| match &directive.kind {
            DirectiveKind::VpContext(context) => Some(context),
            _ => None,
        });
    contexts.collect()
}

/// KVM measures the vCPUs' states when the launch ends, in order, at one address.
fn refuse_vmsas_elsewhere(
    loading: &Loading<'_, '_>,
    contexts: &[&VpContext<'_>],
) -> Result<(), PlanError> {
    for (index, context) in (0_u16..).zip(contexts) {
        if context.gpa != VMSA_GPA {
            return refuse(format!(
                "puts a vCPU's state at {:#x}; KVM measures it at {VMSA_GPA:#x}",
                context.gpa
            ));
        }
        if context.vp_index != index {
            return refuse("names its vCPUs in another order than from 0");
        }
    }
    let is_context = |one: &&Directive<'_>| matches!(one.kind, DirectiveKind::VpContext(_));
    let is_page =
        |one: &Directive<'_>| matches!(one.kind, DirectiveKind::Page(_) | DirectiveKind::Insert(_));
    let mut after = loading.directives().skip_while(|one| !is_context(one));
    match after.any(is_page) {
        true => refuse("has pages after a vCPU's state; KVM measures that last"),
        false => Ok(()),
    }
}
