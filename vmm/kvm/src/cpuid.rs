//! CPUID: checked against what the host can do, set exactly as planned, and read back.

use std::fmt;

use kvm_bindings::{
    CpuId, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, KVM_MAX_CPUID_ENTRIES, kvm_cpuid_entry2,
};
use measured_boot_plan::{CpuidEntry as PlannedEntry, cpuid_feature_name};
use thiserror::Error;
use vmm_wire::CpuidEntry;

use crate::{Host, KvmError, Vcpu};

/// A CPU model that this host cannot give.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum CpuidError {
    /// The host lacks features.
    #[error(
        "this host's KVM does not offer what the CPU model needs: {}",
        list(missing)
    )]
    Lacks {
        /// All that is missing.
        missing: Vec<Feature>,
    },
    /// KVM changed what it was given.
    #[error(
        "vCPU {vcpu}: KVM answers CPUID leaf {leaf:#x} otherwise than planned: EAX, EBX, ECX, EDX \
         were to be {planned:08x?} and are {answered:08x?}"
    )]
    Changed {
        /// Which vCPU.
        vcpu: u32,
        /// EAX before CPUID.
        leaf: u32,
        /// EAX, EBX, ECX, EDX; zeros where the plan has no such leaf.
        planned: [u32; 4],
        /// EAX, EBX, ECX, EDX; zeros where KVM has no such leaf.
        answered: [u32; 4],
    },
}

/// One bit of a CPUID leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Feature {
    /// EAX before CPUID.
    pub leaf: u32,
    /// Which register holds the bit.
    pub register: &'static str,
    /// Bit number.
    pub bit: u32,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            leaf,
            register,
            bit,
        } = *self;
        let position = REGISTERS.iter().position(|one| *one == register);
        match position.and_then(|position| cpuid_feature_name(leaf, position, bit)) {
            Some(name) => write!(f, "{name} (leaf {leaf:#x} {register} bit {bit})"),
            None => write!(f, "leaf {leaf:#x} {register} bit {bit}"),
        }
    }
}

fn list(features: &[Feature]) -> String {
    let names: Vec<_> = features.iter().map(Feature::to_string).collect();
    names.join(", ")
}

/// Registers that are sets of features; all others are numbers that KVM takes as given.
const FEATURES: [(u32, u32, [bool; 4]); 7] = [
    (0x1, 0, [false, false, true, true]),
    (0x7, 0, [false, true, true, true]),
    (0x7, 1, [true, false, false, true]),
    (0x8000_0001, 0, [false, false, true, true]),
    (0x8000_0007, 0, [false, false, false, true]),
    (0x8000_0008, 0, [false, true, false, false]),
    (0x4000_0001, 0, [true, false, false, false]),
];

/// Bits that KVM does not list as supported although it carries them out, or that describe the
/// machine and not the processor: leaf 1 ECX 31 (hypervisor present), EDX 28 (more than one logical
/// processor), ECX 21 (x2APIC, by KVM's own APIC).
const ALWAYS: [(u32, usize, u32); 3] = [(0x1, 2, 31), (0x1, 3, 28), (0x1, 2, 21)];
/// Leaf 1 ECX 24, the APIC timer's TSC deadline, is offered by a capability of its own.
const TSC_DEADLINE: (u32, usize, u32) = (0x1, 2, 24);

const REGISTERS: [&str; 4] = ["EAX", "EBX", "ECX", "EDX"];

impl Host {
    /// Whether this host can give a vCPU with these leaves.
    ///
    /// # Errors
    /// All features that it lacks.
    pub fn check_cpuid(&self, wanted: &[PlannedEntry]) -> Result<(), CpuidError> {
        let missing: Vec<_> = wanted
            .iter()
            .flat_map(|entry| self.missing_of(entry))
            .collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(CpuidError::Lacks { missing }),
        }
    }

    /// What this host's KVM answers on a vCPU that was given `planned`. Usually exactly that; a KVM
    /// without hardware virtualisation cannot hide features that the host's processor has.
    ///
    /// # Errors
    /// KVM refuses the table.
    pub fn answered_cpuid(&self, planned: &[PlannedEntry]) -> Result<Vec<PlannedEntry>, KvmError> {
        let vm = self
            .kvm
            .create_vm()
            .map_err(KvmError::call("KVM_CREATE_VM"))?;
        // Without it KVM gives no APIC features.
        vm.create_irq_chip()
            .map_err(KvmError::call("KVM_CREATE_IRQCHIP"))?;
        let vcpu = vm
            .create_vcpu(0)
            .map_err(KvmError::call("KVM_CREATE_VCPU 0"))?;
        vcpu.set_cpuid2(&table(planned))
            .map_err(KvmError::call("KVM_SET_CPUID2"))?;
        let answered = vcpu
            .get_cpuid2(KVM_MAX_CPUID_ENTRIES)
            .map_err(KvmError::call("KVM_GET_CPUID2"))?;
        Ok(answered.as_slice().iter().map(to_planned).collect())
    }

    fn missing_of(&self, entry: &PlannedEntry) -> Vec<Feature> {
        let subleaf = entry.index.unwrap_or(0);
        let Some((leaf, _, flags)) = FEATURES
            .into_iter()
            .find(|(leaf, index, _)| (*leaf, *index) == (entry.function, subleaf))
        else {
            return Vec::new();
        };
        let supported = self.supported_values(leaf, subleaf);
        let wanted = [entry.eax, entry.ebx, entry.ecx, entry.edx];
        let mut missing = Vec::new();
        for register in (0..REGISTERS.len()).filter(|register| flags[*register]) {
            let lacking = wanted[register] & !supported[register];
            let bits = (0..32).filter(|bit| lacking >> bit & 1 == 1);
            let real = bits.filter(|bit| !self.has_regardless((leaf, register, *bit)));
            missing.extend(real.map(|bit| Feature {
                leaf,
                register: REGISTERS[register],
                bit,
            }));
        }
        missing
    }

    fn supported_values(&self, leaf: u32, subleaf: u32) -> [u32; 4] {
        self.supported
            .as_slice()
            .iter()
            .find(|entry| entry.function == leaf && entry.index == subleaf)
            .map_or([0; 4], |entry| [entry.eax, entry.ebx, entry.ecx, entry.edx])
    }

    fn has_regardless(&self, bit: (u32, usize, u32)) -> bool {
        ALWAYS.contains(&bit) || (bit == TSC_DEADLINE && self.has_tsc_deadline)
    }
}

impl Vcpu {
    /// Sets exactly these leaves.
    ///
    /// # Errors
    /// KVM refuses them.
    pub fn set_cpuid(&self, entries: &[PlannedEntry]) -> Result<(), KvmError> {
        self.fd
            .set_cpuid2(&table(entries))
            .map_err(self.call("KVM_SET_CPUID2"))
    }

    /// All leaves as KVM answers now.
    ///
    /// # Errors
    /// KVM does not answer.
    pub fn cpuid(&self) -> Result<Vec<CpuidEntry>, KvmError> {
        let table = self
            .fd
            .get_cpuid2(KVM_MAX_CPUID_ENTRIES)
            .map_err(self.call("KVM_GET_CPUID2"))?;
        Ok(table.as_slice().iter().map(from_kvm).collect())
    }

    /// Whether what KVM answers is what was planned.
    ///
    /// # Errors
    /// The first leaf that is not.
    pub fn check_cpuid(
        &self,
        planned: &[PlannedEntry],
        answered: &[CpuidEntry],
    ) -> Result<(), CpuidError> {
        let planned: Vec<_> = planned
            .iter()
            .map(|entry| from_kvm(&to_kvm(entry)))
            .collect();
        let differing = planned
            .iter()
            .find(|entry| !answered.contains(entry))
            .or_else(|| answered.iter().find(|entry| !planned.contains(entry)));
        let Some(entry) = differing else {
            return Ok(());
        };
        let values = |table: &[CpuidEntry]| {
            let same = |other: &&CpuidEntry| {
                (other.function, other.index) == (entry.function, entry.index)
            };
            let found = table.iter().find(same);
            found.map_or([0; 4], |entry| [entry.eax, entry.ebx, entry.ecx, entry.edx])
        };
        Err(CpuidError::Changed {
            vcpu: self.index,
            leaf: entry.function,
            planned: values(&planned),
            answered: values(answered),
        })
    }
}

fn table(entries: &[PlannedEntry]) -> CpuId {
    let entries: Vec<_> = entries.iter().map(to_kvm).collect();
    CpuId::from_entries(&entries).expect("a CPUID page holds 64 leaves, fewer than KVM takes")
}

pub(crate) fn to_planned(entry: &kvm_cpuid_entry2) -> PlannedEntry {
    let has_subleaves = entry.flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX != 0;
    PlannedEntry {
        function: entry.function,
        index: has_subleaves.then_some(entry.index),
        eax: entry.eax,
        ebx: entry.ebx,
        ecx: entry.ecx,
        edx: entry.edx,
    }
}

pub(crate) fn to_kvm(entry: &PlannedEntry) -> kvm_cpuid_entry2 {
    kvm_cpuid_entry2 {
        function: entry.function,
        index: entry.index.unwrap_or(0),
        flags: if entry.index.is_some() {
            KVM_CPUID_FLAG_SIGNIFCANT_INDEX
        } else {
            0
        },
        eax: entry.eax,
        ebx: entry.ebx,
        ecx: entry.ecx,
        edx: entry.edx,
        padding: [0; 3],
    }
}

fn from_kvm(entry: &kvm_cpuid_entry2) -> CpuidEntry {
    CpuidEntry {
        function: entry.function,
        index: entry.index,
        flags: entry.flags,
        eax: entry.eax,
        ebx: entry.ebx,
        ecx: entry.ecx,
        edx: entry.edx,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_features_are_named_as_far_as_they_have_names() {
        let missing = [0, 28].map(|bit| Feature {
            leaf: 0x1,
            register: "ECX",
            bit,
        });
        let said = CpuidError::Lacks {
            missing: missing.to_vec(),
        };
        let said = said.to_string();
        assert!(
            said.ends_with(": sse3 (leaf 0x1 ECX bit 0), leaf 0x1 ECX bit 28"),
            "{said}"
        );
    }
}
