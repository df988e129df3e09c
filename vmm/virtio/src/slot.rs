//! One virtio-mmio slot of a VM: registers in front, a device process behind.

use std::sync::Arc;

use thiserror::Error;
use vmm_kvm::{GuestRam, KvmError, Vm};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use crate::transport::{Effect, Transport, register};
use crate::{Backend, BackendError, DeviceKind};

/// What can go wrong with a slot.
#[derive(Debug, Error)]
pub enum SlotError {
    /// Between this VMM and the device process.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// KVM did not take a kick or an interrupt.
    #[error(transparent)]
    Kvm(#[from] KvmError),
    /// No event could be made.
    #[error("no event for the device's queues can be made")]
    Event(#[source] std::io::Error),
}

/// A device as the guest sees it.
pub struct Slot {
    transport: Transport,
    backend: Backend,
    ram: Arc<GuestRam>,
    kicks: Vec<EventFd>,
    call: EventFd,
}

impl Slot {
    /// Puts `backend` at guest-physical address `base`, interrupting on `gsi`.
    ///
    /// # Errors
    /// KVM refuses the ioeventfds or the irqfd.
    pub fn new(
        vm: &Vm,
        ram: Arc<GuestRam>,
        kind: DeviceKind,
        backend: Backend,
        base: u64,
        gsi: u32,
    ) -> Result<Self, SlotError> {
        let call = EventFd::new(EFD_NONBLOCK).map_err(SlotError::Event)?;
        vm.interrupt_on(&call, gsi)?;
        let mut kicks = Vec::new();
        for queue in 0..kind.queues() {
            let kick = EventFd::new(EFD_NONBLOCK).map_err(SlotError::Event)?;
            let value = u32::try_from(queue).expect("a device has a handful of queues");
            vm.signal_on_write(&kick, base + register::QUEUE_NOTIFY, value)?;
            kicks.push(kick);
        }
        let mut transport = Transport::new(kind, backend.features(), backend.config().to_vec());
        if vm.kind().has_private_memory() {
            transport = transport.where_memory_is_private();
        }
        Ok(Self {
            transport,
            backend,
            ram,
            kicks,
            call,
        })
    }

    /// A guest's write at `offset` within the slot. A driver that lays a queue outside the memory that it
    /// shares has only its own device to reset: that is no error.
    ///
    /// # Errors
    /// The device process is gone or refuses to go on: the device is marked as needing a reset.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), SlotError> {
        let effect = self.transport.write(offset, data);
        let done = self.carry_out(effect);
        if done.is_err() {
            self.transport.mark_broken();
        }
        match done {
            Err(SlotError::Backend(BackendError::OutsideMemory { .. })) => {
                // Section 2.1.2: a device that needs a reset says so by a notification.
                self.call.write(1).map_err(SlotError::Event)
            }
            done => done,
        }
    }

    /// A guest's read at `offset` within the slot.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        self.transport.read(offset, data);
    }

    fn carry_out(&mut self, effect: Effect) -> Result<(), SlotError> {
        match effect {
            Effect::None => {}
            Effect::Reset => self.backend.stop()?,
            Effect::Activate { features, queues } => {
                self.backend
                    .start(&self.ram, features, &queues, &self.kicks, &self.call)?;
            }
            Effect::Notify(queue) => {
                self.kicks[usize::from(queue)]
                    .write(1)
                    .map_err(SlotError::Event)?;
            }
        }
        Ok(())
    }
}
