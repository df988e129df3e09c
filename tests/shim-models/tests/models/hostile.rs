//! Hostile hosts: each lie ends in a refusal that names it, and none in a kernel.

use std::path::Path;

use measured_boot_shim_abi::layout::{BOOT_PARAMS, CPUID, MEMORY_MAP, SECRETS, SHIM};
use measured_boot_shim_abi::{Piece, PieceKind, Refusal};
use serde_json::{Map, Value, json};
use tests_shim_models::{Kind, Launch, Outcome};

use crate::support::{cpuid_leaf, emulator, launch, pieces, run};

type Lie = (&'static str, fn(&mut Launch), Refusal);

fn refused(kind: Kind, lies: &[Lie]) {
    let Some(python) = emulator() else { return };
    for (what, lie, refusal) in lies {
        let mut launch = launch(kind, 1);
        lie(&mut launch);
        assert_refused(&launch, &python, *refusal, what);
    }
}

fn assert_refused(launch: &Launch, python: &Path, refusal: Refusal, what: &str) {
    let text = match launch.kind {
        Kind::Tdx => refusal.sentence().to_owned(),
        Kind::Plain | Kind::Snp => String::new(),
    };
    let refusal = Some(refusal);
    let expected = Outcome::Refused { refusal, text };
    assert_eq!(run(launch, python).outcome(), expected, "{what}");
}

fn trick(launch: &mut Launch, name: &str, value: Value) {
    launch.tricks = Map::from_iter([(name.to_owned(), value)]);
}

/// Writes a memory map of (first page, pages) for RAM.
fn map(launch: &mut Launch, ranges: &[(u64, u64)]) {
    let page = launch.page(MEMORY_MAP);
    page.fill(0);
    for (entry, (first, pages)) in page.chunks_exact_mut(24).zip(ranges) {
        entry[..8].copy_from_slice(&first.to_le_bytes());
        entry[8..16].copy_from_slice(&pages.to_le_bytes());
    }
}

const ALL: u64 = 64 << 20 >> 12;

#[test]
fn memory_map_that_lies_is_refused() {
    refused(
        Kind::Snp,
        &[
            (
                "two ranges for one page",
                |one| map(one, &[(0, 0x1000), (0xFFF, ALL - 0xFFF)]),
                Refusal::MemoryMap,
            ),
            (
                "one range twice",
                |one| map(one, &[(0, ALL), (0, ALL)]),
                Refusal::MemoryMap,
            ),
            (
                "unsorted",
                |one| map(one, &[(0x1000, ALL - 0x1000), (0, 0x1000)]),
                Refusal::MemoryMap,
            ),
            (
                "wraps",
                |one| map(one, &[(0, 0x1000), (0x1000, u64::MAX)]),
                Refusal::MemoryMapWraps,
            ),
            (
                "at 3 GiB",
                |one| map(one, &[(0, ALL), (0xC_0000, 1)]),
                Refusal::MemoryMapTooHigh,
            ),
            (
                "nine ranges",
                |one| {
                    map(
                        one,
                        &[0, 1, 2, 3, 4, 5, 6, 7, 8].map(|i| (i * 0x400, 0x200)),
                    )
                },
                Refusal::MemoryMapTooMany,
            ),
            (
                "reserved bits",
                |one| one.page(MEMORY_MAP)[20] = 1,
                Refusal::MemoryMapReserved,
            ),
            ("nothing", |one| map(one, &[]), Refusal::MemoryMapEmpty),
            (
                "without what the launch placed",
                |one| map(one, &[(0x100, ALL - 0x100)]),
                Refusal::MissingMemory,
            ),
            (
                "without the kernel's memory",
                |one| map(one, &[(0, 0x1000)]),
                Refusal::MissingMemory,
            ),
            (
                "a hole in the kernel's memory",
                |one| map(one, &[(0, 0x1001), (0x1002, ALL - 0x1002)]),
                Refusal::MissingMemory,
            ),
        ],
    );
}

#[test]
fn page_that_was_validated_before_or_cannot_be_is_refused() {
    refused(
        Kind::Snp,
        &[
            (
                "valid before, in a large page",
                |one| trick(one, "validated_before", json!([0x2345])),
                Refusal::ValidatedTwice,
            ),
            (
                "valid before, in the first MiB",
                |one| trick(one, "validated_before", json!([0x50])),
                Refusal::ValidatedTwice,
            ),
            (
                "the last page",
                |one| trick(one, "validated_before", json!([ALL - 1])),
                Refusal::ValidatedTwice,
            ),
            (
                "FAIL_INPUT",
                |one| trick(one, "pvalidate_answers", json!({ "9000": 1 })),
                Refusal::Validate,
            ),
            (
                "FAIL_PERMISSION: not VMPL0",
                |one| trick(one, "pvalidate_answers", json!({ "80": 2 })),
                Refusal::Validate,
            ),
            (
                "a code that does not exist",
                |one| trick(one, "pvalidate_answers", json!({ "80": 77 })),
                Refusal::Validate,
            ),
            (
                "a small page that says it is a large one",
                |one| trick(one, "pvalidate_answers", json!({ "80": 6 })),
                Refusal::Validate,
            ),
        ],
    );
}

#[test]
fn cpuid_page_that_lies_is_refused() {
    refused(
        Kind::Snp,
        &[
            (
                "no functions",
                |one| one.page(CPUID)[..4].fill(0),
                Refusal::CpuidCount,
            ),
            (
                "65 functions",
                |one| one.page(CPUID)[0] = 65,
                Refusal::CpuidCount,
            ),
            (
                "reserved bytes",
                |one| one.page(CPUID)[8] = 1,
                Refusal::CpuidReserved,
            ),
            (
                "another vendor",
                |one| cpuid_leaf(one, 0)[28] ^= 1,
                Refusal::CpuidVendor,
            ),
            (
                "no RDRAND",
                |one| cpuid_leaf(one, 1)[35] &= !(1 << 6),
                Refusal::CpuidRdrand,
            ),
            (
                "no NX",
                |one| cpuid_leaf(one, 0x8000_0001)[38] &= !(1 << 4),
                Refusal::CpuidLongMode,
            ),
            (
                "no SNP",
                |one| cpuid_leaf(one, 0x8000_001F)[24] &= !(1 << 4),
                Refusal::CpuidSnp,
            ),
            (
                "another C-bit",
                |one| cpuid_leaf(one, 0x8000_001F)[28] ^= 4,
                Refusal::CpuidCBit,
            ),
            (
                "an impossible width",
                |one| cpuid_leaf(one, 0x8000_0008)[24] = 60,
                Refusal::CpuidWidth,
            ),
            (
                "one function twice",
                |one| {
                    cpuid_leaf(one, 1)[0] = 0;
                },
                Refusal::CpuidDuplicate,
            ),
            (
                "a leaf hidden",
                |one| cpuid_leaf(one, 0x8000_001F)[1] = 0x77,
                Refusal::CpuidLeafMissing,
            ),
            (
                "XCR0 where none is",
                |one| cpuid_leaf(one, 1)[8] = 1,
                Refusal::CpuidXsave,
            ),
            (
                "another hypervisor",
                |one| cpuid_leaf(one, 0x4000_0000)[28] ^= 1,
                Refusal::CpuidHypervisor,
            ),
        ],
    );
}

#[test]
fn secrets_page_that_is_not_a_fresh_guests_is_refused() {
    refused(
        Kind::Snp,
        &[
            (
                "not filled in",
                |one| one.page(SECRETS)[0] = 0,
                Refusal::SecretsVersion,
            ),
            (
                "migrated",
                |one| one.page(SECRETS)[4] = 1,
                Refusal::SecretsMigration,
            ),
            (
                "an SVSM",
                |one| one.page(SECRETS)[0x148] = 1,
                Refusal::SecretsSvsm,
            ),
            (
                "a message count that is not zero",
                |one| one.page(SECRETS)[0xA0] = 1,
                Refusal::SecretsUsed,
            ),
        ],
    );
}

/// Changes the first byte of a piece in shared memory.
fn spoil(launch: &mut Launch, piece: &Piece) {
    let source = piece.source.get();
    let holds = |(start, bytes): &&mut (u64, Vec<u8>)| {
        (*start..*start + u64::try_from(bytes.len()).unwrap()).contains(&source)
    };
    let (start, bytes) = launch.shared.iter_mut().find(holds).unwrap();
    let offset = usize::try_from(source - *start).unwrap();
    bytes[offset] ^= 1;
}

fn kernel_piece(launch: &Launch) -> Piece {
    let mut pieces = pieces(launch).into_iter();
    let kernel = pieces.find(|piece| piece.kind.get() == PieceKind::Kernel as u32);
    kernel.unwrap()
}

fn mismatch(piece: &Piece) -> Refusal {
    match PieceKind::from_number(piece.kind.get()).unwrap() {
        PieceKind::Kernel => Refusal::KernelHash,
        PieceKind::Initrd => Refusal::InitrdHash,
        PieceKind::Cmdline => Refusal::CmdlineHash,
        PieceKind::Acpi => Refusal::AcpiHash,
    }
}

#[test]
fn kernel_initrd_cmdline_or_acpi_other_than_measured_is_refused() {
    let Some(python) = emulator() else { return };
    for kind in [Kind::Snp, Kind::Tdx] {
        let pieces = pieces(&launch(kind, 1));
        assert_eq!(pieces.len(), 5, "two segments of a kernel, and three more");
        for piece in pieces {
            let mut launch = launch(kind, 1);
            spoil(&mut launch, &piece);
            assert_refused(&launch, &python, mismatch(&piece), "a byte of a piece");
        }
    }
}

/// The host changes a byte behind the place that the shim reads from: its copy is made already. Ahead of
/// it, the change is in the copy, and seen.
#[test]
fn change_while_the_shim_copies_is_in_the_checked_copy_or_nowhere() {
    let Some(python) = emulator() else { return };
    let change = |armed_by: u64, gpa: u64| {
        let mut launch = launch(Kind::Snp, 1);
        let piece = kernel_piece(&launch);
        launch.digest = vec![(piece.destination.get(), piece.length.get())];
        let source = piece.source.get();
        let change = json!([{ "armed_by": source + armed_by, "gpa": source + gpa, "bytes": "ee" }]);
        trick(&mut launch, "change_after_access", change);
        (run(&launch, &python), hex::encode(piece.sha384))
    };
    let (ended, digest) = change(0x300, 0x100);
    assert_eq!(ended.outcome(), Outcome::Entered);
    assert_eq!(
        ended.digests,
        [digest],
        "what is entered is what was measured"
    );
    let (ended, _) = change(0x100, 0x300);
    let refused = Outcome::Refused {
        refusal: Some(Refusal::KernelHash),
        text: String::new(),
    };
    assert_eq!(ended.outcome(), refused);
}

#[test]
fn td_whose_pages_are_accepted_before_or_cannot_be_is_refused() {
    refused(
        Kind::Tdx,
        &[
            (
                "accepted before, in a large page",
                |one| trick(one, "validated_before", json!([0x2345])),
                Refusal::AcceptedTwice,
            ),
            (
                "accepted before, in the first MiB",
                |one| trick(one, "validated_before", json!([0x50])),
                Refusal::AcceptedTwice,
            ),
            (
                "an operand that the module refuses",
                |one| {
                    trick(
                        one,
                        "accept_answers",
                        json!({ "9000": 0xC000_0100_0000_0001_u64 }),
                    )
                },
                Refusal::Accept,
            ),
            (
                "busy for ever",
                |one| trick(one, "busy", json!(1_000_000)),
                Refusal::Accept,
            ),
            (
                "a small page that says it is a large one",
                |one| {
                    trick(
                        one,
                        "accept_answers",
                        json!({ "80": 0xC000_0B0B_0000_0001_u64 }),
                    )
                },
                Refusal::Accept,
            ),
        ],
    );
    refused(
        Kind::Tdx,
        &[(
            "a register that cannot be extended",
            |one| trick(one, "extend_answer", json!(0xC000_0100_0000_0001_u64)),
            Refusal::RtmrExtend,
        )],
    );
    refused(
        Kind::Tdx,
        &[(
            "more processors than the MADT has",
            |one| one.vcpus = 65,
            Refusal::MadtProcessors,
        )],
    );
}

#[test]
fn td_memory_map_that_lies_is_refused() {
    refused(
        Kind::Tdx,
        &[
            (
                "one range twice",
                |one| map(one, &[(0, ALL), (0, ALL)]),
                Refusal::MemoryMap,
            ),
            (
                "without the kernel's memory",
                |one| map(one, &[(0, 0x1000)]),
                Refusal::MissingMemory,
            ),
        ],
    );
}

/// Without a TEE there is nobody to keep a secret from, but the wrong kernel still ends in a sentence.
#[test]
fn plain_vm_says_on_its_serial_port_why_it_ends() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Plain, 1);
    let kernel = kernel_piece(&launch);
    spoil(&mut launch, &kernel);
    let expected = Outcome::Refused {
        refusal: None,
        text: format!("cloister-shim: {}\r\n", Refusal::KernelHash.sentence()),
    };
    assert_eq!(run(&launch, &python).outcome(), expected);
}

/// The models themselves: a page that the table calls placed and the launch did not place is noticed at the
/// first access.
#[test]
fn access_to_memory_that_nobody_validated_is_a_violation() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Snp, 1);
    launch.placed.retain(|placed| placed.gpa != BOOT_PARAMS);
    let Outcome::Violation(what) = run(&launch, &python).outcome() else {
        panic!("nobody noticed");
    };
    assert!(what.contains("before its page was validated"), "{what}");
}

/// A shim that only pretends to validate or accept: its first access to that memory is a violation.
#[test]
fn shim_that_skips_a_page_is_a_violation() {
    let Some(python) = emulator() else { return };
    let cases: [(Kind, &[u8], &[u8]); 2] = [
        (Kind::Snp, b"\xF2\x0F\x01\xFF", b"\x31\xC0\xF8\x90"), // xor eax, eax; clc; nop
        (Kind::Tdx, b"\x66\x0F\x01\xCC", b"\x48\x31\xC0\x90"), // xor rax, rax; nop
    ];
    for (kind, real, pretended) in cases {
        let mut launch = launch(kind, 1);
        let shim = launch.page(SHIM);
        let places: Vec<_> = (0..shim.len() - 4)
            .filter(|at| shim[*at..].starts_with(real))
            .collect();
        assert!(!places.is_empty(), "{kind:?}");
        for at in places {
            shim[at..at + 4].copy_from_slice(pretended);
        }
        let Outcome::Violation(what) = run(&launch, &python).outcome() else {
            panic!("nobody noticed: {kind:?}");
        };
        assert!(what.contains("before its page was validated"), "{what}");
    }
}
