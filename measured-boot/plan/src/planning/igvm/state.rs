//! A VMSA of an IGVM file as registers that KVM is given, from which it makes the same VMSA again.

use super::refuse;
use crate::{PlanError, Segment, VcpuState};
use measured_boot_igvm::VpContext;
use measured_boot_snp_abi::{VmcbSegment, Vmsa};
use std::mem::take;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, IntoBytes};

// What KVM adds to the registers that it is given, or takes away (see the digest's own VMSA).
const EFER_SVME: u64 = 1 << 12;
const CR4_MCE: u64 = 1 << 6;
const CR0_ET: u64 = 1 << 4;
const CR0_CD_NW: u64 = 1 << 30 | 1 << 29;
const RFLAGS_ONE: u64 = 1 << 1;
const DR7_RESET: u64 = 0x400;

/// Fields that KVM leaves zero for a new vCPU, by rising offset: what is found beyond the last name is in no
/// field of a register.
#[rustfmt::skip] // a table
const NAMES: [(&str, usize); 22] = [
    ("attributes of GDTR, LDTR or IDTR", 0x000), ("the shadow stack's state", 0x0A0), ("VMPL", 0x0CA), ("CPL", 0x0CB),
    ("a reserved field", 0x0CC), ("XSS", 0x140), ("DR0 to DR3 and their masks", 0x180), ("a reserved field", 0x1C0),
    ("the shadow stack's state", 0x1E0), ("MSRs of SYSCALL and SYSENTER", 0x200), ("CR2", 0x240), ("a reserved field", 0x248),
    ("debug MSRs", 0x270), ("a reserved field", 0x298), ("PKRU", 0x2E8), ("TSC_AUX", 0x2EC), ("TSC scale and offset", 0x2F0),
    ("a reserved field", 0x300), ("exit information", 0x390), ("VINTR_CTRL", 0x3B8), ("virtual TOM and what follows it", 0x3C0),
    ("FPU state beside FCW and MXCSR", 0x400),
];

/// The registers, and SEV_FEATURES.
pub(super) fn of_vmsa(context: &VpContext<'_>) -> Result<(VcpuState, u64), PlanError> {
    let page = context
        .data
        .and_then(|data| Vmsa::read_from_bytes(data.bytes).ok());
    let Some(mut vmsa) = page else {
        return refuse("has a vCPU's state that is no page");
    };
    refuse_what_kvm_changes(&vmsa)?;
    let (state, features) = (taken(&mut vmsa), word(&mut vmsa.sev_features));
    match vmsa.as_bytes().iter().position(|byte| *byte != 0) {
        None => Ok((state, features)),
        Some(offset) => {
            let name = NAMES.iter().rev().find(|(_, start)| *start <= offset);
            let name = name.map_or("a field", |(name, _)| name);
            refuse(format!(
                "sets {name} of a vCPU (VMSA offset {offset:#x}), which KVM does not take"
            ))
        }
    }
}

/// Bits that KVM sets or clears: another digest would come out.
fn refuse_what_kvm_changes(vmsa: &Vmsa) -> Result<(), PlanError> {
    let wants = [
        ("EFER", vmsa.efer, EFER_SVME, EFER_SVME),
        ("CR4", vmsa.cr4, CR4_MCE, CR4_MCE),
        ("CR0", vmsa.cr0, CR0_ET | CR0_CD_NW, CR0_ET),
        ("RFLAGS", vmsa.rflags, RFLAGS_ONE, RFLAGS_ONE),
        ("DR7", vmsa.dr7, u64::MAX, DR7_RESET),
        ("XCR0", vmsa.xcr0, 1, 1),
        ("SEV_FEATURES", vmsa.sev_features, 1, 1),
    ];
    for (name, value, mask, bits) in wants {
        if value.get() & mask != bits {
            let value = value.get();
            return refuse(format!(
                "sets {name} of a vCPU to {value:#x}; KVM wants {bits:#x} in its bits {mask:#x}"
            ));
        }
    }
    Ok(())
}

/// Takes what has a place among the registers out of the page.
fn taken(vmsa: &mut Vmsa) -> VcpuState {
    VcpuState {
        es: segment(&mut vmsa.es),
        cs: segment(&mut vmsa.cs),
        ss: segment(&mut vmsa.ss),
        ds: segment(&mut vmsa.ds),
        fs: segment(&mut vmsa.fs),
        gs: segment(&mut vmsa.gs),
        ldtr: segment(&mut vmsa.ldtr),
        tr: segment(&mut vmsa.tr),
        gdtr: table(&mut vmsa.gdtr),
        idtr: table(&mut vmsa.idtr),
        cr0: word(&mut vmsa.cr0),
        cr3: word(&mut vmsa.cr3),
        cr4: word(&mut vmsa.cr4) & !CR4_MCE,
        efer: word(&mut vmsa.efer) & !EFER_SVME,
        xcr0: word(&mut vmsa.xcr0),
        dr6: word(&mut vmsa.dr6),
        dr7: word(&mut vmsa.dr7),
        pat: word(&mut vmsa.g_pat),
        rflags: word(&mut vmsa.rflags),
        rip: word(&mut vmsa.rip),
        rsp: word(&mut vmsa.rsp),
        rbp: word(&mut vmsa.rbp),
        rax: word(&mut vmsa.rax),
        rbx: word(&mut vmsa.rbx),
        rcx: word(&mut vmsa.rcx),
        rdx: word(&mut vmsa.rdx),
        rsi: word(&mut vmsa.rsi),
        rdi: word(&mut vmsa.rdi),
        r8_to_r15: [
            word(&mut vmsa.r8),
            word(&mut vmsa.r9),
            word(&mut vmsa.r10),
            word(&mut vmsa.r11),
            word(&mut vmsa.r12),
            word(&mut vmsa.r13),
            word(&mut vmsa.r14),
            word(&mut vmsa.r15),
        ],
        fcw: take::<U16>(&mut vmsa.x87_fcw).get(),
        mxcsr: take::<U32>(&mut vmsa.mxcsr).get(),
    }
}

fn word(field: &mut U64) -> u64 {
    take(field).get()
}

fn segment(field: &mut VmcbSegment) -> Segment {
    let segment = take(field);
    Segment {
        selector: segment.selector.get(),
        attributes: segment.attributes.get(),
        limit: segment.limit.get(),
        base: segment.base.get(),
    }
}

/// Base and limit; selector and attributes stay, to be refused.
fn table(field: &mut VmcbSegment) -> Segment {
    Segment {
        limit: take(&mut field.limit).get(),
        base: take(&mut field.base).get(),
        ..Segment::default()
    }
}
