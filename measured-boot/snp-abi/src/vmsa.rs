//! The VMSA: the registers of a vCPU as SEV-ES and SEV-SNP save and measure them.

use crate::PAGE_SIZE;
use std::mem::{offset_of, size_of};
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A segment register of the VMCB (APM volume 2 rev 3.42, appendix B, "VMCB State Save Area").
///
/// `attributes` is the VMCB's 12-bit form: type in bits 3..0, S 4, DPL 6..5, P 7, AVL 8, L 9, D/B 10,
/// G 11. For GDTR and IDTR only limit and base have a meaning.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct VmcbSegment {
    /// Selector.
    pub selector: U16,
    /// Attributes in the VMCB's 12-bit form.
    pub attributes: U16,
    /// Limit in bytes, already scaled by G.
    pub limit: U32,
    /// Base address.
    pub base: U64,
}

/// The VMSA page (APM volume 2 rev 3.42, appendix B, "VMSA Layout, State Save Area for SEV-ES").
///
/// KVM fills it from the vCPU's registers at LAUNCH_FINISH and leaves every other field zero. Three
/// values differ there from what KVM_GET_SREGS reads: EFER has SVME (bit 12) set, CR4 has the host's
/// MCE (bit 6) set, and CR0 loses CD and NW (bits 30 and 29).
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
#[allow(
    missing_docs,
    reason = "the fields are registers and carry their names"
)]
pub struct Vmsa {
    pub es: VmcbSegment,
    pub cs: VmcbSegment,
    pub ss: VmcbSegment,
    pub ds: VmcbSegment,
    pub fs: VmcbSegment,
    pub gs: VmcbSegment,
    pub gdtr: VmcbSegment,
    pub ldtr: VmcbSegment,
    pub idtr: VmcbSegment,
    pub tr: VmcbSegment,
    pub pl0_ssp: U64,
    pub pl1_ssp: U64,
    pub pl2_ssp: U64,
    pub pl3_ssp: U64,
    pub u_cet: U64,
    pub reserved_0c8: [u8; 2],
    pub vmpl: u8,
    pub cpl: u8,
    pub reserved_0cc: [u8; 4],
    pub efer: U64,
    pub reserved_0d8: [u8; 104],
    pub xss: U64,
    pub cr4: U64,
    pub cr3: U64,
    pub cr0: U64,
    pub dr7: U64,
    pub dr6: U64,
    pub rflags: U64,
    pub rip: U64,
    pub dr0: U64,
    pub dr1: U64,
    pub dr2: U64,
    pub dr3: U64,
    pub dr_address_masks: [U64; 4],
    pub reserved_1c0: [u8; 24],
    pub rsp: U64,
    pub s_cet: U64,
    pub ssp: U64,
    pub isst_addr: U64,
    pub rax: U64,
    pub star: U64,
    pub lstar: U64,
    pub cstar: U64,
    pub sfmask: U64,
    pub kernel_gs_base: U64,
    pub sysenter_cs: U64,
    pub sysenter_esp: U64,
    pub sysenter_eip: U64,
    pub cr2: U64,
    pub reserved_248: [u8; 32],
    pub g_pat: U64,
    pub dbgctl: U64,
    pub br_from: U64,
    pub br_to: U64,
    pub last_excp_from: U64,
    pub last_excp_to: U64,
    pub reserved_298: [u8; 80],
    pub pkru: U32,
    pub tsc_aux: U32,
    pub tsc_scale: U64,
    pub tsc_offset: U64,
    pub reserved_300: [u8; 8],
    pub rcx: U64,
    pub rdx: U64,
    pub rbx: U64,
    pub reserved_320: [u8; 8],
    pub rbp: U64,
    pub rsi: U64,
    pub rdi: U64,
    pub r8: U64,
    pub r9: U64,
    pub r10: U64,
    pub r11: U64,
    pub r12: U64,
    pub r13: U64,
    pub r14: U64,
    pub r15: U64,
    pub reserved_380: [u8; 16],
    pub guest_exit_info_1: U64,
    pub guest_exit_info_2: U64,
    pub guest_exit_int_info: U64,
    pub guest_nrip: U64,
    pub sev_features: U64,
    pub vintr_ctrl: U64,
    pub guest_exit_code: U64,
    pub virtual_tom: U64,
    pub tlb_id: U64,
    pub pcpu_id: U64,
    pub event_inj: U64,
    pub xcr0: U64,
    pub reserved_3f0: [u8; 16],
    pub x87_dp: U64,
    pub mxcsr: U32,
    pub x87_ftw: U16,
    pub x87_fsw: U16,
    pub x87_fcw: U16,
    pub x87_fop: U16,
    pub x87_ds: U16,
    pub x87_cs: U16,
    pub x87_rip: U64,
    pub fpreg_x87: [u8; 80],
    pub fpreg_xmm: [u8; 256],
    pub fpreg_ymm: [u8; 256],
    pub reserved_670: [u8; 2448],
}

const _: () = {
    assert!(size_of::<VmcbSegment>() == 16);
    assert!(size_of::<Vmsa>() == PAGE_SIZE);
    assert!(offset_of!(Vmsa, tr) == 0x090);
    assert!(offset_of!(Vmsa, vmpl) == 0x0CA);
    assert!(offset_of!(Vmsa, cpl) == 0x0CB);
    assert!(offset_of!(Vmsa, efer) == 0x0D0);
    assert!(offset_of!(Vmsa, xss) == 0x140);
    assert!(offset_of!(Vmsa, cr0) == 0x158);
    assert!(offset_of!(Vmsa, dr6) == 0x168);
    assert!(offset_of!(Vmsa, rip) == 0x178);
    assert!(offset_of!(Vmsa, dr_address_masks) == 0x1A0);
    assert!(offset_of!(Vmsa, rsp) == 0x1D8);
    assert!(offset_of!(Vmsa, rax) == 0x1F8);
    assert!(offset_of!(Vmsa, cr2) == 0x240);
    assert!(offset_of!(Vmsa, g_pat) == 0x268);
    assert!(offset_of!(Vmsa, pkru) == 0x2E8);
    assert!(offset_of!(Vmsa, rcx) == 0x308);
    assert!(offset_of!(Vmsa, rbp) == 0x328);
    assert!(offset_of!(Vmsa, r15) == 0x378);
    assert!(offset_of!(Vmsa, guest_exit_info_1) == 0x390);
    assert!(offset_of!(Vmsa, sev_features) == 0x3B0);
    assert!(offset_of!(Vmsa, xcr0) == 0x3E8);
    assert!(offset_of!(Vmsa, x87_dp) == 0x400);
    assert!(offset_of!(Vmsa, mxcsr) == 0x408);
    assert!(offset_of!(Vmsa, x87_fcw) == 0x410);
    assert!(offset_of!(Vmsa, fpreg_x87) == 0x420);
    assert!(offset_of!(Vmsa, fpreg_ymm) == 0x570);
    assert!(offset_of!(Vmsa, reserved_670) == 0x670);
};
