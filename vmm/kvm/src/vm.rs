//! One VM: memory, interrupt controllers, events.

use std::sync::Arc;

use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::{IoEventAddress, VcpuFd, VmFd};
use vmm_sys_util::eventfd::EventFd;

use crate::{GuestRam, Host, KvmError};

/// Where KVM may put the pages that Intel processors need for real mode: below the firmware area,
/// far above the 3 GiB that a guest's memory ends at. AMD processors ignore both.
const IDENTITY_MAP: u64 = 0xfffb_c000;
const TASK_STATE: usize = 0xfffb_d000;

/// A VM with its memory. KVM answers only the process that made it.
pub struct Vm {
    fd: VmFd,
    /// Kept mapped as long as the VM can reach it; fields drop in order, so after `fd`.
    ram: Arc<GuestRam>,
}

/// One vCPU.
pub struct Vcpu {
    pub(crate) fd: VcpuFd,
    pub(crate) index: u32,
    /// The memory slot must outlive the last holder of the VM, and a vCPU is one.
    _ram: Arc<GuestRam>,
}

impl Vm {
    /// Makes a VM with `ram` from guest-physical address 0 and KVM's own interrupt controllers.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn new(host: &Host, ram: Arc<GuestRam>) -> Result<Self, KvmError> {
        let fd = host
            .kvm
            .create_vm()
            .map_err(KvmError::call("KVM_CREATE_VM"))?;
        fd.set_identity_map_address(IDENTITY_MAP)
            .map_err(KvmError::call("KVM_SET_IDENTITY_MAP_ADDR"))?;
        fd.set_tss_address(TASK_STATE)
            .map_err(KvmError::call("KVM_SET_TSS_ADDR"))?;
        fd.create_irq_chip()
            .map_err(KvmError::call("KVM_CREATE_IRQCHIP"))?;
        let slot = kvm_userspace_memory_region {
            slot: 0,
            flags: 0,
            guest_phys_addr: 0,
            memory_size: ram.bytes(),
            userspace_addr: ram.mapped_at(),
        };
        // SAFETY: the slot is exactly the mapping that `ram` owns (`mapped_at`, `bytes` of one
        // `GuestRegionMmap`), and every holder of the VM (this value and each `Vcpu`) keeps it
        // mapped by its own `Arc`. The mapping is shared memory that is only read and written as
        // volatile bytes here, so the guest may change it at any time.
        unsafe { fd.set_user_memory_region(slot) }
            .map_err(KvmError::call("KVM_SET_USER_MEMORY_REGION"))?;
        Ok(Self { fd, ram })
    }

    /// Adds vCPU `index`, in KVM's reset state.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn add_vcpu(&self, index: u32) -> Result<Vcpu, KvmError> {
        let fd = self
            .fd
            .create_vcpu(u64::from(index))
            .map_err(KvmError::call(format!("KVM_CREATE_VCPU {index}")))?;
        Ok(Vcpu {
            fd,
            index,
            _ram: Arc::clone(&self.ram),
        })
    }

    /// Writing `event` raises interrupt `gsi`.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn interrupt_on(&self, event: &EventFd, gsi: u32) -> Result<(), KvmError> {
        self.fd
            .register_irqfd(event, gsi)
            .map_err(KvmError::call(format!("KVM_IRQFD for interrupt {gsi}")))
    }

    /// A 32-bit write of `value` to guest-physical `address` signals `event` and stays in KVM.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn signal_on_write(
        &self,
        event: &EventFd,
        address: u64,
        value: u32,
    ) -> Result<(), KvmError> {
        self.fd
            .register_ioevent(event, &IoEventAddress::Mmio(address), value)
            .map_err(KvmError::call(format!("KVM_IOEVENTFD at {address:#x}")))
    }

    /// The guest's memory.
    #[must_use]
    pub fn ram(&self) -> &Arc<GuestRam> {
        &self.ram
    }
}

impl Vcpu {
    /// Which vCPU this is, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }
}
