//! Launches through our own boot shim.

use crate::{BootPlan, EventSource, PlannedEvent, Register, TdxLaunch, TdxRun};
use measured_boot_digest::LaunchDigest;
use measured_boot_firmware::TdvfMeasure;
use measured_boot_plan::{BootProtocol, Component, LaunchPlan, Region, Sources, TeeKind};
use measured_boot_shim_abi::{LoadTable, Piece, PieceKind};
use measured_boot_snp_abi::PageType;
use zerocopy::FromBytes;

/// What the evidence of a plan's launch shows as its launch digest: MRTD of a TD, of all others the launch
/// digest of SNP.
pub fn predicted_digest(plan: &LaunchPlan, sources: &Sources<'_>) -> LaunchDigest {
    match plan.tee.0 {
        TeeKind::Tdx => TdxLaunch::of_plan(plan, sources).mrtd(crate::PageOrder::SinglePass),
        TeeKind::Simulated | TeeKind::Snp => measured_boot_digest::launch_digest(plan, sources),
    }
}

impl<'a> TdxLaunch<'a> {
    /// The launch of a plan: NORMAL and ZERO pages with their contents, UNMEASURED ones by their addresses.
    /// A TD has no others.
    pub fn of_plan(plan: &'a LaunchPlan, sources: &Sources<'a>) -> Self {
        let regions = plan.regions.0.iter();
        Self::of_runs(regions.map(|region| of_region(region, sources)).collect())
    }
}

fn of_region<'a>(region: &'a Region, sources: &Sources<'a>) -> TdxRun<'a> {
    TdxRun {
        name: region.component.name().to_owned(),
        gpa: region.start.get(),
        pages: region.pages(),
        bytes: region.content.bytes(sources),
        file_offset: None,
        measure: match region.page_type {
            PageType::Normal | PageType::Zero => TdvfMeasure::Contents,
            PageType::Unmeasured => TdvfMeasure::Addresses,
            PageType::Secrets | PageType::Cpuid | PageType::Vmsa => TdvfMeasure::Nothing,
        },
    }
}

impl BootPlan {
    /// The events by which the boot shim extends the registers: one for each piece of the load table, by
    /// the digest that the table has of it. Nothing else is extended before the kernel runs, and a kernel
    /// without EFI extends nothing. `None` of a launch through anything else.
    pub fn of_shim(plan: &LaunchPlan, sources: &Sources<'_>) -> Option<Self> {
        if plan.boot.0 != BootProtocol::Shim {
            return None;
        }
        let regions = plan.regions.0.iter();
        let tables = regions.filter(|region| region.component == Component::LoadTable);
        let tables = tables
            .filter_map(|region| LoadTable::read_from_bytes(&plan.contents(region, sources)).ok());
        let events = tables.flat_map(|table| {
            let count = usize::try_from(table.piece_count.get()).unwrap_or(usize::MAX);
            table
                .pieces
                .into_iter()
                .take(count)
                .filter_map(|piece| event(&piece))
        });
        Some(Self::of_events(events.collect()))
    }
}

fn event(piece: &Piece) -> Option<PlannedEvent> {
    let event = PieceKind::from_number(piece.kind.get())?.event();
    let register = usize::try_from(event.rtmr).ok()?;
    Some(PlannedEvent {
        register: *Register::ALL.get(register)?,
        name: format!("{} at {:#x}", event.data, piece.destination.get()),
        digest: Ok(piece.sha384),
        source: EventSource::Input,
    })
}
