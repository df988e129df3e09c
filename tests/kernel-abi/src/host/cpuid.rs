//! CPUID. A KVM without hardware virtualisation below can neither give nor hide what the processor has or lacks; this
//! one supports every feature, and answers of a vCPU what it was given, as Linux does on such a processor.

use std::mem::offset_of;

use kvm_bindings::{kvm_cpuid_entry2, kvm_cpuid2};
use nix::errno::Errno;

use super::registers::Vcpu;
use super::{Machine, error};
use crate::trace::{Call, Enter, Memory as _};

const ENTRY: usize = size_of::<kvm_cpuid_entry2>();

/// Leaves that name features, by their subleaf, and which of EAX, EBX, ECX and EDX do.
const FEATURES: [(u32, u32, [bool; 4]); 5] = [
    (1, 0, [false, false, true, true]),
    (7, 0, [false, true, true, true]),
    (0xd, 1, [true, false, false, false]),
    (0x8000_0001, 0, [false, false, true, true]),
    (0x8000_0008, 0, [false, true, false, false]),
];

/// Adds every feature to what the real kernel has answered to KVM_GET_SUPPORTED_CPUID.
pub(super) fn support_everything(call: &Call) {
    const REGISTERS: usize = offset_of!(kvm_cpuid_entry2, eax);
    let Ok((count, entries_at)) = head(call) else {
        return;
    };
    let Ok(mut entries) = call.memory().vector(entries_at, ENTRY * count) else {
        return;
    };
    for entry in entries.chunks_exact_mut(ENTRY) {
        let name = (
            word(entry, offset_of!(kvm_cpuid_entry2, function)),
            word(entry, offset_of!(kvm_cpuid_entry2, index)),
        );
        let found = FEATURES
            .iter()
            .find(|(leaf, index, _)| (*leaf, *index) == name);
        let Some((.., registers)) = found else {
            continue;
        };
        let places = entry[REGISTERS..].chunks_exact_mut(4);
        for (register, _) in places.zip(registers).filter(|(_, has)| **has) {
            register.fill(0xff);
        }
    }
    // The program's own buffer: the kernel wrote there a moment ago.
    let _ = call.memory().write(entries_at, &entries);
}

fn word(entry: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|index| entry[at + index]))
}

impl Machine {
    /// The real kernel took these entries.
    pub(super) fn cpuid_set(&mut self, call: &Call) {
        let Ok((count, entries_at)) = head(call) else {
            return;
        };
        let entries = call.memory().vector(entries_at, ENTRY * count);
        let vcpu = self.vcpu_of(call.descriptor());
        if let Some(vcpu) = vcpu.and_then(|vcpu| self.vcpus.get_mut(&vcpu)) {
            vcpu.cpuid = entries.ok();
        }
    }

    /// KVM_GET_CPUID2.
    pub(super) fn cpuid_set_before(&self, call: &Call) -> Enter {
        let vcpu = self.vcpu_of(call.descriptor());
        let entries = vcpu.and_then(|vcpu| self.vcpus.get(&vcpu)?.cpuid.as_deref());
        let answer = give(call, entries.unwrap_or_default());
        Enter::Answer(answer.map_or_else(error, |()| 0))
    }
}

fn give(call: &Call, entries: &[u8]) -> Result<(), Errno> {
    let (room, entries_at) = head(call)?;
    let count = entries.len() / ENTRY;
    if room < count {
        return Err(Errno::E2BIG);
    }
    let nent = u32::try_from(count).expect("at most 256").to_le_bytes();
    let written = call
        .memory()
        .write(call.argument(), &nent)
        .and_then(|()| call.memory().write(entries_at, entries));
    written.map_err(|_| Errno::EFAULT)
}

/// How many entries there are or may be, and where.
fn head(call: &Call) -> Result<(usize, u64), Errno> {
    let count = call.memory().array(call.argument());
    let count = count.map(u32::from_le_bytes).map_err(|_| Errno::EFAULT)?;
    let at = u64::try_from(offset_of!(kvm_cpuid2, entries)).expect("small");
    let count = usize::try_from(count).map_err(|_| Errno::E2BIG)?;
    Ok((count, call.argument() + at))
}

impl Vcpu {
    /// Whether leaf 1 has x2APIC.
    pub(super) fn has_x2apic(&self) -> bool {
        const X2APIC: u32 = 1 << 21;
        let entries = self.cpuid.as_deref().unwrap_or_default();
        let leaf = entries
            .chunks_exact(ENTRY)
            .find(|entry| word(entry, offset_of!(kvm_cpuid_entry2, function)) == 1);
        leaf.is_some_and(|leaf| word(leaf, offset_of!(kvm_cpuid_entry2, ecx)) & X2APIC != 0)
    }
}
