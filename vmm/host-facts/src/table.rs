//! The requirements, as a table.
//!
//! Sources, for all of them: Linux 6.12 (`arch/x86/kernel/cpu/amd.c`, `arch/x86/virt/svm/sev.c`, `arch/x86/kvm/svm/sev.c`,
//! `drivers/iommu/amd/init.c`), 6.16 (`arch/x86/kvm/vmx/tdx.c`, `Documentation/arch/x86/tdx.rst`), APM 24593 rev 3.42
//! (15.34 to 15.36), AMD 56860 rev 1.58, AMD 58207 (the names of BIOS items), Intel TDX enabling guide (the same). BIOS
//! vendors spell their items differently. None of it was held against a machine with the hardware.

mod common;
mod snp;
mod snp_firmware;
mod tdx;

use crate::requirement::Requirement;

/// Options of the kernel's configuration that a requirement rests on.
pub const OPTIONS: [&str; 26] = [
    "AMD_IOMMU",
    "AMD_MEM_ENCRYPT",
    "CGROUP_MISC",
    "CRYPTO_DEV_CCP",
    "CRYPTO_DEV_CCP_DD",
    "CRYPTO_DEV_SP_PSP",
    "HIBERNATION",
    "INTEL_IOMMU",
    "INTEL_TDX_HOST",
    "KEXEC_CORE",
    "KVM",
    "KVM_AMD",
    "KVM_AMD_SEV",
    "KVM_GENERIC_PRIVATE_MEM",
    "KVM_GUEST_MEMFD",
    "KVM_INTEL",
    "KVM_INTEL_TDX",
    "KVM_PRIVATE_MEM",
    "KVM_PVM",
    "KVM_SW_PROTECTED_VM",
    "KVM_VM_MEMORY_ATTRIBUTES",
    "KVM_GENERIC_MEMORY_ATTRIBUTES",
    "X86_CPUID",
    "X86_MSR",
    "X86_SGX",
    "X86_X2APIC",
];

/// Every requirement, in the order that people should read them in.
pub fn all() -> impl Iterator<Item = &'static Requirement> {
    let parts: [&'static [Requirement]; 4] = [
        &common::TABLE,
        &snp::TABLE,
        &snp_firmware::TABLE,
        &tdx::TABLE,
    ];
    parts.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::FEATURES;
    use crate::questions::{
        CAPABILITIES, CPUID, MSRS_AMD, MSRS_INTEL, PLACES, PLAIN_FILES, capability,
    };
    use crate::requirement::{Role, Test};
    use std::collections::BTreeSet;

    #[test]
    fn every_item_has_a_name_of_its_own_fit_for_programs() {
        let rows = all().map(|requirement| requirement.item);
        let items: Vec<&str> = rows.chain(FEATURES.iter().map(|f| f.item)).collect();
        let different: BTreeSet<&&str> = items.iter().collect();
        assert_eq!(different.len(), items.len(), "{items:?}");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(
            items.iter().all(|item| item.chars().all(plain)),
            "{items:?}"
        );
    }

    #[test]
    fn every_requirement_rests_on_something_that_is_asked() {
        for row in all() {
            let asked = match &row.test {
                Test::Flag(_) | Test::By(_) => true,
                Test::Cpuid { leaf, .. } => CPUID.contains(&(*leaf, 0)),
                Test::Msr { register, .. } => {
                    MSRS_AMD.contains(register) || MSRS_INTEL.contains(register)
                }
                Test::Parameter(name) => has_parameter(name),
                Test::Option(name) => OPTIONS.contains(name),
                Test::Capability { number, .. } => CAPABILITIES.contains(number),
                Test::VmType(_) => CAPABILITIES.contains(&capability::VM_TYPES),
            };
            assert!(asked, "{}", row.item);
        }
    }

    fn has_parameter(name: &str) -> bool {
        let (module, name) = name.split_once('.').unwrap();
        let path = format!("/sys/module/{module}/parameters/{name}");
        let folder = format!("/sys/module/{module}");
        PLAIN_FILES.contains(&path.as_str()) && PLACES.contains(&folder.as_str())
    }

    /// What explains a lack has to say what to change.
    #[test]
    fn every_cause_has_a_remedy_and_a_tee() {
        let causes = all().filter(|row| row.role == Role::Explains);
        for row in causes {
            assert!(
                !row.remedy.is_empty() && !row.tees.is_empty(),
                "{}",
                row.item
            );
        }
    }
}
