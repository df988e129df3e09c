//! Kernels as ELF files, which a plan lays out.

use crate::{Bound, Target, plans};
use measured_boot_plan::{BootProtocol, Component, LaunchPlan, Sources, TeeKind, plan};
use measured_boot_shim_abi::{LoadTable, MemoryMap, PieceKind};
use sha2::{Digest, Sha384};
use zerocopy::FromBytes;

/// A kernel that is accepted lies in memory of its own, page by page, and in the file; its manifest
/// can be read back. Through the boot shim: the shim takes the load table, whose digests are those of
/// what is staged, and which has every byte of the kernel's segments once.
pub const KERNEL: Target = Target {
    name: "kernel",
    // The segments' list doubles; the constant is the rest of the plan: page tables, ACPI, registers.
    bound: Bound {
        factor: 4,
        constant: 256 << 10,
    },
    longest: 16 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let sources = Sources {
        kernel: bytes,
        initrd: b"initrd",
        shim: b"shim",
        ..Sources::default()
    };
    let planned = |tee, protocol| {
        let config = plans::config(tee, protocol);
        let plan = bound.holds(bytes, || plan(&config, &sources)).ok()?;
        plans::check_places(&plan, &sources);
        plans::check_manifest(&plan, &sources);
        Some(plan)
    };
    let direct = planned(TeeKind::Simulated, BootProtocol::SimulatedDirect);
    let [snp, td] = [TeeKind::Snp, TeeKind::Tdx].map(|tee| planned(tee, BootProtocol::Shim));
    for plan in [&snp, &td].into_iter().flatten() {
        check_load_table(plan, &sources);
    }
    direct.is_some() && snp.is_some() && td.is_some()
}

fn check_load_table(plan: &LaunchPlan, sources: &Sources<'_>) {
    let mut regions = plan.regions.0.iter();
    let table = regions.find(|region| region.component == Component::LoadTable);
    let table = plan.contents(table.expect("a load table"), sources);
    let table = LoadTable::read_from_bytes(&table).expect("a page");
    let loads = table.judge().expect("the shim takes it");
    let map = MemoryMap::of_ram(plan.memory_bytes.0);
    let map = map.judge().expect("the shim takes it");
    loads.require_in(&map).expect("it lies in memory");
    for piece in loads.pieces() {
        let (start, length) = (piece.source.start(), piece.source.length());
        let bytes = staged(plan, sources, start, length);
        assert_eq!(Sha384::digest(bytes)[..], piece.sha384[..]);
        if piece.kind == PieceKind::Initrd {
            assert_eq!(bytes, sources.initrd);
        }
    }
}

fn staged<'a>(plan: &'a LaunchPlan, sources: &Sources<'a>, start: u64, length: u64) -> &'a [u8] {
    let found = plan.staged.0.iter().find_map(|staged| {
        let at = usize::try_from(start.checked_sub(staged.start.get())?).ok()?;
        let length = usize::try_from(length).ok()?;
        staged.content.bytes(sources).get(at..)?.get(..length)
    });
    found.expect("it is staged")
}
