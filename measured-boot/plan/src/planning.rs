//! From configuration to plan: what goes where.

mod direct;
mod igvm;
mod reported;
mod shim;

use crate::cpu_model::CpuModel;
use crate::machine::{self, MAX_MEMORY_BYTES, MAX_VCPUS, VIRTIO_MMIO_SLOTS};
use crate::{
    BootProtocol, Component, Content, CpuidEntry, DeviceKind, DevicePlan, Gpa, LaunchConfig,
    LaunchPlan, Measured, PlanError, Region, Reported, Sources, Staged, TeeKind, Unmeasured,
    VcpuState,
};
use measured_boot_shim_abi::Piece;
use measured_boot_snp_abi::PageType;
use reported::Shown;
use std::ops::Range;

/// `COMMAND_LINE_SIZE` of x86, its NUL included.
pub(crate) const MAX_CMDLINE: usize = 2048;
pub(crate) const MIN_MEMORY_MIB: u64 = 64;
/// SEV_FEATURES: SNPActive, and nothing else (APM volume 2 rev 3.42, table 15-38).
const SNP_ACTIVE: u64 = 1;
/// The kernel takes an initrd up to here (`initrd_addr_max`).
const INITRD_CEILING: u64 = 2 << 30;

/// Lays out a launch.
///
/// The same configuration and sources give the same plan, byte for byte, on every machine.
///
/// # Errors
///
/// [`PlanError`] names the setting that does not fit, why, and what to do.
pub fn plan(config: &LaunchConfig, sources: &Sources<'_>) -> Result<LaunchPlan, PlanError> {
    plan_knowing(config, sources, &[])
}

/// The same for another configuration of the same files: what a load table says of kernel and initrd is
/// taken from the plan `like`, and these are not hashed again.
///
/// # Errors
///
/// As [`plan`].
pub fn plan_like(
    config: &LaunchConfig,
    sources: &Sources<'_>,
    like: &LaunchPlan,
) -> Result<LaunchPlan, PlanError> {
    plan_knowing(config, sources, &shim::pieces_of_files(like))
}

fn plan_knowing(
    config: &LaunchConfig,
    sources: &Sources<'_>,
    known: &[Piece],
) -> Result<LaunchPlan, PlanError> {
    let wanted = Wanted::of(config)?;
    let laid_out = match config.boot.protocol {
        BootProtocol::SimulatedDirect => direct::lay_out(&wanted, sources)?,
        BootProtocol::Shim => shim::lay_out(&wanted, sources, known)?,
        BootProtocol::Igvm => return plan_igvm(config, wanted, sources),
    };
    let shown = Shown::of(&config.tee, sources, None)?;
    Ok(assembled(config, wanted, laid_out, shown))
}

/// An IGVM file says itself what a configuration says otherwise: policy, SEV_FEATURES, ID block.
fn plan_igvm(
    config: &LaunchConfig,
    wanted: Wanted,
    sources: &Sources<'_>,
) -> Result<LaunchPlan, PlanError> {
    let file = igvm::lay_out(&wanted, sources)?;
    let shown = Shown::of(&config.tee, sources, file.of_file)?;
    let mut plan = assembled(config, wanted, file.laid_out, shown);
    plan.sev_features = Measured(file.sev_features);
    Ok(plan)
}

fn assembled(config: &LaunchConfig, wanted: Wanted, laid_out: LaidOut, shown: Shown) -> LaunchPlan {
    LaunchPlan {
        name: Unmeasured(config.name.clone()),
        tee: Reported(wanted.tee),
        boot: Unmeasured(config.boot.protocol),
        regions: Measured(laid_out.regions),
        staged: Unmeasured(laid_out.staged),
        vcpus: Measured(laid_out.vcpus),
        sev_features: Measured(SNP_ACTIVE),
        policy: Reported(shown.policy),
        host_data: Reported(shown.host_data),
        id: Reported(shown.id),
        id_block: Reported(shown.id_block),
        td: Reported(shown.td),
        cpuid: Unmeasured(laid_out.cpuid),
        memory_bytes: Unmeasured(wanted.memory_bytes),
        quote_service: Unmeasured(config.tee.quote_service.clone()),
        devices: Unmeasured(wanted.devices),
    }
}

/// A configuration whose parts were looked at one by one.
struct Wanted {
    tee: TeeKind,
    vcpus: u32,
    memory_bytes: u64,
    model: CpuModel,
    /// With the NUL that ends it.
    cmdline: Vec<u8>,
    has_acpi: bool,
    devices: Vec<DevicePlan>,
}

impl Wanted {
    fn ram(&self) -> [Range<u64>; 2] {
        machine::ram(self.memory_bytes)
    }

    /// Where the memory ends that kernel and initrd go to.
    fn low_end(&self) -> Gpa {
        let [low, _] = self.ram();
        Gpa::new(low.end)
    }

    fn of(config: &LaunchConfig) -> Result<Self, PlanError> {
        Ok(Self {
            tee: config.tee.kind,
            vcpus: vcpu_count(config)?,
            memory_bytes: memory_bytes(config)?,
            model: cpu_model(config)?,
            cmdline: cmdline(config)?,
            has_acpi: config.boot.acpi,
            devices: devices(config)?,
        })
    }
}

/// What a boot protocol makes of memory, registers and CPUID.
struct LaidOut {
    regions: Vec<Region>,
    staged: Vec<Staged>,
    vcpus: Vec<VcpuState>,
    cpuid: Vec<CpuidEntry>,
}

fn vcpu_count(config: &LaunchConfig) -> Result<u32, PlanError> {
    let count = config.cpu.count;
    if (1..=MAX_VCPUS).contains(&count) {
        Ok(count)
    } else {
        Err(PlanError::VcpuCount(count))
    }
}

fn memory_bytes(config: &LaunchConfig) -> Result<u64, PlanError> {
    let mib = config.memory.mib;
    if !(MIN_MEMORY_MIB..=MAX_MEMORY_BYTES >> 20).contains(&mib) {
        return Err(PlanError::MemorySize { mib });
    }
    Ok(mib << 20)
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

/// NORMAL pages of these bytes.
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
