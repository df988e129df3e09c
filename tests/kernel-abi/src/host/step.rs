//! The steps of a launch by name, and which call is which.

use vmm_kernel_abi::ioctl;
use vmm_kernel_abi::sev;
use vmm_kernel_abi::tdx;

use crate::host::Host;
use crate::trace::{Call, Memory as _};

/// What a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// KVM_CHECK_EXTENSION.
    CheckExtension,
    /// KVM_GET_DEVICE_ATTR or KVM_HAS_DEVICE_ATTR of this group.
    DeviceAttribute,
    /// KVM_CREATE_VM of this type.
    CreateVm(u64),
    /// KVM_ENABLE_CAP of this capability.
    EnableCap(u32),
    /// KVM_CREATE_GUEST_MEMFD.
    GuestMemfd,
    /// KVM_SET_USER_MEMORY_REGION2.
    MemoryRegion,
    /// KVM_SET_MEMORY_ATTRIBUTES.
    Attributes,
    /// KVM_CREATE_VCPU.
    CreateVcpu,
    /// KVM_SET_CPUID2.
    SetCpuid,
    /// KVM_GET_SUPPORTED_CPUID.
    SupportedCpuid,
    /// KVM_GET_CPUID2.
    GetCpuid,
    /// A call that sets or gets registers, by its number.
    Registers(u32),
    /// Another call on the VM, by its number: interrupts, clocks, addresses.
    Other(u32),
    /// A command of SEV-SNP; `None`: one that an SNP VM does not take.
    Sev(Option<sev::Command>),
    /// A command of TDX.
    Tdx(Option<tdx::Command>),
    /// KVM_RUN.
    Run,
}

/// The calls of [`Step::Other`].
const OTHERS: [u32; 9] = [
    ioctl::KVM_SET_TSS_ADDR,
    ioctl::KVM_SET_IDENTITY_MAP_ADDR,
    ioctl::KVM_CREATE_IRQCHIP,
    ioctl::KVM_SET_GSI_ROUTING,
    ioctl::KVM_IRQFD,
    ioctl::KVM_IOEVENTFD,
    ioctl::KVM_SET_TSC_KHZ,
    ioctl::KVM_GET_TSC_KHZ,
    ioctl::KVM_SIGNAL_MSI,
];

/// The numbers of the calls that are watched always.
pub(super) fn watched() -> Vec<u32> {
    [&NAMED[..], &OTHERS].concat()
}

const NAMED: [u32; 22] = [
    ioctl::KVM_GET_SUPPORTED_CPUID,
    ioctl::KVM_CHECK_EXTENSION,
    ioctl::KVM_GET_DEVICE_ATTR,
    ioctl::KVM_HAS_DEVICE_ATTR,
    ioctl::KVM_CREATE_VM,
    ioctl::KVM_ENABLE_CAP,
    ioctl::KVM_CREATE_GUEST_MEMFD,
    ioctl::KVM_SET_USER_MEMORY_REGION2,
    ioctl::KVM_SET_MEMORY_ATTRIBUTES,
    ioctl::KVM_CREATE_VCPU,
    ioctl::KVM_SET_CPUID2,
    ioctl::KVM_GET_CPUID2,
    ioctl::KVM_GET_REGS,
    ioctl::KVM_SET_REGS,
    ioctl::KVM_GET_SREGS,
    ioctl::KVM_SET_SREGS,
    ioctl::KVM_SET_MSRS,
    ioctl::KVM_SET_DEBUGREGS,
    ioctl::KVM_SET_XSAVE,
    ioctl::KVM_SET_XCRS,
    ioctl::KVM_MEMORY_ENCRYPT_OP,
    // KVM_SET_USER_MEMORY_REGION of a VM with private memory would be a mistake that is worth seeing.
    0x4020_ae46,
];

impl Host {
    /// What this call is about; `None`: nothing that matters here.
    pub(super) fn step_of(&self, call: &Call) -> Option<Step> {
        let request = call.request()?;
        let on_ours = self
            .machine
            .as_ref()
            .is_some_and(|machine| machine.owns(call.descriptor()));
        Some(match request {
            ioctl::KVM_CHECK_EXTENSION => Step::CheckExtension,
            ioctl::KVM_GET_DEVICE_ATTR | ioctl::KVM_HAS_DEVICE_ATTR => Step::DeviceAttribute,
            ioctl::KVM_GET_SUPPORTED_CPUID => Step::SupportedCpuid,
            ioctl::KVM_CREATE_VM => Step::CreateVm(call.argument()),
            // What is left is about VMs, of which those without private memory are the real kernel's.
            _ if !on_ours => return None,
            ioctl::KVM_ENABLE_CAP => Step::EnableCap(word(call, 0)?),
            ioctl::KVM_CREATE_GUEST_MEMFD => Step::GuestMemfd,
            ioctl::KVM_SET_USER_MEMORY_REGION2 => Step::MemoryRegion,
            ioctl::KVM_SET_MEMORY_ATTRIBUTES => Step::Attributes,
            ioctl::KVM_CREATE_VCPU => Step::CreateVcpu,
            ioctl::KVM_SET_CPUID2 => Step::SetCpuid,
            ioctl::KVM_GET_CPUID2 => Step::GetCpuid,
            ioctl::KVM_MEMORY_ENCRYPT_OP => self.command_step(word(call, 0)?),
            ioctl::KVM_RUN => Step::Run,
            other if OTHERS.contains(&other) => Step::Other(other),
            other => Step::Registers(other),
        })
    }

    fn command_step(&self, id: u32) -> Step {
        match self.kind {
            super::Kind::Tdx => Step::Tdx(tdx::Command::from_id(id)),
            _ => Step::Sev(sev::Command::from_id(id)),
        }
    }
}

/// The 32 bits at `at` of what the call's argument points to.
fn word(call: &Call, at: u64) -> Option<u32> {
    let bytes = call.memory().array(call.argument().checked_add(at)?).ok()?;
    Some(u32::from_le_bytes(bytes))
}
