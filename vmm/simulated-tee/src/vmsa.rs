//! The VMSA that KVM would hand to the firmware for a vCPU in this state.
//!
//! From `sev_es_sync_vmsa` of Linux 6.12: the VMCB's save area as the vCPU's registers left it, the
//! general registers, XCR0, DR6, `sev_features`, and MXCSR and FCW of the FPU.

use measured_boot_snp_abi::{VmcbSegment, Vmsa};
use vmm_wire::{Registers, Segment};
use zerocopy::FromZeros;
use zerocopy::little_endian::{U16, U32, U64};

/// SNPActive: all that a guest here may have (APM volume 2, table B-4).
const SEV_FEATURES: u64 = 1;
/// KVM always runs a guest with EFER.SVME, and with the host's CR4.MCE, and never with caches off.
const EFER_SVME: u64 = 1 << 12;
const CR4_MCE: u64 = 1 << 6;
const CR0_NOT_WRITE_THROUGH_AND_CACHE_DISABLE: u64 = 1 << 29 | 1 << 30;

/// Builds it.
pub fn vmsa(registers: &Registers) -> Vmsa {
    let mut vmsa = Vmsa::new_zeroed();
    fill_segments(&mut vmsa, registers);
    fill_control(&mut vmsa, registers);
    fill_general(&mut vmsa, registers);
    fill_system_calls(&mut vmsa, registers);
    vmsa.mxcsr = U32::new(registers.fpu.mxcsr);
    vmsa.x87_fcw = U16::new(registers.fpu.fcw);
    vmsa
}

fn fill_segments(vmsa: &mut Vmsa, registers: &Registers) {
    let from = &registers.segments;
    vmsa.es = segment(&from.es);
    vmsa.cs = segment(&from.cs);
    vmsa.ss = segment(&from.ss);
    vmsa.ds = segment(&from.ds);
    vmsa.fs = segment(&from.fs);
    vmsa.gs = segment(&from.gs);
    vmsa.ldtr = segment(&from.ldt);
    vmsa.tr = segment(&from.tr);
    vmsa.gdtr = segment(&from.gdt);
    vmsa.idtr = segment(&from.idt);
    vmsa.cpl = from.ss.dpl;
}

fn fill_control(vmsa: &mut Vmsa, registers: &Registers) {
    let control = &registers.control;
    vmsa.efer = U64::new(control.efer | EFER_SVME);
    vmsa.cr0 = U64::new(control.cr0 & !CR0_NOT_WRITE_THROUGH_AND_CACHE_DISABLE);
    vmsa.cr2 = U64::new(control.cr2);
    vmsa.cr3 = U64::new(control.cr3);
    vmsa.cr4 = U64::new(control.cr4 | CR4_MCE);
    vmsa.dr6 = U64::new(registers.debug.dr6);
    vmsa.dr7 = U64::new(registers.debug.dr7);
    vmsa.g_pat = U64::new(registers.pat);
    vmsa.xcr0 = U64::new(registers.xcr0);
    vmsa.sev_features = U64::new(SEV_FEATURES);
}

fn fill_general(vmsa: &mut Vmsa, registers: &Registers) {
    let from = &registers.general;
    vmsa.rax = U64::new(from.rax);
    vmsa.rbx = U64::new(from.rbx);
    vmsa.rcx = U64::new(from.rcx);
    vmsa.rdx = U64::new(from.rdx);
    vmsa.rsi = U64::new(from.rsi);
    vmsa.rdi = U64::new(from.rdi);
    vmsa.rsp = U64::new(from.rsp);
    vmsa.rbp = U64::new(from.rbp);
    vmsa.r8 = U64::new(from.r8);
    vmsa.r9 = U64::new(from.r9);
    vmsa.r10 = U64::new(from.r10);
    vmsa.r11 = U64::new(from.r11);
    vmsa.r12 = U64::new(from.r12);
    vmsa.r13 = U64::new(from.r13);
    vmsa.r14 = U64::new(from.r14);
    vmsa.r15 = U64::new(from.r15);
    vmsa.rip = U64::new(from.rip);
    vmsa.rflags = U64::new(from.rflags);
}

/// They lie in the VMCB's save area, which is copied whole.
fn fill_system_calls(vmsa: &mut Vmsa, registers: &Registers) {
    let from = &registers.system_calls;
    vmsa.star = U64::new(from.star);
    vmsa.lstar = U64::new(from.lstar);
    vmsa.cstar = U64::new(from.cstar);
    vmsa.sfmask = U64::new(from.sfmask);
    vmsa.kernel_gs_base = U64::new(from.kernel_gs_base);
    vmsa.sysenter_cs = U64::new(from.sysenter_cs);
    vmsa.sysenter_esp = U64::new(from.sysenter_esp);
    vmsa.sysenter_eip = U64::new(from.sysenter_eip);
}

/// A register that no VMSA of KVM's carries, and that is not as a reset leaves it: a guest would
/// start in a state that its launch digest does not show.
pub fn unmeasured_change(vcpu: u32, registers: &Registers) -> Option<&'static str> {
    // Where it always is, enabled; the first processor is the one that boots (APM volume 2, section
    // 16.3.1).
    let apic_base = 0xfee0_0800 | if vcpu == 0 { 0x100 } else { 0 };
    if registers.debug.db != [0; 4] {
        Some("DR0 to DR3")
    } else if registers.control.cr8 != 0 {
        Some("CR8")
    } else if registers.control.apic_base != apic_base {
        Some("the APIC base")
    } else {
        None
    }
}

/// `svm_set_segment`: the VMCB's 12-bit attributes.
fn segment(from: &Segment) -> VmcbSegment {
    let bit = |field: u8, at: u16| u16::from(field & 1) << at;
    let attributes = u16::from(from.kind & 0xf)
        | bit(from.s, 4)
        | u16::from(from.dpl & 3) << 5
        | bit(from.present, 7)
        | bit(from.avl, 8)
        | bit(from.long, 9)
        | bit(from.db, 10)
        | bit(from.granularity, 11);
    VmcbSegment {
        selector: U16::new(from.selector),
        attributes: U16::new(attributes),
        limit: U32::new(from.limit),
        base: U64::new(from.base),
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;

    use super::*;

    #[test]
    fn code_segment_of_long_mode_has_the_attributes_that_measurements_show() {
        let code = Segment {
            kind: 0xb,
            s: 1,
            present: 1,
            long: 1,
            granularity: 1,
            limit: u32::MAX,
            ..Segment::default()
        };
        assert_eq!(segment(&code).attributes.get(), 0xa9b);
    }

    #[test]
    fn vmsa_of_a_reset_processor_has_the_bits_that_kvm_adds() {
        let mut registers = Registers::default();
        registers.control.cr0 = 0x6000_0010;
        let vmsa = vmsa(&registers);
        assert_eq!(
            (vmsa.efer.get(), vmsa.cr4.get(), vmsa.cr0.get()),
            (0x1000, 0x40, 0x10)
        );
        assert_eq!(vmsa.sev_features.get(), 1);
    }

    /// A register that were forgotten could be changed by a host unseen.
    #[test]
    fn every_register_shows_in_the_vmsa() {
        let plain = vmsa(&Registers::default());
        for (name, registers) in changed_registers() {
            assert_ne!(
                vmsa(&registers).as_bytes(),
                plain.as_bytes(),
                "{name} is not measured"
            );
        }
    }

    /// One copy of the registers for every number in them, with that number changed.
    fn changed_registers() -> Vec<(String, Registers)> {
        // Not in a VMSA: these are refused instead, see `unmeasured_change`.
        let elsewhere = ["/control/cr8", "/control/apic_base", "/debug/db"];
        let plain = serde_json::to_value(Registers::default()).unwrap();
        let mut names = Vec::new();
        number_paths(&plain, "", &mut names);
        names
            .into_iter()
            .filter(|name| !elsewhere.iter().any(|prefix| name.starts_with(prefix)))
            .filter(|name| !is_meaningless_in_a_table(name))
            .map(|name| {
                let mut changed = plain.clone();
                *changed.pointer_mut(&name).unwrap() = if name.ends_with("/efer") {
                    0x100.into()
                } else {
                    1.into()
                };
                (name, serde_json::from_value(changed).unwrap())
            })
            .collect()
    }

    fn is_meaningless_in_a_table(name: &str) -> bool {
        (name.starts_with("/segments/gdt") || name.starts_with("/segments/idt"))
            && !name.ends_with("/base")
            && !name.ends_with("/limit")
    }

    fn number_paths(value: &serde_json::Value, at: &str, paths: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, field) in fields {
                    number_paths(field, &format!("{at}/{name}"), paths);
                }
            }
            serde_json::Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    number_paths(item, &format!("{at}/{index}"), paths);
                }
            }
            _ => paths.push(at.to_owned()),
        }
    }
}
