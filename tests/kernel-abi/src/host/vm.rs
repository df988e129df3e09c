//! A VM with private memory, and the calls on it and its vCPUs.

use std::collections::BTreeMap;

use nix::errno::Errno;
use vmm_kernel_abi::capability;
use vmm_kernel_abi::ioctl;

use super::cpuid;
use super::registers::Vcpu;
use super::{GuestMemory, Host, Kind, SevVm, Step, TdxVm, error};
use crate::trace::{Call, Enter, Leave, Memory as _};

/// What protects a VM.
#[derive(Debug)]
pub enum Protection {
    /// SEV-SNP.
    Snp(Box<SevVm>),
    /// TDX.
    Tdx(Box<TdxVm>),
}

/// A VM.
#[derive(Debug)]
pub struct Vm {
    /// Its memory.
    pub memory: GuestMemory,
    /// Its protection.
    pub protection: Protection,
    /// Capabilities that were switched on.
    pub enabled: BTreeMap<u32, u64>,
    /// The frequency that its TSC was given.
    pub tsc_khz: Option<u64>,
}

/// A VM and its vCPUs by their descriptors in the VMM.
#[derive(Debug)]
pub struct Machine {
    descriptor: i32,
    /// The VM.
    pub vm: Vm,
    /// Its vCPUs by their numbers.
    pub(super) vcpus: BTreeMap<u64, Vcpu>,
}

impl Machine {
    pub(super) fn new(descriptor: i32, host: &Host) -> Self {
        let protection = match host.kind {
            Kind::Tdx => Protection::Tdx(Box::default()),
            _ => Protection::Snp(Box::new(SevVm::new(host.snp.clone()))),
        };
        Self {
            descriptor,
            vm: Vm {
                memory: GuestMemory::default(),
                protection,
                enabled: BTreeMap::new(),
                tsc_khz: None,
            },
            vcpus: BTreeMap::new(),
        }
    }

    pub(super) fn owns(&self, descriptor: i32) -> bool {
        descriptor == self.descriptor || self.vcpu_of(descriptor).is_some()
    }

    /// The number of the vCPU that has this descriptor.
    pub(super) fn vcpu_of(&self, descriptor: i32) -> Option<u64> {
        let found = self
            .vcpus
            .iter()
            .find(|(_, vcpu)| vcpu.descriptor == descriptor);
        found.map(|(index, _)| *index)
    }

    /// Whether registers are the processor's alone.
    fn is_sealed(&self) -> bool {
        match &self.vm.protection {
            Protection::Snp(vm) => vm.is_finished(),
            Protection::Tdx(_) => true,
        }
    }
}

impl Host {
    /// A step without trouble.
    pub(super) fn carry_out(&mut self, call: &Call, step: Step) -> Enter {
        match step {
            Step::CheckExtension => return self.check_extension(call),
            Step::DeviceAttribute => return self.device_attribute(call),
            Step::SupportedCpuid => return Enter::Watch,
            Step::CreateVm(_) => return self.create_vm(call),
            Step::Run => return self.run_vcpu(call),
            Step::Sev(_) => return Enter::Answer(self.sev_command(call)),
            Step::Tdx(_) => return Enter::Answer(self.tdx_command(call)),
            Step::Other(request) => return self.clock(call, request),
            _ => {}
        }
        let Some(machine) = &mut self.machine else {
            return Enter::Pass;
        };
        match step {
            Step::EnableCap(capability) => machine.enable_cap(call, capability),
            Step::GuestMemfd => machine.vm.memory.create_guest_memfd(call),
            Step::MemoryRegion => match machine.vm.memory.set_region(call) {
                Ok(original) => {
                    self.restore = Some((call.argument(), original));
                    Enter::Watch
                }
                Err(errno) => Enter::Answer(error(errno)),
            },
            Step::Attributes => {
                let is_running = machine.vm.is_running();
                let answer = machine.vm.memory.set_attributes(call, is_running);
                Enter::Answer(answer.map_or_else(error, |()| 0))
            }
            Step::CreateVcpu => machine.may_create_vcpu(),
            Step::SetCpuid => Enter::Watch,
            Step::GetCpuid => machine.cpuid_set_before(call),
            Step::Registers(_) if machine.is_sealed() => Enter::Answer(error(Errno::EINVAL)),
            Step::Registers(_) => Enter::Watch,
            _ => Enter::Pass,
        }
    }

    /// What the real kernel made of a step.
    pub(super) fn real_answer(&mut self, call: &Call, result: i64) -> Leave {
        if call.request() == Some(ioctl::KVM_CREATE_VM) {
            return self.vm_created(result);
        }
        if call.request() == Some(ioctl::KVM_GET_SUPPORTED_CPUID) {
            cpuid::support_everything(call);
        }
        let Some(machine) = &mut self.machine else {
            return Leave::Keep;
        };
        match call.request() {
            Some(ioctl::KVM_CREATE_GUEST_MEMFD) => {
                machine.vm.memory.guest_memfd_created(call, result)
            }
            Some(ioctl::KVM_SET_USER_MEMORY_REGION2) => machine.vm.memory.region_set(result),
            Some(ioctl::KVM_CREATE_VCPU) => machine.vcpu_created(call.argument(), result),
            Some(ioctl::KVM_SET_CPUID2) if result >= 0 => machine.cpuid_set(call),
            Some(request) if result >= 0 => machine.registers_set(call, request),
            _ => {}
        }
        Leave::Keep
    }
}

impl Vm {
    /// Whether its launch is over.
    pub fn is_running(&self) -> bool {
        match &self.protection {
            Protection::Snp(vm) => vm.is_finished(),
            Protection::Tdx(vm) => vm.td.mrtd().is_some(),
        }
    }
}

impl Machine {
    fn enable_cap(&mut self, call: &Call, capability: u32) -> Enter {
        const FIRST_ARGUMENT: u64 = 8;
        let Ok(argument) = call.memory().array(call.argument() + FIRST_ARGUMENT) else {
            return Enter::Answer(error(Errno::EFAULT));
        };
        let argument = u64::from_le_bytes(argument);
        let answer = match capability {
            capability::EXIT_HYPERCALL
                if argument & !capability::EXIT_HYPERCALL_MAP_GPA_RANGE == 0 =>
            {
                0
            }
            capability::X86_APIC_BUS_CYCLES_NS if self.vcpus.is_empty() => 0,
            capability::EXIT_HYPERCALL | capability::X86_APIC_BUS_CYCLES_NS => error(Errno::EINVAL),
            capability::SPLIT_IRQCHIP => {
                self.vm.enabled.insert(capability, argument);
                return Enter::Pass;
            }
            _ => return Enter::Pass,
        };
        if answer == 0 {
            self.vm.enabled.insert(capability, argument);
        }
        Enter::Answer(answer)
    }

    fn may_create_vcpu(&self) -> Enter {
        let Protection::Tdx(vm) = &self.vm.protection else {
            return Enter::Watch;
        };
        if vm.td.parameters().is_none() {
            return Enter::Answer(error(Errno::EIO));
        }
        match self.vm.enabled.contains_key(&capability::SPLIT_IRQCHIP) {
            true => Enter::Watch,
            false => Enter::Answer(error(Errno::EINVAL)),
        }
    }

    fn vcpu_created(&mut self, index: u64, result: i64) {
        if let Ok(descriptor) = i32::try_from(result)
            && descriptor >= 0
        {
            self.vcpus.insert(index, Vcpu::new(descriptor));
        }
    }
}
