//! The VMSA that KVM makes of a vCPU's initial registers.

use measured_boot_plan::{Segment, VcpuState};
use measured_boot_snp_abi::{VmcbSegment, Vmsa};
use zerocopy::FromZeros;
use zerocopy::little_endian::{U16, U32, U64};

// What KVM changes on the way from the registers that KVM_SET_SREGS took to the VMSA (Linux 6.12,
// arch/x86/kvm/svm: svm_set_efer, svm_set_cr4, svm_set_cr0, sev_es_sync_vmsa).
const EFER_SVME: u64 = 1 << 12;
const CR4_MCE: u64 = 1 << 6;
const CR0_CD_NW: u64 = 1 << 30 | 1 << 29;

/// The VMSA page for a vCPU with these registers.
pub fn vmsa(state: &VcpuState, sev_features: u64) -> Vmsa {
    let [r8, r9, r10, r11, r12, r13, r14, r15] = state.r8_to_r15.map(U64::new);
    Vmsa {
        es: segment(state.es),
        cs: segment(state.cs),
        ss: segment(state.ss),
        ds: segment(state.ds),
        fs: segment(state.fs),
        gs: segment(state.gs),
        gdtr: segment(state.gdtr),
        ldtr: segment(state.ldtr),
        idtr: segment(state.idtr),
        tr: segment(state.tr),
        efer: U64::new(state.efer | EFER_SVME),
        cr4: U64::new(state.cr4 | CR4_MCE),
        cr3: U64::new(state.cr3),
        cr0: U64::new(state.cr0 & !CR0_CD_NW),
        dr7: U64::new(state.dr7),
        dr6: U64::new(state.dr6),
        rflags: U64::new(state.rflags),
        rip: U64::new(state.rip),
        rsp: U64::new(state.rsp),
        rax: U64::new(state.rax),
        g_pat: U64::new(state.pat),
        rcx: U64::new(state.rcx),
        rdx: U64::new(state.rdx),
        rbx: U64::new(state.rbx),
        rbp: U64::new(state.rbp),
        rsi: U64::new(state.rsi),
        rdi: U64::new(state.rdi),
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        sev_features: U64::new(sev_features),
        xcr0: U64::new(state.xcr0),
        mxcsr: U32::new(state.mxcsr),
        x87_fcw: U16::new(state.fcw),
        ..Vmsa::new_zeroed()
    }
}

fn segment(segment: Segment) -> VmcbSegment {
    VmcbSegment {
        selector: U16::new(segment.selector),
        attributes: U16::new(segment.attributes),
        limit: U32::new(segment.limit),
        base: U64::new(segment.base),
    }
}
