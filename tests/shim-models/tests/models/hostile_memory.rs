//! Hosts that lie about memory: which there is, and which is validated or accepted.

use measured_boot_shim_abi::Refusal;
use measured_boot_shim_abi::layout::MEMORY_MAP;
use serde_json::json;
use tests_shim_models::Kind;

use crate::hostile::{refused, trick};
use crate::support::write_map as map;

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
                Refusal::MemoryMapPlace,
            ),
            (
                "below 4 GiB and above",
                |one| map(one, &[(0, ALL), (0xF_FFFF, 2)]),
                Refusal::MemoryMapPlace,
            ),
            (
                "beyond 512 GiB",
                |one| map(one, &[(0, ALL), (0x7FF_FFFF, 2)]),
                Refusal::MemoryMapPlace,
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
                "above 4 GiB",
                |one| {
                    one.ram.push((4 << 30, 0x20_1000));
                    map(one, &[(0, ALL), (0x10_0000, 0x201)]);
                    trick(one, "validated_before", json!([0x10_0200]));
                },
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
        &[
            (
                "more processors than the MADT has",
                |one| one.vcpus = 65,
                Refusal::MadtProcessors,
            ),
            (
                "a module that does not say how many processors there are",
                |one| trick(one, "info_answer", json!(0xC000_0100_0000_0001_u64)),
                Refusal::Processors,
            ),
        ],
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
