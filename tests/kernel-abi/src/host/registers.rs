//! A vCPU's registers, as the VMM's calls make them.

use std::mem::offset_of;

use kvm_bindings::{
    kvm_debugregs, kvm_dtable, kvm_msr_entry, kvm_msrs, kvm_regs, kvm_segment, kvm_sregs, kvm_xcrs,
};
use vmm_kernel_abi::ioctl;

use super::Machine;
use crate::model::snp::{Segment, VcpuRegisters};
use crate::trace::{Call, Memory as _};

/// A vCPU.
#[derive(Debug)]
pub(super) struct Vcpu {
    pub(super) descriptor: i32,
    pub(super) registers: VcpuRegisters,
    /// The entries that KVM_SET_CPUID2 gave, once it did.
    pub(super) cpuid: Option<Vec<u8>>,
    /// INIT_VCPU was done.
    pub(super) is_in_td: bool,
}

impl Vcpu {
    pub(super) fn new(descriptor: i32) -> Self {
        Self {
            descriptor,
            registers: VcpuRegisters::default(),
            cpuid: None,
            is_in_td: false,
        }
    }
}

impl Machine {
    /// The real kernel took these registers.
    pub(super) fn registers_set(&mut self, call: &Call, request: u32) {
        let Some(vcpu) = self.vcpu_of(call.descriptor()) else {
            return;
        };
        let Some(Vcpu { registers, .. }) = self.vcpus.get_mut(&vcpu) else {
            return;
        };
        let size = usize::try_from((request >> 16) & 0x3fff).expect("14 bits");
        let bytes = Fields(
            call.memory()
                .vector(call.argument(), size)
                .unwrap_or_default(),
        );
        match request {
            ioctl::KVM_SET_REGS => registers.general = general(&bytes),
            ioctl::KVM_SET_SREGS => set_system(registers, &bytes),
            ioctl::KVM_SET_DEBUGREGS => {
                registers.dr6 = bytes.long(offset_of!(kvm_debugregs, dr6));
                registers.dr7 = bytes.long(offset_of!(kvm_debugregs, dr7));
            }
            ioctl::KVM_SET_XSAVE => registers.legacy.copy_from_slice(&bytes.0[..512]),
            ioctl::KVM_SET_XCRS => registers.xcr0 = bytes.long(offset_of!(kvm_xcrs, xcrs) + 8),
            ioctl::KVM_SET_MSRS => set_msrs(registers, call, bytes.word(0)),
            _ => {}
        }
    }
}

/// A structure of the kernel's.
struct Fields(Vec<u8>);

impl Fields {
    fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|index| self.0[at + index]))
    }

    fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|index| self.0[at + index]))
    }

    fn half(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }
}

fn general(bytes: &Fields) -> [u64; 18] {
    [
        offset_of!(kvm_regs, rax),
        offset_of!(kvm_regs, rbx),
        offset_of!(kvm_regs, rcx),
        offset_of!(kvm_regs, rdx),
        offset_of!(kvm_regs, rsi),
        offset_of!(kvm_regs, rdi),
        offset_of!(kvm_regs, rsp),
        offset_of!(kvm_regs, rbp),
        offset_of!(kvm_regs, r8),
        offset_of!(kvm_regs, r9),
        offset_of!(kvm_regs, r10),
        offset_of!(kvm_regs, r11),
        offset_of!(kvm_regs, r12),
        offset_of!(kvm_regs, r13),
        offset_of!(kvm_regs, r14),
        offset_of!(kvm_regs, r15),
        offset_of!(kvm_regs, rip),
        offset_of!(kvm_regs, rflags),
    ]
    .map(|at| bytes.long(at))
}

fn set_system(registers: &mut VcpuRegisters, bytes: &Fields) {
    registers.segments = [
        segment(bytes, offset_of!(kvm_sregs, es)),
        segment(bytes, offset_of!(kvm_sregs, cs)),
        segment(bytes, offset_of!(kvm_sregs, ss)),
        segment(bytes, offset_of!(kvm_sregs, ds)),
        segment(bytes, offset_of!(kvm_sregs, fs)),
        segment(bytes, offset_of!(kvm_sregs, gs)),
        table(bytes, offset_of!(kvm_sregs, gdt)),
        segment(bytes, offset_of!(kvm_sregs, ldt)),
        table(bytes, offset_of!(kvm_sregs, idt)),
        segment(bytes, offset_of!(kvm_sregs, tr)),
    ];
    registers.cpl = bytes.0[offset_of!(kvm_sregs, ss) + offset_of!(kvm_segment, dpl)] & 3;
    registers.cr0 = bytes.long(offset_of!(kvm_sregs, cr0));
    registers.cr2 = bytes.long(offset_of!(kvm_sregs, cr2));
    registers.cr3 = bytes.long(offset_of!(kvm_sregs, cr3));
    registers.cr4 = bytes.long(offset_of!(kvm_sregs, cr4));
    registers.efer = bytes.long(offset_of!(kvm_sregs, efer));
}

/// Packed as `svm_set_segment` does.
fn segment(bytes: &Fields, at: usize) -> Segment {
    let byte = |field: usize| u16::from(bytes.0[at + field]);
    let present = byte(offset_of!(kvm_segment, present)) & 1;
    let usable = u16::from(byte(offset_of!(kvm_segment, unusable)) == 0);
    Segment {
        selector: bytes.half(at + offset_of!(kvm_segment, selector)),
        attributes: byte(offset_of!(kvm_segment, type_)) & 0xf
            | (byte(offset_of!(kvm_segment, s)) & 1) << 4
            | (byte(offset_of!(kvm_segment, dpl)) & 3) << 5
            | (present & usable) << 7
            | (byte(offset_of!(kvm_segment, avl)) & 1) << 8
            | (byte(offset_of!(kvm_segment, l)) & 1) << 9
            | (byte(offset_of!(kvm_segment, db)) & 1) << 10
            | (byte(offset_of!(kvm_segment, g)) & 1) << 11,
        limit: bytes.word(at + offset_of!(kvm_segment, limit)),
        base: bytes.long(at + offset_of!(kvm_segment, base)),
    }
}

fn table(bytes: &Fields, at: usize) -> Segment {
    Segment {
        selector: 0,
        attributes: 0,
        limit: bytes.half(at + offset_of!(kvm_dtable, limit)).into(),
        base: bytes.long(at + offset_of!(kvm_dtable, base)),
    }
}

fn set_msrs(registers: &mut VcpuRegisters, call: &Call, count: u32) {
    let entry = u64::try_from(size_of::<kvm_msr_entry>()).expect("small");
    let head = u64::try_from(size_of::<kvm_msrs>()).expect("small");
    for index in 0..u64::from(count) {
        let at = call.argument() + head + entry * index;
        let Ok(bytes) = call.memory().array::<16>(at) else {
            return;
        };
        let bytes = Fields(bytes.to_vec());
        let number = bytes.word(offset_of!(kvm_msr_entry, index));
        let value = bytes.long(offset_of!(kvm_msr_entry, data));
        registers.msrs.retain(|(old, _)| *old != number);
        registers.msrs.push((number, value));
    }
}
