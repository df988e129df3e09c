//! From configuration to plan: what goes where.

use crate::boot_data::{self, BootInput, PAGE_TABLE_PAGES};
use crate::cpu_model::CpuModel;
use crate::kernel::Kernel;
use crate::machine::{self, MAX_MEMORY_BYTES, MAX_VCPUS, VIRTIO_MMIO_SLOTS};
use crate::registers::{self, Entry};
use crate::{
    BootProtocol, Component, Content, DeviceKind, DevicePlan, Gpa, LaunchConfig, LaunchPlan,
    Measured, PlanError, Region, Reported, Source, Sources, Staged, TdParameters, TeeConfig,
    TeeKind, Unmeasured, VcpuState, acpi,
};
use measured_boot_snp_abi::{GuestPolicy, PageType};

// Low memory. The kernel copies what it needs of it before it hands these pages out.
const GDT: Gpa = Gpa::new(0x6000);
const BOOT_PARAMS: Gpa = Gpa::new(0x7000);
const PAGE_TABLES: Gpa = Gpa::new(0x9000);
const CPUID_PAGE: Gpa = Gpa::new(0xF000);
const CMDLINE: Gpa = Gpa::new(0x2_0000);
/// In the range that e820 calls reserved, since the kernel keeps using the tables in place.
const ACPI: Gpa = Gpa::new(0xE_0000);

const _: () = assert!(PAGE_TABLES.get() + PAGE_TABLE_PAGES * 4096 == CPUID_PAGE.get());

/// The kernel takes an initrd up to here (`initrd_addr_max`).
const INITRD_CEILING: u64 = 2 << 30;
/// `COMMAND_LINE_SIZE` of x86, its NUL included.
pub(crate) const MAX_CMDLINE: usize = 2048;
pub(crate) const MIN_MEMORY_MIB: u64 = 64;
/// SEV_FEATURES: SNPActive, and nothing else (APM volume 2 rev 3.42, table 15-38).
const SNP_ACTIVE: u64 = 1;
/// XFAM: what a processor without XSAVE has.
const X87_AND_SSE: u64 = 0b11;

/// Lays out a launch.
///
/// The same configuration and sources give the same plan, byte for byte, on every machine.
///
/// # Errors
///
/// [`PlanError`] names the setting that does not fit, why, and what to do.
pub fn plan(config: &LaunchConfig, sources: &Sources<'_>) -> Result<LaunchPlan, PlanError> {
    if config.tee.kind != TeeKind::Simulated {
        return Err(PlanError::TeeNotLaunchable(config.tee.kind));
    }
    let vcpus = vcpu_count(config)?;
    let memory_end = memory_end(config)?;
    let model = cpu_model(config)?;
    let cmdline = cmdline(config)?;
    let devices = devices(config)?;
    let laid_out = match config.boot.protocol {
        BootProtocol::SimulatedDirect => {
            direct(&cmdline, &devices, vcpus, memory_end, &model, sources)?
        }
        BootProtocol::Shim | BootProtocol::Igvm => {
            return Err(PlanError::TeeNotLaunchable(config.tee.kind));
        }
    };
    Ok(LaunchPlan {
        name: Unmeasured(config.name.clone()),
        tee: Reported(config.tee.kind),
        boot: Unmeasured(config.boot.protocol),
        regions: Measured(laid_out.regions),
        staged: Unmeasured(laid_out.staged),
        vcpus: Measured(laid_out.vcpus),
        sev_features: Measured(SNP_ACTIVE),
        policy: Reported(policy(&config.tee)),
        host_data: Reported(config.tee.host_data),
        id: Reported(config.tee.id),
        id_block: Reported(None),
        td: Reported(td_parameters(&config.tee)),
        cpuid: Unmeasured(model.entries(vcpus)),
        memory_bytes: Unmeasured(memory_end.get()),
        quote_service: Unmeasured(config.tee.quote_service.clone()),
        devices: Unmeasured(devices),
    })
}

/// What a boot protocol makes of memory and registers.
struct LaidOut {
    regions: Vec<Region>,
    staged: Vec<Staged>,
    vcpus: Vec<VcpuState>,
}

/// Everything is handed over as pages, and the kernel is entered at once.
fn direct(
    cmdline: &[u8],
    devices: &[DevicePlan],
    vcpus: u32,
    memory_end: Gpa,
    model: &CpuModel,
    sources: &Sources<'_>,
) -> Result<LaidOut, PlanError> {
    let kernel = Kernel::parse(sources.kernel)?;
    if kernel.end > memory_end {
        return Err(PlanError::KernelBeyondMemory {
            end: kernel.end,
            memory_end,
        });
    }
    let initrd = initrd(sources.initrd, kernel.end, memory_end)?;
    let boot_input = BootInput {
        memory_bytes: memory_end.get(),
        cmdline: CMDLINE,
        cmdline_length: u32::try_from(cmdline.len()).expect("the length was checked") - 1,
        initrd: initrd.start,
        initrd_length: u32::try_from(initrd.content.length()).expect("it fits below 2 GiB"),
        rsdp: ACPI,
    };
    let params = boot_data::boot_params(&boot_input);
    let tables = boot_data::page_tables(PAGE_TABLES);
    let mut regions = vec![
        bytes(Component::Gdt, GDT, boot_data::gdt()),
        bytes(Component::BootParams, BOOT_PARAMS, params),
        bytes(Component::PageTables, PAGE_TABLES, tables),
        bytes(Component::Cmdline, CMDLINE, cmdline.to_vec()),
        bytes(Component::Acpi, ACPI, acpi::tables(ACPI, vcpus, devices)),
    ];
    let states = vcpu_states(model, vcpus, kernel.entry);
    regions.extend(kernel.regions);
    regions.push(initrd);
    regions.push(cpuid_page(CPUID_PAGE));
    Ok(LaidOut {
        regions,
        staged: Vec::new(),
        vcpus: states,
    })
}

fn vcpu_count(config: &LaunchConfig) -> Result<u32, PlanError> {
    let count = config.cpu.count;
    if (1..=MAX_VCPUS).contains(&count) {
        Ok(count)
    } else {
        Err(PlanError::VcpuCount(count))
    }
}

fn memory_end(config: &LaunchConfig) -> Result<Gpa, PlanError> {
    let mib = config.memory.mib;
    if !(MIN_MEMORY_MIB..=MAX_MEMORY_BYTES >> 20).contains(&mib) {
        return Err(PlanError::MemorySize { mib });
    }
    Ok(Gpa::new(mib << 20))
}

fn cpu_model(config: &LaunchConfig) -> Result<CpuModel, PlanError> {
    CpuModel::named(&config.cpu.model).ok_or_else(|| PlanError::UnknownCpuModel {
        name: config.cpu.model.clone(),
        known: CpuModel::names().join(", "),
    })
}

/// The command line with the NUL that ends it.
fn cmdline(config: &LaunchConfig) -> Result<Vec<u8>, PlanError> {
    let text = &config.boot.cmdline;
    if text.len() >= MAX_CMDLINE {
        return Err(PlanError::CmdlineTooLong { length: text.len() });
    }
    if let Some(character) = text.chars().find(|character| character.is_control()) {
        return Err(PlanError::CmdlineControlCharacter { character });
    }
    Ok([text.as_bytes(), &[0]].concat())
}

/// Disks in the configuration's order, then the vsock.
fn devices(config: &LaunchConfig) -> Result<Vec<DevicePlan>, PlanError> {
    let disks = config.disks.iter().map(|disk| DeviceKind::Disk {
        path: disk.path.clone(),
    });
    let vsock = config.vsock.iter().map(|vsock| DeviceKind::Vsock {
        cid: vsock.cid,
        ports: vsock.ports.clone(),
    });
    let kinds: Vec<_> = disks.chain(vsock).collect();
    let slots = 0..VIRTIO_MMIO_SLOTS;
    if kinds.len() > slots.len() {
        return Err(PlanError::TooManyDevices { count: kinds.len() });
    }
    Ok(slots
        .zip(kinds)
        .map(|(slot, kind)| device(slot, kind))
        .collect())
}

fn device(slot: u32, kind: DeviceKind) -> DevicePlan {
    let base = machine::VIRTIO_MMIO_BASE + slot * machine::VIRTIO_MMIO_SIZE;
    DevicePlan {
        slot,
        base: Gpa::new(base.into()),
        size: machine::VIRTIO_MMIO_SIZE.into(),
        gsi: machine::VIRTIO_MMIO_FIRST_GSI + slot,
        kind,
    }
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

fn bytes(component: Component, start: Gpa, bytes: Vec<u8>) -> Region {
    Region {
        component,
        start,
        page_type: PageType::Normal,
        content: Content::Bytes(bytes),
    }
}

fn cpuid_page(start: Gpa) -> Region {
    Region {
        component: Component::Cpuid,
        start,
        page_type: PageType::Cpuid,
        content: Content::Cpuid,
    }
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

fn td_parameters(tee: &TeeConfig) -> TdParameters {
    let debug = if tee.debug { TdParameters::DEBUG } else { 0 };
    TdParameters {
        attributes: TdParameters::SEPT_VE_DISABLE | debug,
        xfam: X87_AND_SSE,
        mr_config_id: tee.mr_config_id,
        mr_owner: tee.mr_owner,
        mr_owner_config: tee.mr_owner_config,
    }
}

fn policy(tee: &TeeConfig) -> GuestPolicy {
    GuestPolicy::STRICT.with_smt(tee.smt).with_debug(tee.debug)
}
