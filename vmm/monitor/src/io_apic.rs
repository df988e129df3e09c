//! The I/O APIC of a VM of whose interrupt controllers KVM keeps only the local ones.

use std::sync::{Mutex, MutexGuard, PoisonError};

use measured_boot_plan::machine::IO_APIC_ADDRESS;
use vmm_ioapic::{IoApic, Routes, SIZE};
use vmm_kvm::{Controllers, KvmError, Message, Vm};

/// The device in its place. What the guest writes there, KVM is told.
pub struct UserIoApic {
    state: Mutex<IoApic>,
    vm: Vm,
}

impl UserIoApic {
    /// That of `vm`, if KVM does not keep it.
    pub fn of(vm: &Vm) -> Option<Self> {
        let is_split = Controllers::of(vm.kind()) == Controllers::Split;
        is_split.then(|| Self {
            state: Mutex::new(IoApic::new()),
            vm: vm.clone(),
        })
    }

    /// Where in it `address` is, if there.
    pub fn offset(&self, address: u64) -> Option<u64> {
        let offset = address.checked_sub(IO_APIC_ADDRESS.into())?;
        (offset < SIZE).then_some(offset)
    }

    /// A guest's read.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        self.state().read(offset, data);
    }

    /// A guest's write.
    ///
    /// # Errors
    /// KVM does not take the interrupts' new ways: the guest would wait for them for ever.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<(), KvmError> {
        // Held until KVM knows: the last write must be the last that it hears of.
        let mut state = self.state();
        match state.write(offset, data) {
            Routes::Same => Ok(()),
            Routes::Changed => self.vm.route_interrupts(state.routes().map(|(pin, msi)| {
                let message = Message {
                    address: msi.address.into(),
                    data: msi.data,
                };
                (pin, message)
            })),
        }
    }

    fn state(&self) -> MutexGuard<'_, IoApic> {
        // A poisoned lock cannot be seen: a panic in any thread ends the process.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
