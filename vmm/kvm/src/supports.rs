//! Which kinds of VM this host makes, and what it lacks for the others.

use std::fmt;

use kvm_bindings::{
    KVM_CAP_EXIT_HYPERCALL, KVM_CAP_GUEST_MEMFD, KVM_CAP_MEMORY_ATTRIBUTES,
    KVM_CAP_MEMORY_FAULT_INFO, KVM_CAP_USER_MEMORY2, KVM_CAP_VM_TYPES,
    KVM_MEMORY_ATTRIBUTE_PRIVATE,
};
use vmm_conversion::MAP_GPA_RANGE;

use crate::{Host, KvmError, VmKind};

/// The hypercall that must reach the VMM, as a bit (Linux 6.12, Documentation/virt/kvm/api.rst,
/// KVM_CAP_EXIT_HYPERCALL).
pub(crate) const EXIT_ON_MAP_GPA_RANGE: u32 = 1 << MAP_GPA_RANGE;

/// Something that KVM does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// VMs of this kind.
    Kind(VmKind),
    /// Memory that only a guest reaches.
    GuestMemfd,
    /// A private and a shared side of every page.
    PrivateAttribute,
    /// Slots that have both sides.
    UserMemory2,
    /// Exits that say which page was reached for in the wrong way.
    MemoryFault,
    /// Exits when a guest converts pages.
    ExitHypercall,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => write!(
                f,
                "its KVM makes no VMs of type {} (KVM_CAP_VM_TYPES): {}",
                kind.number(),
                needed_for(*kind)
            ),
            Self::GuestMemfd => f.write_str("its KVM has no guest_memfd (KVM_CAP_GUEST_MEMFD)"),
            Self::PrivateAttribute => f.write_str(
                "its KVM cannot make pages private (KVM_CAP_MEMORY_ATTRIBUTES without PRIVATE)",
            ),
            Self::UserMemory2 => {
                f.write_str("its KVM gives slots no private side (KVM_CAP_USER_MEMORY2)")
            }
            Self::MemoryFault => {
                f.write_str("its KVM does not tell of memory faults (KVM_CAP_MEMORY_FAULT_INFO)")
            }
            Self::ExitHypercall => f.write_str(
                "its KVM does not hand over requests to convert pages (KVM_CAP_EXIT_HYPERCALL \
                 without KVM_HC_MAP_GPA_RANGE)",
            ),
        }
    }
}

fn needed_for(kind: VmKind) -> &'static str {
    match kind {
        VmKind::Plain => "every KVM makes these",
        VmKind::SoftwareProtected => "they need a kernel built with CONFIG_KVM_SW_PROTECTED_VM",
        VmKind::Snp => {
            "they need Linux 6.11 or newer, an AMD processor, BIOS and firmware with SEV-SNP \
             enabled, and kvm_amd.sev_snp=1"
        }
        VmKind::Tdx => {
            "they need Linux 6.16 or newer, an Intel processor, BIOS and TDX module that are ready, \
             and kvm_intel.tdx=1"
        }
    }
}

/// As in an error.
pub(crate) fn list(lacking: &[Lack]) -> String {
    let sentences: Vec<_> = lacking.iter().map(Lack::to_string).collect();
    sentences.join("; ")
}

impl Host {
    /// Whether this host can make VMs of `kind`, as far as KVM tells.
    ///
    /// # Errors
    /// All that it lacks.
    pub fn supports(&self, kind: VmKind) -> Result<(), KvmError> {
        let lacking = lacking(kind, |capability| {
            let answer = self.kvm.check_extension_raw(capability.into());
            // A negative answer is an error: nothing.
            u32::try_from(answer).unwrap_or_default()
        });
        match lacking.is_empty() {
            true => Ok(()),
            false => Err(KvmError::Unsupported { kind, lacking }),
        }
    }
}

/// What KVM lacks for `kind`, given its answers to KVM_CHECK_EXTENSION.
fn lacking(kind: VmKind, answer: impl Fn(u32) -> u32) -> Vec<Lack> {
    if !kind.has_private_memory() {
        return Vec::new();
    }
    // KVM_CAP_VM_TYPES is a set of bits; the others are yes or no, or sets too.
    let needed = [
        (KVM_CAP_VM_TYPES, 1 << kind.number(), Lack::Kind(kind)),
        (KVM_CAP_GUEST_MEMFD, 1, Lack::GuestMemfd),
        (
            KVM_CAP_MEMORY_ATTRIBUTES,
            KVM_MEMORY_ATTRIBUTE_PRIVATE,
            Lack::PrivateAttribute,
        ),
        (KVM_CAP_USER_MEMORY2, 1, Lack::UserMemory2),
        (KVM_CAP_MEMORY_FAULT_INFO, 1, Lack::MemoryFault),
        (
            KVM_CAP_EXIT_HYPERCALL,
            EXIT_ON_MAP_GPA_RANGE,
            Lack::ExitHypercall,
        ),
    ];
    needed
        .into_iter()
        .filter(|(capability, bit, _)| answer(*capability) & bit == 0)
        .map(|(_, _, lack)| lack)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A KVM that has everything but what `capability` answers.
    fn but(capability: u32, answer: u32) -> impl Fn(u32) -> u32 {
        move |asked| match asked {
            asked if asked == capability => answer,
            KVM_CAP_VM_TYPES => 0b11_0011,
            KVM_CAP_MEMORY_ATTRIBUTES => 8,
            KVM_CAP_EXIT_HYPERCALL => 0x1000,
            _ => 1,
        }
    }

    #[test]
    fn complete_kvm_lacks_nothing() {
        for kind in VmKind::ALL {
            assert_eq!(lacking(kind, but(0, 0)), []);
        }
    }

    #[test]
    fn every_capability_that_is_missing_is_named() {
        for (capability, answer, lack) in [
            (KVM_CAP_VM_TYPES, 0b10_1111, Lack::Kind(VmKind::Snp)),
            (KVM_CAP_GUEST_MEMFD, 0, Lack::GuestMemfd),
            (KVM_CAP_MEMORY_ATTRIBUTES, 7, Lack::PrivateAttribute),
            (KVM_CAP_USER_MEMORY2, 0, Lack::UserMemory2),
            (KVM_CAP_MEMORY_FAULT_INFO, 0, Lack::MemoryFault),
            (KVM_CAP_EXIT_HYPERCALL, 0xfff, Lack::ExitHypercall),
        ] {
            assert_eq!(lacking(VmKind::Snp, but(capability, answer)), [lack]);
            assert_eq!(lacking(VmKind::Plain, but(capability, answer)), []);
        }
    }

    #[test]
    fn types_are_bits_and_not_numbers() {
        // 4 means "only SEV", not "SNP"; 5 means "plain and SEV", not "TDX".
        for (types, kind) in [(4, VmKind::Snp), (5, VmKind::Tdx)] {
            let lacks = lacking(kind, but(KVM_CAP_VM_TYPES, types));
            assert_eq!(lacks, [Lack::Kind(kind)]);
        }
    }

    #[test]
    fn error_says_all_that_is_lacking_and_what_to_do() {
        let lacking = lacking(VmKind::Tdx, |_| 0);
        let said = KvmError::Unsupported {
            kind: VmKind::Tdx,
            lacking,
        };
        let said = said.to_string();
        assert!(
            said.starts_with("this host cannot run TDX guests: its KVM makes no VMs of type 5"),
            "{said}"
        );
        for part in ["kvm_intel.tdx=1", "guest_memfd", "cloister host check"] {
            assert!(said.contains(part), "{said}");
        }
    }
}
