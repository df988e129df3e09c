//! All rings of a device, and the guest memory that they live in.

use policies_jail::tell;
use vm_memory::{GuestAddress, GuestMemoryMmap};

use crate::ring::{Ring, RingFault};
use crate::{Chain, ChainError};

/// A device's virtqueues.
///
/// A ring whose driver breaks the rules is dead until the driver sets it up anew: it looks empty, the
/// frontend is signalled, and a line says why. The other rings go on.
pub struct Rings {
    pub(crate) list: Vec<Ring>,
    pub(crate) memory: GuestMemoryMmap,
    pub(crate) regions: Vec<Region>,
}

/// Where a region of guest memory lies for the frontend, whose addresses SET_VRING_ADDR speaks of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Region {
    pub(crate) frontend: u64,
    pub(crate) guest: u64,
    pub(crate) size: u64,
}

impl Rings {
    pub(crate) fn new(count: usize, size: u16) -> Rings {
        Rings {
            list: (0..count).map(|_| Ring::new(size)).collect(),
            memory: GuestMemoryMmap::new(),
            regions: Vec::new(),
        }
    }

    /// Guest memory, for [`Chain::read`] and [`Chain::write`].
    pub fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    /// The next chain of a ring; `None` if there is none, or the ring does not run.
    pub fn take(&mut self, ring: usize) -> Option<Chain> {
        if !self.list[ring].runs() {
            return None;
        }
        match self.list[ring].take(&self.memory) {
            Ok(chain) => chain,
            Err(fault) => {
                self.fail_with(ring, &fault);
                None
            }
        }
    }

    /// Takes back the last [`Self::take`] of a ring: it will be taken again.
    pub fn untake(&mut self, ring: usize) {
        self.list[ring].untake();
    }

    /// Gives a chain back to the driver, with `written` bytes in it.
    pub fn complete(&mut self, ring: usize, chain: &Chain, written: u32) {
        if let Err(fault) = self.list[ring].complete(&self.memory, chain, written) {
            self.fail_with(ring, &fault);
        }
    }

    /// Gives up a ring because of what was in a chain of it.
    pub fn fail(&mut self, ring: usize, error: ChainError) {
        self.fail_with(ring, &RingFault::Chain(error));
    }

    /// Calls the driver of every ring that has news.
    pub(crate) fn announce(&mut self) {
        self.list.iter_mut().for_each(Ring::announce);
    }

    /// The guest-physical address of a frontend's address.
    pub(crate) fn guest_address(&self, frontend: u64) -> Option<GuestAddress> {
        self.regions.iter().find_map(|region| {
            let offset = frontend.checked_sub(region.frontend)?;
            let guest = region.guest.checked_add(offset)?;
            (offset < region.size).then_some(GuestAddress(guest))
        })
    }

    fn fail_with(&mut self, ring: usize, fault: &RingFault) {
        tell(&format!(
            "queue {ring} is given up until the driver resets it: {fault}"
        ));
        self.list[ring].fail();
    }
}
