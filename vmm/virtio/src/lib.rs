//! virtio-mmio transport in the VMM, joined to vhost-user device processes.
//!
//! - `transport`: the registers that the guest sees (virtio 1.2, section 4.2.2), a pure state
//!   machine: no KVM, no sockets.
//! - [`Backend`]: what a device process is asked for over vhost-user.
//! - [`Slot`]: the two joined, with the events that carry kicks and interrupts.
//!
//! The data plane never passes here: kicks go from KVM to the device by ioeventfd, interrupts from
//! the device to KVM by irqfd, and buffers lie in memory that both map.

mod backend;
mod slot;
mod transport;

pub use backend::{Backend, BackendError};
pub use slot::{Slot, SlotError};
pub use transport::QueueSettings;

/// Which device stands behind a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// virtio-blk (virtio 1.2, section 5.2).
    Block,
    /// virtio-vsock (virtio 1.2, section 5.10).
    Vsock,
}

impl DeviceKind {
    /// The virtio device number that the guest reads.
    #[must_use]
    pub fn device_id(self) -> u32 {
        match self {
            Self::Block => 2,
            Self::Vsock => 19,
        }
    }

    /// How many queues the guest is offered.
    #[must_use]
    pub fn queues(self) -> usize {
        match self {
            Self::Block => 1,
            // Receive, transmit, event.
            Self::Vsock => 3,
        }
    }

    /// Length of the device's configuration space, in bytes: `virtio_blk_config` up to
    /// WRITE_ZEROES, or `virtio_vsock_config`.
    #[must_use]
    pub fn config_len(self) -> u32 {
        match self {
            Self::Block => 60,
            Self::Vsock => 8,
        }
    }
}
