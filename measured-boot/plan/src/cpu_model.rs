//! CPU models: which CPUID leaves the guest sees. The data is in `cpu/*.toml`, a reason on each bit.

use crate::{CpuidEntry, ENCRYPTED_MEMORY_LEAF};
use serde::Deserialize;
use std::collections::BTreeMap;

const MODELS: [(&str, &str); 1] = [("x86-64-v2", include_str!("../cpu/x86-64-v2.toml"))];

const MAX_BASIC_LEAF: u32 = 0xB;
const MAX_PARAVIRTUAL_LEAF: u32 = 0x4000_0001;
const MAX_EXTENDED_LEAF: u32 = 0x8000_0008;

/// Cache line of 64 bytes, in leaf 1's unit of 8.
const CLFLUSH_UNITS: u32 = 8;
const HTT: u32 = 1 << 28;
/// Leaf 1, ECX: the APIC timer's TSC deadline. Without it the kernel calibrates that timer by the TSC.
const TSC_DEADLINE: u32 = 1 << 24;
/// Leaf 0x8000001F, EAX (APM volume 3 rev 3.36, "Function 8000_001Fh").
const SEV_AND_ES_AND_SNP: u32 = 1 << 1 | 1 << 3 | 1 << 4;
/// Leaf 0x8000001F, EBX: the C-bit's position, and no reduction of physical addresses, as KVM enumerates it:
/// leaf 0x80000008 tells a guest's width as it is.
const C_BIT: u32 = measured_boot_shim_abi::layout::C_BIT;
/// Bits of leaf 1's EDX that AMD repeats in leaf 0x80000001 (APM volume 3, "Fn8000_0001_EDX").
const REPEATED_IN_EXTENDED_LEAF: u32 = 0x0183_F3FF;
/// 48 bits of virtual, 40 of physical addresses: the least that any host offers. All memory has room in them,
/// and a guest must not see more physical bits than its host has.
const ADDRESS_BITS: u32 = 48 << 8 | 40;
const _: () = assert!(measured_boot_shim_abi::layout::HIGH_RAM_END <= 1 << (ADDRESS_BITS & 0xFF));

/// What the CPU models call a bit that CPUID answers: `pclmulqdq`. `register` counts EAX, EBX, ECX, EDX
/// from 0. `None` for a bit that no model has.
#[must_use]
pub fn cpuid_feature_name(leaf: u32, register: usize, bit: u32) -> Option<String> {
    const ORDER: [Register; 4] = [Register::Eax, Register::Ebx, Register::Ecx, Register::Edx];
    let is_repeated = leaf == 0x8000_0001 && register == 3;
    let is_repeated = is_repeated && REPEATED_IN_EXTENDED_LEAF.unbounded_shr(bit) & 1 == 1;
    let leaf = if is_repeated { 0x1 } else { leaf };
    let register = *ORDER.get(register)?;
    let features = MODELS
        .iter()
        .filter_map(|(name, _)| CpuModel::named(name))
        .flat_map(|model| model.features);
    features
        .filter(|one| (one.leaf, one.register, one.bit) == (leaf, register, bit))
        .map(|one| one.name)
        .next()
}

/// A CPU model, as its data file describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CpuModel {
    #[allow(
        dead_code,
        reason = "a test wants it equal to the name that the model is found by"
    )]
    name: String,
    vendor: String,
    brand: String,
    signature: u32,
    #[serde(rename = "feature")]
    features: Vec<Feature>,
    #[serde(rename = "leaf")]
    leaves: Vec<Leaf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    name: String,
    leaf: u32,
    register: Register,
    bit: u32,
    #[allow(
        dead_code,
        reason = "for readers of the data file; a test wants it filled in"
    )]
    reason: String,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Register {
    Eax,
    Ebx,
    Ecx,
    Edx,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaf {
    function: u32,
    eax: u32,
    ebx: u32,
    ecx: u32,
    edx: u32,
    #[allow(
        dead_code,
        reason = "for readers of the data file; a test wants it filled in"
    )]
    reason: String,
}

impl CpuModel {
    /// The model of this name, if there is one.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (_, text) = MODELS.iter().find(|(known, _)| *known == name)?;
        Some(toml::from_str(text).expect("a test reads every model's data file"))
    }

    /// The names of all models.
    pub(crate) fn names() -> Vec<&'static str> {
        MODELS.iter().map(|(name, _)| *name).collect()
    }

    /// CPUID leaf 1, EAX: family, model and stepping.
    pub(crate) fn signature(&self) -> u32 {
        self.signature
    }

    /// The leaves that vCPU 0 of `vcpus` sees, by rising function and index.
    pub(crate) fn entries(&self, vcpus: u32) -> Vec<CpuidEntry> {
        let mut entries = self.identity(vcpus);
        entries.extend(topology(vcpus));
        entries.extend(self.leaves.iter().map(Leaf::entry));
        entries.sort_by_key(|entry| (entry.function, entry.index));
        entries
    }

    /// The same as an SNP guest's CPUID page has them: with memory encryption, and without the one feature
    /// that no AMD processor has, which the firmware would refuse.
    pub(crate) fn snp_entries(&self, vcpus: u32) -> Vec<CpuidEntry> {
        let mut entries = self.entries(vcpus);
        for entry in &mut entries {
            match entry.function {
                0x1 => entry.ecx &= !TSC_DEADLINE,
                0x8000_0000 => entry.eax = ENCRYPTED_MEMORY_LEAF,
                _ => {}
            }
        }
        entries.push(CpuidEntry {
            eax: SEV_AND_ES_AND_SNP,
            ebx: C_BIT,
            ..empty(ENCRYPTED_MEMORY_LEAF, None)
        });
        entries
    }

    fn identity(&self, vcpus: u32) -> Vec<CpuidEntry> {
        let bits = self.feature_bits();
        let feature = |leaf, register| bits.get(&(leaf, register)).copied().unwrap_or(0);
        let [ebx, edx, ecx] = words(self.vendor.as_bytes());
        let vendor = |function, eax| CpuidEntry {
            function,
            index: None,
            eax,
            ebx,
            ecx,
            edx,
        };
        let [kvm_ebx, kvm_ecx, kvm_edx] = words(b"KVMKVMKVM");
        let htt = if vcpus > 1 { HTT } else { 0 };
        let mut entries = vec![
            vendor(0x0, MAX_BASIC_LEAF),
            CpuidEntry {
                function: 0x1,
                index: None,
                eax: self.signature,
                ebx: CLFLUSH_UNITS << 8 | vcpus << 16,
                ecx: feature(0x1, Register::Ecx),
                edx: feature(0x1, Register::Edx) | htt,
            },
            CpuidEntry {
                eax: feature(0x6, Register::Eax),
                ..empty(0x6, None)
            },
            CpuidEntry {
                ebx: feature(0x7, Register::Ebx),
                ..empty(0x7, Some(0))
            },
            CpuidEntry {
                function: 0x4000_0000,
                index: None,
                eax: MAX_PARAVIRTUAL_LEAF,
                ebx: kvm_ebx,
                ecx: kvm_ecx,
                edx: kvm_edx,
            },
            CpuidEntry {
                eax: feature(MAX_PARAVIRTUAL_LEAF, Register::Eax),
                ..empty(MAX_PARAVIRTUAL_LEAF, None)
            },
            vendor(0x8000_0000, MAX_EXTENDED_LEAF),
            CpuidEntry {
                function: 0x8000_0001,
                index: None,
                eax: self.signature,
                ebx: 0,
                ecx: feature(0x8000_0001, Register::Ecx),
                edx: feature(0x8000_0001, Register::Edx)
                    | feature(0x1, Register::Edx) & REPEATED_IN_EXTENDED_LEAF,
            },
        ];
        entries.extend(self.brand_string());
        entries
    }

    fn feature_bits(&self) -> BTreeMap<(u32, Register), u32> {
        let mut bits = BTreeMap::new();
        for Feature {
            leaf,
            register,
            bit,
            ..
        } in &self.features
        {
            *bits.entry((*leaf, *register)).or_insert(0) |= 1 << bit;
        }
        bits
    }

    /// Leaves 0x80000002 to 0x80000004: 48 bytes, NUL padded.
    fn brand_string(&self) -> Vec<CpuidEntry> {
        let brand: [u32; 12] = words(self.brand.as_bytes());
        let (parts, _) = brand.as_chunks::<4>();
        (0x8000_0002..)
            .zip(parts)
            .map(|(function, [eax, ebx, ecx, edx])| CpuidEntry {
                function,
                index: None,
                eax: *eax,
                ebx: *ebx,
                ecx: *ecx,
                edx: *edx,
            })
            .collect()
    }
}

impl Leaf {
    fn entry(&self) -> CpuidEntry {
        let Self {
            function,
            eax,
            ebx,
            ecx,
            edx,
            ..
        } = *self;
        CpuidEntry {
            function,
            index: None,
            eax,
            ebx,
            ecx,
            edx,
        }
    }
}

/// Leaves that tell how the vCPUs are arranged: one package, one thread a core.
fn topology(vcpus: u32) -> [CpuidEntry; 4] {
    let id_bits = vcpus.next_power_of_two().trailing_zeros();
    let level = |index, eax, ebx, kind| CpuidEntry {
        eax,
        ebx,
        ecx: kind << 8 | index,
        ..empty(0xB, Some(index))
    };
    const THREAD: u32 = 1;
    const CORE: u32 = 2;
    [
        level(0, 0, 1, THREAD),
        level(1, id_bits, vcpus, CORE),
        level(2, 0, 0, 0),
        CpuidEntry {
            eax: ADDRESS_BITS,
            ecx: id_bits << 12 | (vcpus - 1),
            ..empty(MAX_EXTENDED_LEAF, None)
        },
    ]
}

fn empty(function: u32, index: Option<u32>) -> CpuidEntry {
    CpuidEntry {
        function,
        index,
        eax: 0,
        ebx: 0,
        ecx: 0,
        edx: 0,
    }
}

/// Text as little-endian words, NUL padded.
fn words<const N: usize>(text: &[u8]) -> [u32; N] {
    std::array::from_fn(|word| {
        u32::from_le_bytes(std::array::from_fn(|byte| {
            text.get(word * 4 + byte).copied().unwrap_or(0)
        }))
    })
}

#[cfg(test)]
mod tests;
