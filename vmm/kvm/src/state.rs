//! A vCPU's state: set from the plan, read back as KVM has it.

use kvm_bindings::{kvm_debugregs, kvm_dtable, kvm_regs, kvm_segment, kvm_sregs, kvm_xsave};
use measured_boot_plan::{Segment as PlannedSegment, VcpuState};
use vmm_wire::{
    ControlRegisters, DebugRegisters, Fpu, GeneralRegisters, Registers, Segment, Segments,
};

use crate::{KvmError, Vcpu};

/// XCR0 of a processor whose guest has no XSAVE: x87 alone.
const XCR0_RESET: u64 = 1;

// 32-bit words of the XSAVE area (APM volume 2, section 11.5, "XSAVE/XRSTOR Instructions").
const FCW_AND_FSW: usize = 0;
const MXCSR: usize = 24 / 4;
const XSTATE_BV: usize = 512 / 4;
const X87_AND_SSE: u32 = 0b11;

impl Vcpu {
    /// Puts every register where the plan wants it. The vCPU's CPUID must be set before: KVM checks
    /// control registers against it.
    ///
    /// # Errors
    /// KVM refuses a value, or the state is protected.
    pub fn set_state(&self, state: &VcpuState) -> Result<(), KvmError> {
        self.check_state_is_open()?;
        let mut system = self.system_registers()?;
        fill_system(&mut system, state);
        self.fd
            .set_sregs(&system)
            .map_err(self.call("KVM_SET_SREGS"))?;
        self.fd
            .set_regs(&general(state))
            .map_err(self.call("KVM_SET_REGS"))?;
        self.set_fpu(state)?;
        self.fd
            .set_debug_regs(&debug(state))
            .map_err(self.call("KVM_SET_DEBUGREGS"))?;
        self.set_pat(state.pat)
    }

    /// Every register that a measurement covers, as KVM answers now.
    ///
    /// # Errors
    /// KVM does not answer, or the state is protected.
    pub fn registers(&self) -> Result<Registers, KvmError> {
        self.check_state_is_open()?;
        let system = self.system_registers()?;
        Ok(Registers {
            general: self.general_registers()?,
            segments: segments(&system),
            control: control(&system),
            debug: self.debug_registers()?,
            pat: self.pat()?,
            system_calls: self.system_call_registers()?,
            xcr0: self.xcr0()?,
            fpu: self.fpu()?,
        })
    }

    fn system_registers(&self) -> Result<kvm_sregs, KvmError> {
        self.fd.get_sregs().map_err(self.call("KVM_GET_SREGS"))
    }

    fn general_registers(&self) -> Result<GeneralRegisters, KvmError> {
        let from = self.fd.get_regs().map_err(self.call("KVM_GET_REGS"))?;
        Ok(GeneralRegisters {
            rax: from.rax,
            rbx: from.rbx,
            rcx: from.rcx,
            rdx: from.rdx,
            rsi: from.rsi,
            rdi: from.rdi,
            rsp: from.rsp,
            rbp: from.rbp,
            r8: from.r8,
            r9: from.r9,
            r10: from.r10,
            r11: from.r11,
            r12: from.r12,
            r13: from.r13,
            r14: from.r14,
            r15: from.r15,
            rip: from.rip,
            rflags: from.rflags,
        })
    }

    fn debug_registers(&self) -> Result<DebugRegisters, KvmError> {
        let from = self
            .fd
            .get_debug_regs()
            .map_err(self.call("KVM_GET_DEBUGREGS"))?;
        Ok(DebugRegisters {
            db: from.db,
            dr6: from.dr6,
            dr7: from.dr7,
        })
    }

    fn set_fpu(&self, state: &VcpuState) -> Result<(), KvmError> {
        let mut area = self.save_area()?;
        area.region[FCW_AND_FSW] = u32::from(state.fcw);
        area.region[MXCSR] = state.mxcsr;
        area.region[XSTATE_BV] |= X87_AND_SSE;
        // SAFETY: the kernel reads as many bytes as the guest's save area has. Only a process that
        // asked for dynamic features (ARCH_REQ_XCOMP_GUEST_PERM), which nothing here does, has more
        // than the 4096 bytes of `kvm_xsave` (Documentation/virt/kvm/api.rst, KVM_SET_XSAVE).
        unsafe { self.fd.set_xsave(&area) }.map_err(self.call("KVM_SET_XSAVE"))
    }

    fn fpu(&self) -> Result<Fpu, KvmError> {
        let area = self.save_area()?;
        let [low, high, ..] = area.region[FCW_AND_FSW].to_le_bytes();
        Ok(Fpu {
            mxcsr: area.region[MXCSR],
            fcw: u16::from_le_bytes([low, high]),
        })
    }

    /// KVM_GET_FPU leaves MXCSR out; the save area has it.
    fn save_area(&self) -> Result<kvm_xsave, KvmError> {
        self.fd.get_xsave().map_err(self.call("KVM_GET_XSAVE"))
    }

    fn xcr0(&self) -> Result<u64, KvmError> {
        let from = self.fd.get_xcrs().map_err(self.call("KVM_GET_XCRS"))?;
        let count = usize::try_from(from.nr_xcrs)
            .unwrap_or(usize::MAX)
            .min(from.xcrs.len());
        // A host without XSAVE has none to tell.
        let xcr0 = from.xcrs[..count].iter().find(|entry| entry.xcr == 0);
        Ok(xcr0.map_or(XCR0_RESET, |entry| entry.value))
    }

    pub(crate) fn call(&self, ioctl: &str) -> impl FnOnce(kvm_ioctls::Error) -> KvmError {
        KvmError::call(format!("{ioctl} on vCPU {}", self.index))
    }
}

/// What the plan does not speak of (the APIC base, CR2, CR8, pending interrupts) stays as KVM made it.
fn fill_system(system: &mut kvm_sregs, state: &VcpuState) {
    system.cs = to_kvm(&state.cs);
    system.ds = to_kvm(&state.ds);
    system.es = to_kvm(&state.es);
    system.fs = to_kvm(&state.fs);
    system.gs = to_kvm(&state.gs);
    system.ss = to_kvm(&state.ss);
    system.tr = to_kvm(&state.tr);
    system.ldt = to_kvm(&state.ldtr);
    system.gdt = table_to_kvm(&state.gdtr);
    system.idt = table_to_kvm(&state.idtr);
    system.cr0 = state.cr0;
    system.cr3 = state.cr3;
    system.cr4 = state.cr4;
    system.efer = state.efer;
}

fn general(state: &VcpuState) -> kvm_regs {
    let [r8, r9, r10, r11, r12, r13, r14, r15] = state.r8_to_r15;
    kvm_regs {
        rax: state.rax,
        rbx: state.rbx,
        rcx: state.rcx,
        rdx: state.rdx,
        rsi: state.rsi,
        rdi: state.rdi,
        rsp: state.rsp,
        rbp: state.rbp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rip: state.rip,
        rflags: state.rflags,
    }
}

fn debug(state: &VcpuState) -> kvm_debugregs {
    kvm_debugregs {
        dr6: state.dr6,
        dr7: state.dr7,
        ..kvm_debugregs::default()
    }
}

/// `attributes` is the VMCB's 12-bit form; a segment that is not present is one that KVM calls
/// unusable.
fn to_kvm(from: &PlannedSegment) -> kvm_segment {
    let [low, high] = from.attributes.to_le_bytes();
    let bit = |byte: u8, at: u8| (byte >> at) & 1;
    let present = bit(low, 7);
    kvm_segment {
        base: from.base,
        limit: from.limit,
        selector: from.selector,
        type_: low & 0xf,
        s: bit(low, 4),
        dpl: (low >> 5) & 3,
        present,
        avl: bit(high, 0),
        l: bit(high, 1),
        db: bit(high, 2),
        g: bit(high, 3),
        unusable: 1 - present,
        padding: 0,
    }
}

fn table_to_kvm(from: &PlannedSegment) -> kvm_dtable {
    // A descriptor table's limit has 16 bits; a plan with more would show as a changed VMSA.
    let limit = u16::try_from(from.limit).unwrap_or(u16::MAX);
    kvm_dtable {
        base: from.base,
        limit,
        padding: [0; 3],
    }
}

fn segments(system: &kvm_sregs) -> Segments {
    Segments {
        cs: from_kvm(&system.cs),
        ds: from_kvm(&system.ds),
        es: from_kvm(&system.es),
        fs: from_kvm(&system.fs),
        gs: from_kvm(&system.gs),
        ss: from_kvm(&system.ss),
        tr: from_kvm(&system.tr),
        ldt: from_kvm(&system.ldt),
        gdt: table_from_kvm(&system.gdt),
        idt: table_from_kvm(&system.idt),
    }
}

fn from_kvm(from: &kvm_segment) -> Segment {
    Segment {
        base: from.base,
        limit: from.limit,
        selector: from.selector,
        kind: from.type_,
        s: from.s,
        dpl: from.dpl,
        present: from.present,
        avl: from.avl,
        long: from.l,
        db: from.db,
        granularity: from.g,
    }
}

fn table_from_kvm(from: &kvm_dtable) -> Segment {
    Segment {
        base: from.base,
        limit: u32::from(from.limit),
        ..Segment::default()
    }
}

fn control(system: &kvm_sregs) -> ControlRegisters {
    ControlRegisters {
        cr0: system.cr0,
        cr2: system.cr2,
        cr3: system.cr3,
        cr4: system.cr4,
        cr8: system.cr8,
        efer: system.efer,
        apic_base: system.apic_base,
    }
}
