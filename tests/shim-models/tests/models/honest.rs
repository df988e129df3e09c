//! Where everybody keeps to the rules, the kernel is entered, and finds what it needs.

use measured_boot_shim_abi::layout::{
    ACPI, BOOT_PARAMS, CC_BLOB, CC_BLOB_INFO, CPUID, LEGACY, LEGACY_END, SECRETS, STACK, STACK_END,
};
use measured_boot_shim_abi::{E820_ACPI, E820_RAM, E820_RESERVED, PieceKind};
use serde_json::json;
use sha2::{Digest as _, Sha384};
use tests_shim_models::{Ended, Kind, Launch, Outcome};

use crate::support::{KEYS, cmdline, emulator, initrd, launch, pieces, ram_bytes, run, write_map};

const PAGE: u64 = 4096;

/// Every kind, and what its host may do without lying.
#[test]
fn kernel_is_entered_whatever_an_honest_host_does() {
    let Some(python) = emulator() else { return };
    let one_large_page: Vec<u64> = (0x400..0x600).collect();
    let cases = [
        (Kind::Plain, json!({})),
        (Kind::Snp, json!({})),
        (Kind::Snp, json!({ "small_backing": one_large_page })),
        (Kind::Tdx, json!({})),
        (Kind::Tdx, json!({ "small_backing": one_large_page })),
        (Kind::Tdx, json!({ "gpaw": 52 })),
        (Kind::Tdx, json!({ "busy": 20 })),
        (
            Kind::Tdx,
            json!({ "busy": 5000, "busy_code": 0x8000_0204_0000_0000_u64 }),
        ),
    ];
    for (kind, tricks) in cases {
        let mut launch = launch(kind, 1);
        launch.tricks = tricks.as_object().unwrap().clone();
        let ended = run(&launch, &python);
        assert_eq!(ended.outcome(), Outcome::Entered, "{kind:?} {tricks}");
        if kind != Kind::Plain {
            assert_eq!((ended.missed, ended.first_missed), (0, None), "{kind:?}");
            let placed: usize = launch.placed.iter().map(|one| one.bytes.len()).sum();
            let outside = if kind == Kind::Tdx { PAGE } else { 0 };
            let placed = u64::try_from(placed).unwrap() - outside;
            assert_eq!(ended.taken * PAGE + placed, ram_bytes(&launch), "{kind:?}");
        }
    }
}

/// Lines of a shared mapping may be in the cache still (CVE-2025-38560), which no model has: they leave it when
/// both ends of a page are read. Before the page is validated, an access would be a violation. Nobody else
/// reads these pages: a small one, the first and another of a large one, and the last one.
#[test]
fn page_is_read_at_both_ends_when_it_was_validated() {
    let Some(python) = emulator() else { return };
    for small_backing in [vec![], (0x2200..0x2400).collect::<Vec<u64>>()] {
        let mut launch = launch(Kind::Snp, 1);
        let pages = [0x5_0000, 0x220_0000, 0x234_5000, ram_bytes(&launch) - PAGE];
        let ends: Vec<_> = pages
            .iter()
            .flat_map(|page| [*page, page + PAGE - 1])
            .collect();
        let tricks = json!({ "observed": ends, "small_backing": small_backing });
        launch.tricks = tricks.as_object().unwrap().clone();
        let ended = run(&launch, &python);
        assert_eq!(ended.outcome(), Outcome::Entered);
        assert_eq!(ended.read, ends);
    }
}

/// 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst): RSI is boot_params; and nothing of the
/// shim's stack is left.
#[test]
fn registers_and_stack_tell_the_kernel_nothing_else() {
    let Some(python) = emulator() else { return };
    for kind in [Kind::Plain, Kind::Snp, Kind::Tdx] {
        let mut launch = launch(kind, 1);
        launch.dump = vec![(STACK, STACK_END - STACK)];
        let ended = run(&launch, &python);
        assert_eq!(ended.registers["rsi"], BOOT_PARAMS);
        for (name, value) in &ended.registers {
            let told = [
                ("rsi", BOOT_PARAMS),
                ("rsp", STACK_END),
                ("rdx", 0x100_0040),
            ];
            let expected = told.iter().find(|(told, _)| told == name);
            assert_eq!(*value, expected.map_or(0, |(_, value)| *value), "{name}");
        }
        assert!(ended.dump(0).iter().all(|byte| *byte == 0), "{kind:?}");
    }
}

/// Every piece lies where the measured table wants it, with zeros up to the memory that it takes.
#[test]
fn pieces_are_private_copies_and_their_memory_is_zeroed() {
    let Some(python) = emulator() else { return };
    for kind in [Kind::Plain, Kind::Snp, Kind::Tdx] {
        let mut launch = launch(kind, 1);
        let pieces = pieces(&launch);
        launch.digest = pieces
            .iter()
            .filter(|piece| kind != Kind::Tdx || piece.kind.get() != PieceKind::Acpi as u32)
            .map(|piece| (piece.destination.get(), piece.length.get()))
            .collect();
        launch.dump = pieces
            .iter()
            .map(|piece| {
                let end = piece.destination.get() + piece.length.get();
                (end, piece.memory.get() - piece.length.get())
            })
            .filter(|(_, length)| *length > 0)
            .chain([(0, PAGE), (LEGACY, ACPI - LEGACY)])
            .collect();
        let ended = run(&launch, &python);
        let expected = pieces
            .iter()
            .filter(|piece| kind != Kind::Tdx || piece.kind.get() != PieceKind::Acpi as u32);
        for (piece, digest) in expected.zip(&ended.digests) {
            assert_eq!(hex::encode(piece.sha384), *digest, "{kind:?}");
        }
        assert!(
            launch.dump.len() > 2,
            "a segment has memory beyond its bytes"
        );
        for index in 0..launch.dump.len() {
            let zeros = ended.dump(index).iter().all(|byte| *byte == 0);
            assert!(zeros, "{kind:?} {:#x?}", launch.dump[index]);
        }
    }
}

#[test]
fn digests_of_the_load_table_are_those_of_the_files() {
    let launch = launch(Kind::Snp, 1);
    let of = |kind: PieceKind| {
        let pieces = pieces(&launch).into_iter();
        let mut pieces = pieces.filter(move |piece| piece.kind.get() == kind as u32);
        pieces.next().unwrap().sha384
    };
    let sha384 = |bytes: &[u8]| <[u8; 48]>::from(Sha384::digest(bytes));
    assert_eq!(of(PieceKind::Initrd), sha384(&initrd()));
    assert_eq!(of(PieceKind::Cmdline), sha384(&cmdline()));
}

fn e820(boot_params: &[u8]) -> Vec<(u64, u64, u32)> {
    let count = usize::from(boot_params[0x1E8]);
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    boot_params[0x2D0..]
        .chunks_exact(20)
        .take(count)
        .map(|entry| {
            let kind = u32::from_le_bytes(entry[16..].try_into().unwrap());
            (word(&entry[..8]), word(&entry[8..16]), kind)
        })
        .collect()
}

fn told(table: &[(u64, u64, u32)], address: u64) -> Option<u32> {
    let mut entries = table.iter();
    let entry = entries.find(|(start, length, _)| (*start..start + length).contains(&address));
    entry.map(|(_, _, kind)| *kind)
}

#[test]
fn kernel_is_told_of_all_memory_once_and_of_what_it_must_leave_alone() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Snp, 1);
    launch.dump = vec![(BOOT_PARAMS, PAGE)];
    let ended = run(&launch, &python);
    let table = e820(&ended.dump(0));
    for pair in table.windows(2) {
        assert_eq!(pair[0].0 + pair[0].1, pair[1].0, "{table:#x?}");
    }
    assert_eq!(table[0].0, 0);
    let (start, length, _) = table[table.len() - 1];
    assert_eq!(start + length, ram_bytes(&launch));
    for reserved in [SECRETS, CPUID, CC_BLOB, LEGACY, ACPI - 1] {
        assert_eq!(told(&table, reserved), Some(E820_RESERVED), "{reserved:#x}");
    }
    for acpi in [ACPI, LEGACY_END - 1] {
        assert_eq!(told(&table, acpi), Some(E820_ACPI), "{acpi:#x}");
    }
    for ram in [
        0,
        BOOT_PARAMS,
        LEGACY - 1,
        0x100_0000,
        ram_bytes(&launch) - 1,
    ] {
        assert_eq!(told(&table, ram), Some(E820_RAM), "{ram:#x}");
    }
}

/// RAM above the hole for devices, up to the last page that the shim maps.
#[test]
fn memory_above_the_hole_is_taken_and_told() {
    let Some(python) = emulator() else { return };
    const GIB: u64 = 1 << 30;
    let above = [
        (4 * GIB, 0x40_3000),
        (5 * GIB - 0x20_0000, 0x40_0000),
        (512 * GIB - 0x1000, 0x1000),
    ];
    for kind in [Kind::Plain, Kind::Snp, Kind::Tdx] {
        let mut launch = launch(kind, 1);
        launch.ram.extend(above);
        let map: Vec<_> = launch
            .ram
            .iter()
            .map(|(at, length)| (at / PAGE, length / PAGE))
            .collect();
        write_map(&mut launch, &map);
        launch.dump = vec![(BOOT_PARAMS, PAGE)];
        let ended = run(&launch, &python);
        assert_eq!(ended.outcome(), Outcome::Entered, "{kind:?}");
        if kind != Kind::Plain {
            assert_eq!((ended.missed, ended.first_missed), (0, None), "{kind:?}");
        }
        let table = e820(&ended.dump(0));
        let told = above.map(|(start, length)| (start, length, E820_RAM));
        assert_eq!(table[table.len() - 3..], told, "{kind:?}");
    }
}

fn setup_data(ended: &Ended) -> u64 {
    u64::from_le_bytes(ended.dump(0)[0x250..0x258].try_into().unwrap())
}

/// Linux 6.12, arch/x86/include/uapi/asm/setup_data.h and arch/x86/include/asm/sev.h: a node of type 7 with
/// the address of the blob, whose magic is `AMDE`.
#[test]
fn cc_blob_names_secrets_and_cpuid_under_snp_alone() {
    let Some(python) = emulator() else { return };
    let dump = vec![(BOOT_PARAMS, PAGE), (CC_BLOB, 20), (CC_BLOB_INFO, 40)];
    for (kind, expected) in [(Kind::Plain, 0), (Kind::Tdx, 0), (Kind::Snp, CC_BLOB)] {
        let mut launch = launch(kind, 1);
        launch.dump.clone_from(&dump);
        let ended = run(&launch, &python);
        assert_eq!(setup_data(&ended), expected, "{kind:?}");
        if kind != Kind::Snp {
            continue;
        }
        let node = ended.dump(1);
        assert_eq!(node[..8], [0; 8], "it is the last node");
        assert_eq!(node[8..16], [7, 0, 0, 0, 4, 0, 0, 0]);
        let address = u32::from_le_bytes(node[16..].try_into().unwrap());
        assert_eq!(u64::from(address), CC_BLOB_INFO);
        let blob = ended.dump(2);
        assert_eq!(&blob[..4], b"AMDE");
        for (place, page) in [(8, SECRETS), (24, CPUID)] {
            assert_eq!(blob[place..place + 8], page.to_le_bytes());
            assert_eq!(blob[place + 8..place + 12], 4096_u32.to_le_bytes());
        }
    }
}

#[test]
fn secrets_page_is_handed_over_as_it_came_and_no_copy_of_its_keys_is_left() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Snp, 1);
    launch.needles = KEYS.chunks_exact(32).map(<[u8]>::to_vec).collect();
    launch.dump = vec![(SECRETS, PAGE)];
    let before = launch.page(SECRETS)[..4096].to_vec();
    let ended = run(&launch, &python);
    assert_eq!(ended.dump(0), before);
    assert_eq!(ended.copies, [1; 4]);
}

/// The same bytes, whatever protects the guest.
#[test]
fn launch_pages_of_simulated_and_snp_are_the_same() {
    let bytes = |launch: Launch| -> Vec<_> {
        let placed = launch.placed.into_iter();
        placed
            .filter(|placed| placed.gpa != SECRETS)
            .map(|placed| (placed.gpa, placed.page_type, placed.bytes))
            .collect()
    };
    assert_eq!(bytes(launch(Kind::Plain, 2)), bytes(launch(Kind::Snp, 2)));
}
