//! Initial registers.

use crate::boot_data::{BOOT_CS, BOOT_DS};
use crate::{Gpa, Segment, VcpuState};
use measured_boot_shim_abi::layout;

const CR0_PE: u64 = 1 << 0;
const CR0_ET: u64 = 1 << 4;
const CR0_NW: u64 = 1 << 29;
const CR0_CD: u64 = 1 << 30;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;
const RFLAGS_RESERVED_ONE: u64 = 1 << 1;

/// Where the boot vCPU starts, and what it is told.
pub(crate) struct Entry {
    pub(crate) instruction: Gpa,
    pub(crate) boot_params: Gpa,
    pub(crate) page_tables: Gpa,
    pub(crate) gdt: Gpa,
    pub(crate) gdt_limit: u32,
}

/// Reset state (APM volume 2 rev 3.42, table 14-1, "Initial Processor State"), with the FPU as KVM
/// initialises it. `signature` is CPUID leaf 1's EAX.
pub(crate) fn after_reset(signature: u32) -> VcpuState {
    let data = Segment {
        selector: 0,
        attributes: 0x093,
        limit: 0xFFFF,
        base: 0,
    };
    let table = Segment {
        selector: 0,
        attributes: 0,
        limit: 0xFFFF,
        base: 0,
    };
    VcpuState {
        es: data,
        cs: Segment {
            selector: 0xF000,
            attributes: 0x09B,
            limit: 0xFFFF,
            base: 0xFFFF_0000,
        },
        ss: data,
        ds: data,
        fs: data,
        gs: data,
        ldtr: Segment {
            attributes: 0x082,
            ..data
        },
        tr: Segment {
            attributes: 0x08B,
            ..data
        },
        gdtr: table,
        idtr: table,
        cr0: CR0_CD | CR0_NW | CR0_ET,
        cr3: 0,
        cr4: 0,
        efer: 0,
        xcr0: 1,
        dr6: 0xFFFF_0FF0,
        dr7: 0x400,
        pat: 0x0007_0406_0007_0406,
        rflags: RFLAGS_RESERVED_ONE,
        rip: 0xFFF0,
        rsp: 0,
        rbp: 0,
        rax: 0,
        rbx: 0,
        rcx: 0,
        rdx: signature.into(),
        rsi: 0,
        rdi: 0,
        r8_to_r15: [0; 8],
        fcw: 0x37F,
        mxcsr: 0x1F80,
    }
}

/// As after a reset, but without a table of events: the host of an SNP guest can run such a processor at any
/// time, and what it injects would go through a table at address 0.
pub(crate) fn after_reset_without_events(signature: u32) -> VcpuState {
    VcpuState {
        idtr: Segment::default(),
        ..after_reset(signature)
    }
}

/// The state in which Linux's 64-bit boot protocol wants the boot vCPU: long mode, flat segments, an
/// identity map, interrupts off, RSI at boot_params.
pub(crate) fn at_kernel_entry(entry: &Entry) -> VcpuState {
    let data = Segment {
        selector: BOOT_DS,
        attributes: 0xC93,
        limit: u32::MAX,
        base: 0,
    };
    VcpuState {
        es: data,
        cs: Segment {
            selector: BOOT_CS,
            attributes: 0xA9B,
            limit: u32::MAX,
            base: 0,
        },
        ss: data,
        ds: data,
        fs: data,
        gs: data,
        gdtr: Segment {
            limit: entry.gdt_limit,
            base: entry.gdt.get(),
            ..Segment::default()
        },
        // No interrupt descriptor: a fault before the kernel has its own table must stop the guest.
        idtr: Segment::default(),
        cr0: CR0_PE | CR0_ET | CR0_PG,
        cr3: entry.page_tables.get(),
        cr4: CR4_PAE,
        efer: EFER_LME | EFER_LMA,
        rip: entry.instruction.get(),
        rdx: 0,
        rsi: entry.boot_params.get(),
        ..after_reset(0)
    }
}

/// The state in which the boot shim starts: 32-bit flat protected mode without paging, interrupts off. RBP
/// is zero: a TD's reset page puts another value there.
pub(crate) fn at_shim_entry() -> VcpuState {
    const CODE: u16 = 0x08;
    const DATA: u16 = 0x18;
    let flat = |selector, attributes| Segment {
        selector,
        attributes,
        limit: u32::MAX,
        base: 0,
    };
    let data = flat(DATA, 0xC93);
    VcpuState {
        es: data,
        cs: flat(CODE, 0xC9B),
        ss: data,
        ds: data,
        fs: data,
        gs: data,
        // The shim brings its own: until then a fault stops the guest.
        gdtr: Segment::default(),
        idtr: Segment::default(),
        cr0: CR0_PE | CR0_ET,
        rip: layout::SHIM,
        rdx: 0,
        ..after_reset(0)
    }
}

/// The state in which an SNP guest's other processors wait, until the guest starts them with states of its
/// own. The host can run them in this one at any time and inject what it likes: they find a loop in the
/// shim, and no descriptor of memory that the host could fill or the guest use. Where nothing is encrypted,
/// INIT and SIPI set the processor's own reset state.
pub(crate) fn parked_in_shim() -> VcpuState {
    VcpuState {
        rip: layout::PARKED,
        ..at_shim_entry()
    }
}
