//! The CPUID page against what KVM will really answer.
//!
//! Firmware fills and checks this page but does not measure its contents. Here the contents must be
//! what KVM_GET_CPUID2 read back for the first vCPU, and every other vCPU must differ from that one
//! only in the fields that hold its own number.

use measured_boot_snp_abi::{CpuidFunction, CpuidPage};
use thiserror::Error;
use vmm_wire::CpuidEntry;
use zerocopy::FromBytes as _;

/// Why a CPUID table is not the one that was announced.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CpuidMismatch {
    /// The page is not a CPUID page.
    #[error("the CPUID page is malformed: {what}")]
    Page {
        /// What is wrong.
        what: &'static str,
    },
    /// A leaf has other values.
    #[error(
        "CPUID leaf {leaf:#x}, subleaf {subleaf:#x}: the CPUID page and KVM disagree on vCPU {vcpu}"
    )]
    Leaf {
        /// Which vCPU.
        vcpu: u32,
        /// EAX before CPUID.
        leaf: u32,
        /// ECX before CPUID.
        subleaf: u32,
    },
    /// A leaf's flags make it answer otherwise than the page says.
    #[error(
        "CPUID leaf {leaf:#x} of vCPU {vcpu} has the flags {flags:#x}, which change its meaning"
    )]
    Flags {
        /// Which vCPU.
        vcpu: u32,
        /// EAX before CPUID.
        leaf: u32,
        /// KVM_CPUID_FLAG_*.
        flags: u32,
    },
    /// One of the two has leaves that the other lacks.
    #[error("the CPUID page has {page} leaves, KVM has {kvm} for vCPU {vcpu}")]
    Count {
        /// Which vCPU.
        vcpu: u32,
        /// Leaves in the page.
        page: usize,
        /// Leaves of KVM.
        kvm: usize,
    },
}

/// Memory encryption. A guest whose memory is encrypted reads this leaf from the page; KVM does not answer
/// it where there is none, since the guest would look for an MSR that it does not have.
const ENCRYPTED_MEMORY: u32 = 0x8000_001f;

/// Compares `page` with what KVM answered for vCPU `vcpu`.
pub fn check(page: &[u8; 4096], vcpu: u32, entries: &[CpuidEntry]) -> Result<(), CpuidMismatch> {
    let mut functions = functions(page)?;
    let is_answered = entries
        .iter()
        .any(|entry| entry.function == ENCRYPTED_MEMORY);
    functions.retain(|function| is_answered || function.eax_in.get() != ENCRYPTED_MEMORY);
    if functions.len() != entries.len() {
        return Err(CpuidMismatch::Count {
            vcpu,
            page: functions.len(),
            kvm: entries.len(),
        });
    }
    for entry in entries {
        let (leaf, subleaf) = (entry.function, entry.index);
        check_flags(vcpu, entry)?;
        let found = functions
            .iter()
            .find(|function| function.eax_in.get() == leaf && function.ecx_in.get() == subleaf);
        let announced = found.map(|function| own_number_of(vcpu, leaf, values(function)));
        if announced != Some([entry.eax, entry.ebx, entry.ecx, entry.edx]) {
            return Err(CpuidMismatch::Leaf {
                vcpu,
                leaf,
                subleaf,
            });
        }
    }
    Ok(())
}

/// The page cannot say whether ECX counts: it does in exactly the leaves that have subleaves. KVM
/// would give a leaf without the flag for every ECX, and with another flag a value that changes.
fn check_flags(vcpu: u32, entry: &CpuidEntry) -> Result<(), CpuidMismatch> {
    let expected = u32::from(has_subleaves(entry.function));
    if entry.flags == expected {
        return Ok(());
    }
    Err(CpuidMismatch::Flags {
        vcpu,
        leaf: entry.function,
        flags: entry.flags,
    })
}

/// Leaves that look at ECX (`cpuid_function_is_indexed` of Linux 6.12; AMD APM volume 3, appendix E).
fn has_subleaves(leaf: u32) -> bool {
    matches!(
        leaf,
        0x4 | 0x7
            | 0xb
            | 0xd
            | 0xf
            | 0x10
            | 0x12
            | 0x14
            | 0x17
            | 0x18
            | 0x1d
            | 0x1e
            | 0x1f
            | 0x24
            | 0x8000_001d
            | 0x8000_0020
            | 0x8000_0026
    )
}

fn functions(page: &[u8; 4096]) -> Result<Vec<CpuidFunction>, CpuidMismatch> {
    let malformed = |what| CpuidMismatch::Page { what };
    let page = CpuidPage::ref_from_bytes(page).map_err(|_| malformed("its size"))?;
    let functions = page
        .functions()
        .ok_or(malformed("more leaves than it can hold"))?;
    let unused = &page.functions[functions.len()..];
    let reserved_is_zero = page.reserved_04.get() == 0
        && page.reserved_08.get() == 0
        && page.padding.iter().all(|byte| *byte == 0)
        && unused
            .iter()
            .all(|function| *function == CpuidFunction::default())
        && functions
            .iter()
            .all(|function| function.reserved.get() == 0);
    if !reserved_is_zero {
        return Err(malformed("reserved bytes are not zero"));
    }
    Ok(functions.to_vec())
}

fn values(function: &CpuidFunction) -> [u32; 4] {
    [
        function.eax.get(),
        function.ebx.get(),
        function.ecx.get(),
        function.edx.get(),
    ]
}

/// The page is written for vCPU 0; these fields hold the number of the processor that asks (AMD APM
/// volume 3, appendix E: Fn1 EBX bits 31 to 24, FnB EDX; Intel SDM: leaf 1Fh EDX).
fn own_number_of(vcpu: u32, leaf: u32, values: [u32; 4]) -> [u32; 4] {
    let [eax, mut ebx, ecx, mut edx] = values;
    match leaf {
        0x1 => ebx |= vcpu << 24,
        0xb | 0x1f => edx |= vcpu,
        _ => {}
    }
    [eax, ebx, ecx, edx]
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;
    use zerocopy::little_endian::U32;

    use super::*;

    fn function(leaf: u32, value: u32) -> CpuidFunction {
        CpuidFunction {
            eax_in: U32::new(leaf),
            eax: U32::new(value),
            ..CpuidFunction::default()
        }
    }

    fn entry(leaf: u32, value: u32) -> CpuidEntry {
        CpuidEntry {
            function: leaf,
            index: 0,
            flags: u32::from(has_subleaves(leaf)),
            eax: value,
            ebx: 0,
            ecx: 0,
            edx: 0,
        }
    }

    fn page(functions: &[CpuidFunction]) -> [u8; 4096] {
        CpuidPage::new(functions)
            .unwrap()
            .as_bytes()
            .try_into()
            .unwrap()
    }

    #[test]
    fn page_that_says_what_kvm_answers_is_accepted() {
        let page = page(&[function(0, 1), function(7, 2)]);
        assert_eq!(check(&page, 0, &[entry(7, 2), entry(0, 1)]), Ok(()));
    }

    #[test]
    fn leaf_that_kvm_answers_otherwise_is_named() {
        let page = page(&[function(0, 1), function(7, 2)]);
        let changed = check(&page, 0, &[entry(0, 1), entry(7, 3)]);
        assert_eq!(
            changed,
            Err(CpuidMismatch::Leaf {
                vcpu: 0,
                leaf: 7,
                subleaf: 0
            })
        );
    }

    /// The leaf that only an encrypted guest has may be in the page alone, and nowhere else.
    #[test]
    fn leaf_of_encrypted_memory_is_compared_where_kvm_answers_it() {
        let page = page(&[function(0, 1), function(ENCRYPTED_MEMORY, 2)]);
        assert_eq!(check(&page, 0, &[entry(0, 1)]), Ok(()));
        let answered = |eax| [entry(0, 1), entry(ENCRYPTED_MEMORY, eax)];
        assert_eq!(check(&page, 0, &answered(2)), Ok(()));
        assert!(check(&page, 0, &answered(3)).is_err());
        let plain = super::tests::page(&[function(0, 1)]);
        assert!(check(&plain, 0, &answered(2)).is_err());
    }

    #[test]
    fn leaf_whose_flags_change_its_meaning_is_refused() {
        let page = page(&[function(0, 1), function(7, 2)]);
        for (leaf, flags) in [(0, 1), (7, 0), (7, 3), (0, 2)] {
            let mut entries = [entry(0, 1), entry(7, 2)];
            entries[usize::from(leaf == 7)].flags = flags;
            let vcpu = 0;
            assert_eq!(
                check(&page, vcpu, &entries),
                Err(CpuidMismatch::Flags { vcpu, leaf, flags })
            );
        }
    }

    #[test]
    fn leaf_too_few_or_too_many_is_refused() {
        let page = page(&[function(0, 1), function(7, 2)]);
        assert!(matches!(
            check(&page, 0, &[entry(0, 1)]),
            Err(CpuidMismatch::Count { .. })
        ));
        let three = [entry(0, 1), entry(7, 2), entry(8, 0)];
        assert!(matches!(
            check(&page, 0, &three),
            Err(CpuidMismatch::Count { .. })
        ));
    }

    #[test]
    fn second_vcpu_may_differ_in_its_number_only() {
        let page = page(&[function(1, 5)]);
        let mut second = entry(1, 5);
        second.ebx = 1 << 24;
        assert_eq!(check(&page, 1, &[second]), Ok(()));
        assert!(check(&page, 0, &[second]).is_err());
        second.ecx = 1;
        assert!(check(&page, 1, &[second]).is_err());
    }

    #[test]
    fn page_with_something_in_its_unused_part_is_refused() {
        for at in [4, 8, 0x10 + 0x28, 0x10 + 5 * 0x30, 4095] {
            let mut page = page(&[function(0, 1)]);
            page[at] = 1;
            let refused = check(&page, 0, &[entry(0, 1)]);
            assert!(
                matches!(refused, Err(CpuidMismatch::Page { .. })),
                "byte {at}: {refused:?}"
            );
        }
    }
}
