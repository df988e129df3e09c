//! `/dev/kvm`: what this host can do, and making a VM.

use nix::errno::Errno;
use vmm_kernel_abi::capability::{self, VmType};
use vmm_kernel_abi::gmem::ATTRIBUTE_PRIVATE;
use vmm_kernel_abi::ioctl::KVM_HAS_DEVICE_ATTR;
use vmm_kernel_abi::sev::{self, kvm_device_attr};

use super::{Host, Machine, error};
use crate::trace::{Call, Enter, Leave, Memory as _, Substitute};

/// What a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One without confidential guests.
    Plain,
    /// An AMD host with SEV-SNP.
    Snp,
    /// An Intel host with TDX.
    Tdx,
}

/// What newer kernels have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// VMSA features that INIT2 takes.
    pub vmsa_features: u64,
    /// The attribute of policy bits (Linux 6.19).
    pub policy_bits: Option<u64>,
    /// Certificates by exit 43 (Linux 7.0).
    pub certificates: bool,
    /// Pages that one LAUNCH_UPDATE or INIT_MEM_REGION does at most.
    pub pages_a_call: u64,
}

impl Default for Release {
    /// Linux 6.12 on a processor with DEBUG_SWAP, which always stops early.
    fn default() -> Self {
        Self {
            vmsa_features: sev::VMSA_FEATURE_DEBUG_SWAP,
            policy_bits: None,
            certificates: false,
            pages_a_call: 7,
        }
    }
}

impl Kind {
    fn vm_type(self) -> VmType {
        match self {
            Self::Plain => VmType::Default,
            Self::Snp => VmType::Snp,
            Self::Tdx => VmType::Tdx,
        }
    }
}

impl Host {
    pub(super) fn check_extension(&self, call: &Call) -> Enter {
        if self.kind == Kind::Plain {
            let none = matches!(call.argument(), number if number == u64::from(capability::MEMORY_ATTRIBUTES));
            return if none { Enter::Answer(0) } else { Enter::Pass };
        }
        let Ok(capability) = u32::try_from(call.argument()) else {
            return Enter::Pass;
        };
        Enter::Answer(match capability {
            lacking if self.lacks.contains(&lacking) => 0,
            capability::MAX_VCPUS if self.kind == Kind::Tdx => self.most_vcpus.into(),
            capability::VM_TYPES => i64::from(VmType::Default.bit() | self.kind.vm_type().bit()),
            capability::MEMORY_ATTRIBUTES => ATTRIBUTE_PRIVATE.cast_signed(),
            capability::EXIT_HYPERCALL => capability::EXIT_HYPERCALL_MAP_GPA_RANGE.cast_signed(),
            capability::GUEST_MEMFD
            | capability::USER_MEMORY2
            | capability::MEMORY_FAULT_INFO
            | capability::SYSTEM_EVENT_DATA
            | capability::X86_APIC_BUS_CYCLES_NS => 1,
            // Linux 6.18's.
            capability::GUEST_MEMFD_FLAGS => 0,
            _ => return Enter::Pass,
        })
    }

    pub(super) fn device_attribute(&self, call: &Call) -> Enter {
        use std::mem::offset_of;
        let field = |at: usize| call.argument() + u64::try_from(at).expect("small");
        let memory = call.memory();
        let (Ok(group), Ok(attribute), Ok(address)) = (
            memory.array(field(offset_of!(kvm_device_attr, group))),
            memory.array(field(offset_of!(kvm_device_attr, attr))),
            memory.array(field(offset_of!(kvm_device_attr, addr))),
        ) else {
            return Enter::Answer(error(Errno::EFAULT));
        };
        if u32::from_le_bytes(group) != sev::GROUP {
            return Enter::Pass;
        }
        let value = match u64::from_le_bytes(attribute) {
            _ if self.kind != Kind::Snp => None,
            sev::ATTR_VMSA_FEATURES => Some(self.release.vmsa_features),
            sev::ATTR_SNP_POLICY_BITS => self.release.policy_bits,
            sev::ATTR_SNP_REQ_CERTS => self.release.certificates.then_some(1),
            _ => None,
        };
        let Some(value) = value else {
            return Enter::Answer(error(Errno::ENXIO));
        };
        if call.request() == Some(KVM_HAS_DEVICE_ATTR) {
            return Enter::Answer(0);
        }
        let written = memory.write(u64::from_le_bytes(address), &value.to_le_bytes());
        Enter::Answer(written.map_or(error(Errno::EFAULT), |()| 0))
    }

    /// The VM that the real kernel makes is a plain one.
    pub(super) fn create_vm(&self, call: &Call) -> Enter {
        let plain = u64::from(VmType::Default as u32);
        let ours = u64::from(self.kind.vm_type() as u32);
        match call.argument() {
            kind if kind == plain => Enter::Pass,
            kind if kind == ours => {
                let mut arguments = call.arguments;
                arguments[2] = plain;
                let number = call.number;
                Enter::Replace(Substitute { number, arguments })
            }
            _ => Enter::Answer(error(Errno::EINVAL)),
        }
    }

    pub(super) fn vm_created(&mut self, result: i64) -> Leave {
        if let Ok(descriptor) = i32::try_from(result)
            && descriptor >= 0
        {
            self.machine = Some(Machine::new(descriptor, self));
        }
        Leave::Keep
    }
}
