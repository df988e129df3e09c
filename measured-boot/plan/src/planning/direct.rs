//! `simulated-direct`: the kernel is handed over page by page, and entered at once.

use super::{INITRD_CEILING, LaidOut, Wanted, bytes, cpuid_page};
use crate::acpi::{self, Processors};
use crate::boot_data::{self, BootInput, PAGE_TABLE_PAGES};
use crate::cpu_model::CpuModel;
use crate::kernel::Kernel;
use crate::registers::{self, Entry};
use crate::{Component, Content, Gpa, PlanError, Region, Source, Sources, TeeKind, VcpuState};
use measured_boot_snp_abi::PageType;

// Low memory. The kernel copies what it needs of it before it hands these pages out.
const GDT: Gpa = Gpa::new(0x6000);
const BOOT_PARAMS: Gpa = Gpa::new(0x7000);
const PAGE_TABLES: Gpa = Gpa::new(0x9000);
const CPUID_PAGE: Gpa = Gpa::new(0xF000);
const CMDLINE: Gpa = Gpa::new(0x2_0000);
/// In the range that e820 calls reserved, since the kernel keeps using the tables in place.
const ACPI: Gpa = Gpa::new(0xE_0000);

const _: () = assert!(PAGE_TABLES.get() + PAGE_TABLE_PAGES * 4096 == CPUID_PAGE.get());

/// Everything is handed over as pages, and the kernel is entered at once.
pub(super) fn lay_out(wanted: &Wanted, sources: &Sources<'_>) -> Result<LaidOut, PlanError> {
    if wanted.tee != TeeKind::Simulated {
        return Err(PlanError::TeeNotLaunchable(wanted.tee));
    }
    let memory_end = wanted.low_end();
    let kernel = Kernel::parse(sources.kernel)?;
    if kernel.end > memory_end {
        return Err(PlanError::KernelBeyondMemory {
            end: kernel.end,
            memory_end,
        });
    }
    let initrd = initrd(sources.initrd, kernel.end, memory_end)?;
    let boot_input = BootInput {
        ram: Some(wanted.ram()),
        cmdline: CMDLINE,
        cmdline_length: u32::try_from(wanted.cmdline.len()).expect("the length was checked") - 1,
        initrd: initrd.start,
        initrd_length: u32::try_from(initrd.content.length()).expect("it fits below 2 GiB"),
        rsdp: Some(ACPI),
    };
    let params = boot_data::boot_params(&boot_input);
    let acpi = acpi::tables(ACPI, Processors::Enabled(wanted.vcpus), &wanted.devices);
    let tables = boot_data::page_tables(PAGE_TABLES);
    let mut regions = vec![
        bytes(Component::Gdt, GDT, boot_data::gdt()),
        bytes(Component::BootParams, BOOT_PARAMS, params),
        bytes(Component::PageTables, PAGE_TABLES, tables),
        bytes(Component::Cmdline, CMDLINE, wanted.cmdline.clone()),
        bytes(Component::Acpi, ACPI, acpi.bytes),
    ];
    regions.extend(kernel.regions());
    regions.push(initrd);
    regions.push(cpuid_page(CPUID_PAGE));
    Ok(LaidOut {
        regions,
        staged: Vec::new(),
        vcpus: vcpu_states(&wanted.model, wanted.vcpus, kernel.entry),
        cpuid: wanted.model.entries(wanted.vcpus),
    })
}

/// The initrd as high as the kernel takes it: out of the way of a kernel that unpacks upwards.
fn initrd(file: &[u8], kernel_end: Gpa, memory_end: Gpa) -> Result<Region, PlanError> {
    if file.is_empty() {
        return Err(PlanError::InitrdEmpty);
    }
    let ceiling = Gpa::new(memory_end.get().min(INITRD_CEILING));
    let length = u64::try_from(file.len()).expect("usize is at most 64 bits");
    let start = ceiling
        .get()
        .checked_sub(length)
        .map(|start| Gpa::new(start & !0xFFF))
        .filter(|start| *start >= kernel_end)
        .ok_or(PlanError::InitrdDoesNotFit {
            length: file.len(),
            kernel_end,
            ceiling,
        })?;
    let content = Content::File {
        source: Source::Initrd,
        offset: 0,
        length,
    };
    Ok(Region {
        component: Component::Initrd,
        start,
        page_type: PageType::Normal,
        content,
    })
}

fn vcpu_states(model: &CpuModel, vcpus: u32, instruction: Gpa) -> Vec<VcpuState> {
    let gdt_bytes = u32::try_from(boot_data::gdt().len()).expect("a GDT has a few descriptors");
    let boot = registers::at_kernel_entry(&Entry {
        instruction,
        boot_params: BOOT_PARAMS,
        page_tables: PAGE_TABLES,
        gdt: GDT,
        gdt_limit: gdt_bytes - 1,
    });
    let others = (1..vcpus).map(|_| registers::after_reset(model.signature()));
    std::iter::once(boot).chain(others).collect()
}
