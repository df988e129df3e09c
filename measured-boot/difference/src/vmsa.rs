//! Which registers of two VMSAs differ, and what the values mean.

use crate::Difference;
use crate::bytes::number;
use measured_boot_snp_abi::Vmsa;
use std::mem::offset_of;

/// A register: name, offset, width in bytes.
struct Register {
    name: &'static str,
    offset: usize,
    width: usize,
}

const fn register(name: &'static str, offset: usize, width: usize) -> Register {
    Register {
        name,
        offset,
        width,
    }
}

/// A register of eight bytes that has the name of its field.
macro_rules! quad {
    ($name:literal, $field:ident) => {
        register($name, offset_of!(Vmsa, $field), 8)
    };
}

/// The four parts of a segment register.
macro_rules! segment {
    ($selector:literal, $attributes:literal, $limit:literal, $base:literal, $field:ident) => {
        [
            register($selector, offset_of!(Vmsa, $field), 2),
            register($attributes, offset_of!(Vmsa, $field) + 2, 2),
            register($limit, offset_of!(Vmsa, $field) + 4, 4),
            register($base, offset_of!(Vmsa, $field) + 8, 8),
        ]
    };
}

/// Segment registers, in the order of the page.
#[rustfmt::skip] // a table
const SEGMENTS: [[Register; 4]; 10] = [
    segment!("ES.selector", "ES.attributes", "ES.limit", "ES.base", es),
    segment!("CS.selector", "CS.attributes", "CS.limit", "CS.base", cs),
    segment!("SS.selector", "SS.attributes", "SS.limit", "SS.base", ss),
    segment!("DS.selector", "DS.attributes", "DS.limit", "DS.base", ds),
    segment!("FS.selector", "FS.attributes", "FS.limit", "FS.base", fs),
    segment!("GS.selector", "GS.attributes", "GS.limit", "GS.base", gs),
    segment!("GDTR.selector", "GDTR.attributes", "GDTR.limit", "GDTR.base", gdtr),
    segment!("LDTR.selector", "LDTR.attributes", "LDTR.limit", "LDTR.base", ldtr),
    segment!("IDTR.selector", "IDTR.attributes", "IDTR.limit", "IDTR.base", idtr),
    segment!("TR.selector", "TR.attributes", "TR.limit", "TR.base", tr),
];

/// The rest that has a name, in the order of the page (APM volume 2 rev 3.42, appendix B).
#[rustfmt::skip] // a table
const REGISTERS: [Register; 65] = [
    quad!("PL0_SSP", pl0_ssp), quad!("PL1_SSP", pl1_ssp), quad!("PL2_SSP", pl2_ssp), quad!("PL3_SSP", pl3_ssp),
    quad!("U_CET", u_cet),
    register("VMPL", offset_of!(Vmsa, vmpl), 1), register("CPL", offset_of!(Vmsa, cpl), 1),
    quad!("EFER", efer), quad!("XSS", xss), quad!("CR4", cr4), quad!("CR3", cr3), quad!("CR0", cr0),
    quad!("DR7", dr7), quad!("DR6", dr6), quad!("RFLAGS", rflags), quad!("RIP", rip),
    quad!("DR0", dr0), quad!("DR1", dr1), quad!("DR2", dr2), quad!("DR3", dr3),
    quad!("RSP", rsp), quad!("S_CET", s_cet), quad!("SSP", ssp), quad!("ISST_ADDR", isst_addr),
    quad!("RAX", rax), quad!("STAR", star), quad!("LSTAR", lstar), quad!("CSTAR", cstar), quad!("SFMASK", sfmask),
    quad!("KERNEL_GS_BASE", kernel_gs_base),
    quad!("SYSENTER_CS", sysenter_cs), quad!("SYSENTER_ESP", sysenter_esp), quad!("SYSENTER_EIP", sysenter_eip),
    quad!("CR2", cr2), quad!("G_PAT", g_pat), quad!("DBGCTL", dbgctl),
    register("PKRU", offset_of!(Vmsa, pkru), 4), register("TSC_AUX", offset_of!(Vmsa, tsc_aux), 4),
    quad!("TSC_SCALE", tsc_scale), quad!("TSC_OFFSET", tsc_offset),
    quad!("RCX", rcx), quad!("RDX", rdx), quad!("RBX", rbx), quad!("RBP", rbp), quad!("RSI", rsi), quad!("RDI", rdi),
    quad!("R8", r8), quad!("R9", r9), quad!("R10", r10), quad!("R11", r11),
    quad!("R12", r12), quad!("R13", r13), quad!("R14", r14), quad!("R15", r15),
    quad!("SEV_FEATURES", sev_features), quad!("VINTR_CTRL", vintr_ctrl), quad!("VIRTUAL_TOM", virtual_tom),
    quad!("PCPU_ID", pcpu_id), quad!("EVENT_INJ", event_inj), quad!("XCR0", xcr0),
    register("MXCSR", offset_of!(Vmsa, mxcsr), 4),
    register("FTW", offset_of!(Vmsa, x87_ftw), 2), register("FSW", offset_of!(Vmsa, x87_fsw), 2),
    register("FCW", offset_of!(Vmsa, x87_fcw), 2), register("FOP", offset_of!(Vmsa, x87_fop), 2),
];

/// The field of bytes without a name: their sentence says where they are.
pub(crate) const OTHER_STATE: &str = "other state";

/// The registers in which two VMSA pages differ; bytes without a name last, all together.
pub(crate) fn fields(vcpus: &str, a: &[u8], b: &[u8]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut named = vec![false; a.len().max(b.len())];
    for register in SEGMENTS.iter().flatten().chain(&REGISTERS) {
        let place = register.offset..register.offset + register.width;
        named[place].fill(true);
        let value = |page| number(page, register.offset, register.width);
        let (a, b) = (value(a), value(b));
        if a != b {
            differences.push(Difference::VmsaField {
                vcpus: vcpus.to_owned(),
                field: register.name,
                offset: register.offset,
                a: format!("{a:#x}"),
                b: format!("{b:#x}"),
                cause: cause(register.name, a, b),
            });
        }
    }
    let at = |page: &[u8], index: usize| page.get(index).copied().unwrap_or(0);
    let unnamed = named.iter().enumerate().filter(|(_, named)| !**named);
    let unnamed: Vec<_> = unnamed
        .map(|(index, _)| index)
        .filter(|index| at(a, *index) != at(b, *index))
        .collect();
    if let Some(first) = unnamed.first() {
        differences.push(Difference::VmsaField {
            vcpus: vcpus.to_owned(),
            field: OTHER_STATE,
            offset: *first,
            a: format!("{:#04x}", at(a, *first)),
            b: format!("{:#04x}", at(b, *first)),
            cause: Some(unset(unnamed.len())),
        });
    }
    differences
}

fn unset(bytes: usize) -> String {
    let all = match bytes {
        1 => "a byte".to_owned(),
        bytes => format!("the first of {bytes} differing bytes"),
    };
    format!("{all} that no VMM sets at launch: compare what built the VMSA")
}

/// Bits of SEV_FEATURES (APM volume 2 rev 3.42, table B-4; 16 is of Linux's patches).
const FEATURES: [&str; 17] = [
    "SNPActive",
    "vTOM",
    "ReflectVC",
    "RestrictedInjection",
    "AlternateInjection",
    "DebugSwap",
    "PreventHostIBS",
    "BTBIsolation",
    "VmplSSS",
    "SecureTSC",
    "VmgexitParameter",
    "bit 11",
    "IbsVirtualization",
    "bit 13",
    "VmsaRegProt",
    "SmtProtection",
    "SecureAVIC",
];

/// Names of the bits that are set.
pub(crate) fn feature_names(bits: u64) -> Vec<String> {
    (0..64)
        .filter(|bit| bits >> bit & 1 == 1)
        .map(|bit: usize| match FEATURES.get(bit) {
            Some(name) => (*name).to_owned(),
            None => format!("bit {bit}"),
        })
        .collect()
}

/// QEMU's CPU types by the signature that RDX holds.
const SIGNATURES: [(u64, &str); 5] = [
    (0x0080_0F12, "EPYC"),
    (0x0083_0F10, "EPYC-Rome"),
    (0x00A0_0F11, "EPYC-Milan"),
    (0x00A1_0F10, "EPYC-Genoa"),
    (0x00B0_0F00, "EPYC-Turin"),
];

/// What RDX says of who launches.
pub(crate) fn signature_name(rdx: u64) -> Option<&'static str> {
    let known = SIGNATURES.iter().find(|(value, _)| *value == rdx);
    match (known, rdx) {
        (Some((_, name)), _) => Some(name),
        (None, 0x600) => Some("EC2 or GCE"),
        (None, 0) => Some("EC2 before 2026, or a boot without firmware"),
        _ => None,
    }
}

fn cause(register: &str, a: u64, b: u64) -> Option<String> {
    let either = |value: u64| a == value || b == value;
    let text = |text: &str| Some(text.to_owned());
    match register {
        "MXCSR" if either(0) && either(0x1F80) => {
            text("0 is of Linux before 6.10, EC2 or GCE; 0x1f80 of Linux 6.10 and later")
        }
        "FCW" if either(0) && either(0x37F) => {
            text("0 is of Linux before 6.10, EC2 or GCE; 0x37f of Linux 6.10 and later")
        }
        "SEV_FEATURES" => {
            let names = feature_names(a ^ b).join(", ");
            let hint = if (a ^ b) >> 5 & 1 == 1 {
                "; Linux 6.6 and 6.7 set DebugSwap unasked"
            } else {
                ""
            };
            Some(format!("{names} on one side only{hint}"))
        }
        "RDX" => {
            let name = |value| signature_name(value).unwrap_or("no known CPU type");
            Some(format!("{a:#x}: {}; {b:#x}: {}", name(a), name(b)))
        }
        "CS.attributes" if either(0x9A) => text("0x9a is EC2's"),
        "SS.attributes" if either(0x92) => text("0x92 is EC2's"),
        "TR.attributes" if either(0x83) => text("0x83 is EC2's"),
        "G_PAT" if either(0x0007_0106) => text("0x70106 is GCE's"),
        "CR0" if either(0x11) => text("0x11 is the start of an SVSM or of a boot shim"),
        "CS.base" | "RIP" => text("where the vCPU starts: other firmware, or another kernel"),
        _ => None,
    }
}
