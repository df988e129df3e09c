//! One VM: memory, interrupt controllers, events.

use std::sync::Arc;

use kvm_bindings::{KVM_CAP_EXIT_HYPERCALL, kvm_enable_cap};
use kvm_ioctls::{IoEventAddress, VcpuFd, VmFd};
use vmm_conversion::{PageRange, Visibility};
use vmm_sys_util::eventfd::EventFd;

use crate::interrupts::Controllers;
use crate::memory::Memory;
use crate::supports::EXIT_ON_MAP_GPA_RANGE;
use crate::{GuestRam, Host, KvmError, Mapping, SlotId, VmKind};

/// Where KVM may put the pages that Intel processors need for real mode: below the firmware area,
/// in the hole that a guest's memory has for devices. AMD processors ignore both, and so does KVM for a TD.
const IDENTITY_MAP: u64 = 0xfffb_c000;
const TASK_STATE: usize = 0xfffb_d000;

/// A VM with its memory; a clone is another handle of the same. KVM answers only the process that made
/// it.
#[derive(Clone)]
pub struct Vm {
    pub(crate) fd: Arc<VmFd>,
    /// Kept mapped as long as the VM can reach it; it holds the descriptor too, and drops it first.
    pub(crate) memory: Arc<Memory>,
}

/// One vCPU.
pub struct Vcpu {
    pub(crate) fd: VcpuFd,
    pub(crate) index: u32,
    /// The memory slots must outlive the last holder of the VM, and a vCPU is one.
    pub(crate) memory: Arc<Memory>,
}

impl Vm {
    /// Makes a VM of `kind` with `ram` where its layout has it, all of it shared, and KVM's own
    /// interrupt controllers. A TD has only its local APICs in KVM, and its I/O APIC in user space.
    ///
    /// Ask [`Host::supports`] first: it says what is missing, where KVM only refuses.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn new(host: &Host, kind: VmKind, ram: Arc<GuestRam>) -> Result<Self, KvmError> {
        Self::with_controllers(host, kind, Controllers::of(kind), ram)
    }

    /// As [`Self::new`], with interrupt controllers that are not the kind's own: to try them on a host that
    /// makes no VMs of the kind that has them.
    ///
    /// # Errors
    /// KVM refuses.
    pub fn with_controllers(
        host: &Host,
        kind: VmKind,
        controllers: Controllers,
        ram: Arc<GuestRam>,
    ) -> Result<Self, KvmError> {
        let fd = host
            .kvm
            .create_vm_with_type(kind.number().into())
            .map_err(KvmError::call(format!(
                "KVM_CREATE_VM of type {} ({})",
                kind.number(),
                kind.name()
            )))?;
        fd.set_identity_map_address(IDENTITY_MAP)
            .map_err(KvmError::call("KVM_SET_IDENTITY_MAP_ADDR"))?;
        fd.set_tss_address(TASK_STATE)
            .map_err(KvmError::call("KVM_SET_TSS_ADDR"))?;
        controllers.make(&fd)?;
        if kind.has_private_memory() {
            // Without it KVM answers a guest's conversions with an error, and nobody hears of them.
            enable(
                &fd,
                KVM_CAP_EXIT_HYPERCALL,
                EXIT_ON_MAP_GPA_RANGE.into(),
                "KVM_CAP_EXIT_HYPERCALL",
            )?;
        }
        let fd = Arc::new(fd);
        let memory = Arc::new(Memory::new(Arc::clone(&fd), kind, ram)?);
        Ok(Self { fd, memory })
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
            memory: Arc::clone(&self.memory),
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

    /// Shows the guest `mapping` at guest-physical `gpa`, outside its memory. It is shared for ever: no
    /// conversion reaches it.
    ///
    /// # Errors
    /// Not the address of a page, not free, or KVM refuses.
    pub fn add_shared_slot(&self, gpa: u64, mapping: Mapping) -> Result<SlotId, KvmError> {
        self.memory.add_shared(gpa, mapping)
    }

    /// Gives the guest private pages at guest-physical `gpa`, outside its memory. They are private for
    /// ever: no conversion reaches them. A launch fills them.
    ///
    /// # Errors
    /// The VM has no private memory, the address is not that of a page or not free, or KVM refuses.
    pub fn add_private_slot(&self, gpa: u64, bytes: u64) -> Result<SlotId, KvmError> {
        self.memory.add_private(gpa, bytes)
    }

    /// Takes a slot from the guest, and frees its memory.
    ///
    /// # Errors
    /// KVM refuses; the slot is then still there.
    pub fn remove_slot(&self, slot: SlotId) -> Result<(), KvmError> {
        self.memory.remove(slot)
    }

    /// Makes pages of the guest's memory private or shared and discards what they held on the other
    /// side; says how many changed.
    ///
    /// # Errors
    /// The VM has no private memory, or the pages lie outside; KVM refuses, and nothing has changed; or
    /// [`KvmError::Discard`]:
    /// the pages are converted, but their stale copy is still there, and the VM must end.
    pub fn set_visibility(&self, pages: PageRange, to: Visibility) -> Result<u64, KvmError> {
        self.memory.set_visibility(pages, to)
    }

    /// What kind of VM this is.
    #[must_use]
    pub fn kind(&self) -> VmKind {
        self.memory.kind()
    }

    /// The guest's memory, as the host sees it.
    #[must_use]
    pub fn ram(&self) -> &Arc<GuestRam> {
        self.memory.ram()
    }

    /// From here on the processor keeps the vCPUs' registers from the host: nothing here asks for them
    /// any more. For whoever ends a launch.
    pub(crate) fn protect_state(&self) {
        self.memory.protect_state();
    }
}

pub(crate) fn enable(fd: &VmFd, cap: u32, argument: u64, name: &str) -> Result<(), KvmError> {
    let capability = kvm_enable_cap {
        cap,
        args: [argument, 0, 0, 0],
        ..kvm_enable_cap::default()
    };
    fd.enable_cap(&capability)
        .map_err(KvmError::call(format!("KVM_ENABLE_CAP of {name}")))
}

impl Vcpu {
    /// Which vCPU this is, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Whether the host may still ask for, and set, this vCPU's registers.
    ///
    /// # Errors
    /// The processor keeps them.
    pub(crate) fn check_state_is_open(&self) -> Result<(), KvmError> {
        match self.memory.state_is_protected() {
            true => Err(KvmError::Protected { vcpu: self.index }),
            false => Ok(()),
        }
    }
}
