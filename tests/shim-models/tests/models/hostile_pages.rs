//! Hosts that lie in the pages that SNP's firmware fills in or lets pass.

use measured_boot_shim_abi::Refusal;
use measured_boot_shim_abi::layout::{CPUID, SECRETS};
use tests_shim_models::{Kind, Launch};

use crate::hostile::refused;
use crate::support::cpuid_leaf;

/// Puts a function that answers with zeros before all others.
fn put_first(launch: &mut Launch, leaf: u32, subleaf: u32) {
    let page = &mut launch.page(CPUID)[..4096];
    page[0] += 1;
    page.copy_within(16..4096 - 48, 16 + 48);
    page[16..16 + 48].fill(0);
    page[16..20].copy_from_slice(&leaf.to_le_bytes());
    page[20..24].copy_from_slice(&subleaf.to_le_bytes());
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
fn cpuid_page_with_a_lie_beside_the_truth_is_refused() {
    refused(
        Kind::Snp,
        &[
            (
                "a lie before the truth, as a subleaf that no kernel looks at",
                |one| put_first(one, 1, 1),
                Refusal::CpuidDuplicate,
            ),
            (
                "something behind the functions",
                |one| one.page(CPUID)[4095] = 1,
                Refusal::CpuidReserved,
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
