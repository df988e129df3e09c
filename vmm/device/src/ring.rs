//! One virtqueue and its three event descriptors.

use std::fs::File;

use rustix::io::{Errno, read, write};
use virtio_queue::{Queue, QueueOwnedT, QueueT};
use vm_memory::{GuestAddress, GuestMemoryMmap};

use crate::{Chain, ChainError};

/// A virtqueue as the frontend set it up.
pub(crate) struct Ring {
    pub(crate) queue: Queue,
    pub(crate) kick: Option<File>,
    pub(crate) call: Option<File>,
    pub(crate) error: Option<File>,
    pub(crate) enabled: bool,
    /// The driver broke the rules; nothing is read from this ring until it is set up again.
    broken: bool,
    /// Something was put into the used ring since the driver was last called.
    unannounced: bool,
}

impl Ring {
    pub(crate) fn new(size: u16) -> Ring {
        Ring {
            queue: Queue::new(size).expect("a device's queue size is a power of two"),
            kick: None,
            call: None,
            error: None,
            enabled: false,
            broken: false,
            unannounced: false,
        }
    }

    /// Forgets the driver's layout, keeps what the frontend enabled.
    pub(crate) fn stop(&mut self) {
        self.queue.set_ready(false);
        self.kick = None;
        self.call = None;
        self.error = None;
        self.broken = false;
        self.unannounced = false;
    }

    pub(crate) fn runs(&self) -> bool {
        self.enabled && self.queue.ready() && !self.broken
    }

    /// The next chain; `None` if there is none.
    pub(crate) fn take(&mut self, memory: &GuestMemoryMmap) -> Result<Option<Chain>, RingFault> {
        let size = self.queue.size();
        let table = GuestAddress(self.queue.desc_table());
        let mut available = self.queue.iter(memory).map_err(RingFault::Available)?;
        match available.next() {
            None => Ok(None),
            Some(chain) => Ok(Some(Chain::walk(memory, table, size, chain.head_index())?)),
        }
    }

    /// Takes back the last [`Self::take`].
    pub(crate) fn untake(&mut self) {
        self.queue.go_to_previous_position();
    }

    /// Gives a chain back to the driver.
    pub(crate) fn complete(
        &mut self,
        memory: &GuestMemoryMmap,
        chain: &Chain,
        written: u32,
    ) -> Result<(), RingFault> {
        self.unannounced = true;
        self.queue
            .add_used(memory, chain.head(), written)
            .map_err(RingFault::Used)
    }

    /// Calls the driver if there is news.
    pub(crate) fn announce(&mut self) {
        if std::mem::take(&mut self.unannounced) {
            signal(self.call.as_ref());
        }
    }

    /// Stops using a ring whose driver broke the rules, and tells the frontend.
    pub(crate) fn fail(&mut self) {
        self.broken = true;
        signal(self.error.as_ref());
    }

    /// Takes notice of a kick.
    pub(crate) fn drain_kick(&self) {
        if let Some(kick) = &self.kick {
            // Level-triggered: if this fails the loop comes here again.
            let _ = read(kick, &mut [0; 8]);
        }
    }
}

/// An event descriptor that is full is already signalled; one that is gone has nobody behind it.
fn signal(event: Option<&File>) {
    if let Some(event) = event {
        let _: Result<usize, Errno> = write(event, &1u64.to_ne_bytes());
    }
}

/// What a driver got wrong in a ring.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RingFault {
    #[error("the available ring is not usable: {0}")]
    Available(#[source] virtio_queue::Error),
    #[error("the used ring is not usable: {0}")]
    Used(#[source] virtio_queue::Error),
    #[error(transparent)]
    Chain(#[from] ChainError),
}
