//! What the frontend may ask, and what it sets up.
//!
//! The messages themselves are the vhost crate's business. Requests that belong to features which
//! are not offered are refused by it or here.

use std::fs::File;
use std::io;
use std::sync::Arc;

use vhost::vhost_user::message::{
    VhostTransferStateDirection, VhostTransferStatePhase, VhostUserConfigFlags, VhostUserInflight,
    VhostUserLog, VhostUserMemoryRegion, VhostUserProtocolFeatures, VhostUserShMemConfig,
    VhostUserSharedMsg, VhostUserSingleMemoryRegion, VhostUserVirtioFeatures,
    VhostUserVringAddrFlags, VhostUserVringState,
};
use vhost::vhost_user::{Error, GpuBackend, Result, VhostUserBackendReqHandlerMut};
use virtio_queue::QueueT;
use vm_memory::{GuestAddress, GuestMemoryMmap, GuestRegionMmap};

use crate::poller::{Poller, Token};
use crate::ring::Ring;
use crate::rings::{Region, Rings};
use crate::{Device, VERSION_1};

/// A device and the state that the frontend gave it.
pub(crate) struct Negotiation<D> {
    pub(crate) device: D,
    pub(crate) rings: Rings,
    poller: Arc<Poller>,
}

impl<D: Device> Negotiation<D> {
    pub(crate) fn new(device: D, poller: Arc<Poller>) -> Self {
        Negotiation {
            device,
            rings: Rings::new(D::QUEUES, D::QUEUE_SIZE),
            poller,
        }
    }

    fn offered(&self) -> u64 {
        self.device.features() | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits()
    }

    fn ring(&mut self, index: u32) -> Result<&mut Ring> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.rings.list.get_mut(index))
            .ok_or(Error::InvalidParam)
    }

    fn stop_ring(&mut self, index: u32) -> Result<()> {
        let poller = Arc::clone(&self.poller);
        let ring = self.ring(index)?;
        if let Some(kick) = &ring.kick {
            poller.forget(kick).map_err(broken)?;
        }
        ring.stop();
        Ok(())
    }

    fn stop_all(&mut self) -> Result<()> {
        for index in 0..D::QUEUES {
            self.stop_ring(u32::try_from(index).map_err(|_| Error::InvalidParam)?)?;
        }
        self.device.reset();
        Ok(())
    }

    fn address(&self, frontend: u64) -> Result<GuestAddress> {
        self.rings
            .guest_address(frontend)
            .ok_or(Error::InvalidParam)
    }
}

impl<D: Device> VhostUserBackendReqHandlerMut for Negotiation<D> {
    fn set_owner(&mut self) -> Result<()> {
        Ok(())
    }

    fn reset_owner(&mut self) -> Result<()> {
        self.stop_all()
    }

    fn reset_device(&mut self) -> Result<()> {
        self.stop_all()
    }

    fn get_features(&mut self) -> Result<u64> {
        Ok(self.offered())
    }

    fn set_features(&mut self, features: u64) -> Result<()> {
        if features & !self.offered() != 0 || features & VERSION_1 == 0 {
            return Err(Error::InvalidParam);
        }
        // Without protocol features nobody will enable the rings (vhost-user, "Ring states").
        if features & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() == 0 {
            for ring in &mut self.rings.list {
                ring.enabled = true;
            }
        }
        Ok(())
    }

    fn set_mem_table(
        &mut self,
        table: &[VhostUserMemoryRegion],
        files: Vec<File>,
        postcopy: Option<bool>,
    ) -> Result<Option<Vec<u64>>> {
        if postcopy.is_some() {
            return refused("postcopy");
        }
        let mut mapped = Vec::new();
        let mut regions = Vec::new();
        for (region, file) in table.iter().zip(files) {
            let guest = GuestAddress(region.guest_phys_addr);
            let mapping = GuestRegionMmap::new(region.mmap_region(file)?, guest);
            mapped.push(mapping.ok_or(Error::InvalidParam)?);
            regions.push(Region {
                frontend: region.user_addr,
                guest: region.guest_phys_addr,
                size: region.memory_size,
            });
        }
        self.rings.memory =
            GuestMemoryMmap::from_regions(mapped).map_err(|_| Error::InvalidParam)?;
        self.rings.regions = regions;
        Ok(None)
    }

    fn set_vring_num(&mut self, index: u32, num: u32) -> Result<()> {
        let size = u16::try_from(num).map_err(|_| Error::InvalidParam)?;
        let queue = &mut self.ring(index)?.queue;
        queue.try_set_size(size).map_err(|_| Error::InvalidParam)
    }

    fn set_vring_addr(
        &mut self,
        index: u32,
        _flags: VhostUserVringAddrFlags,
        descriptor: u64,
        used: u64,
        available: u64,
        _log: u64,
    ) -> Result<()> {
        let (table, used) = (self.address(descriptor)?, self.address(used)?);
        let available = self.address(available)?;
        let queue = &mut self.ring(index)?.queue;
        queue
            .try_set_desc_table_address(table)
            .and_then(|()| queue.try_set_avail_ring_address(available))
            .and_then(|()| queue.try_set_used_ring_address(used))
            .map_err(|_| Error::InvalidParam)
    }

    /// Used and available entries start at one index: nothing is in flight when a ring starts.
    fn set_vring_base(&mut self, index: u32, base: u32) -> Result<()> {
        let base = u16::try_from(base).map_err(|_| Error::InvalidParam)?;
        let queue = &mut self.ring(index)?.queue;
        queue.set_next_avail(base);
        queue.set_next_used(base);
        Ok(())
    }

    fn get_vring_base(&mut self, index: u32) -> Result<VhostUserVringState> {
        let base = self.ring(index)?.queue.next_avail();
        self.stop_ring(index)?;
        self.device.reset();
        Ok(VhostUserVringState::new(index, u32::from(base)))
    }

    fn set_vring_kick(&mut self, index: u8, fd: Option<File>) -> Result<()> {
        // Polling rings without kicks is for those who have a core to spare.
        let kick = fd.ok_or(Error::InvalidParam)?;
        let poller = Arc::clone(&self.poller);
        let memory = self.rings.memory.clone();
        let ring = self.ring(u32::from(index))?;
        if let Some(old) = ring.kick.take() {
            poller.forget(old).map_err(broken)?;
        }
        ring.queue.set_ready(true);
        if !ring.queue.is_valid(&memory) {
            ring.queue.set_ready(false);
            return Err(Error::InvalidParam);
        }
        poller
            .watch_readable(Token(u64::from(index)), &kick)
            .map_err(broken)?;
        ring.kick = Some(kick);
        Ok(())
    }

    fn set_vring_call(&mut self, index: u8, fd: Option<File>) -> Result<()> {
        self.ring(u32::from(index))?.call = fd;
        Ok(())
    }

    fn set_vring_err(&mut self, index: u8, fd: Option<File>) -> Result<()> {
        self.ring(u32::from(index))?.error = fd;
        Ok(())
    }

    fn get_protocol_features(&mut self) -> Result<VhostUserProtocolFeatures> {
        Ok(VhostUserProtocolFeatures::CONFIG | VhostUserProtocolFeatures::MQ)
    }

    fn set_protocol_features(&mut self, _features: u64) -> Result<()> {
        Ok(())
    }

    fn get_queue_num(&mut self) -> Result<u64> {
        u64::try_from(D::QUEUES).map_err(|_| Error::InvalidParam)
    }

    fn set_vring_enable(&mut self, index: u32, enable: bool) -> Result<()> {
        self.ring(index)?.enabled = enable;
        Ok(())
    }

    fn get_config(
        &mut self,
        offset: u32,
        size: u32,
        _flags: VhostUserConfigFlags,
    ) -> Result<Vec<u8>> {
        let start = usize::try_from(offset).map_err(|_| Error::InvalidParam)?;
        let length = usize::try_from(size).map_err(|_| Error::InvalidParam)?;
        let end = start.checked_add(length).ok_or(Error::InvalidParam)?;
        let wanted = self.device.config().get(start..end);
        wanted.map(<[u8]>::to_vec).ok_or(Error::InvalidParam)
    }

    fn set_config(&mut self, _offset: u32, _bytes: &[u8], _: VhostUserConfigFlags) -> Result<()> {
        refused("SET_CONFIG: nothing here is writable")
    }

    fn set_gpu_socket(&mut self, _gpu: GpuBackend) -> Result<()> {
        refused("GPU")
    }

    fn get_shared_object(&mut self, _uuid: VhostUserSharedMsg) -> Result<File> {
        refused("shared objects")
    }

    fn get_inflight_fd(&mut self, _: &VhostUserInflight) -> Result<(VhostUserInflight, File)> {
        refused("inflight tracking")
    }

    fn set_inflight_fd(&mut self, _inflight: &VhostUserInflight, _file: File) -> Result<()> {
        refused("inflight tracking")
    }

    fn get_max_mem_slots(&mut self) -> Result<u64> {
        refused("memory slots")
    }

    fn add_mem_region(
        &mut self,
        _region: &VhostUserSingleMemoryRegion,
        _fd: File,
        _postcopy: Option<bool>,
    ) -> Result<Option<u64>> {
        refused("memory slots")
    }

    fn remove_mem_region(&mut self, _region: &VhostUserSingleMemoryRegion) -> Result<()> {
        refused("memory slots")
    }

    fn set_device_state_fd(
        &mut self,
        _direction: VhostTransferStateDirection,
        _phase: VhostTransferStatePhase,
        _fd: File,
    ) -> Result<Option<File>> {
        refused("device state transfer")
    }

    fn check_device_state(&mut self) -> Result<()> {
        refused("device state transfer")
    }

    fn get_shmem_config(&mut self) -> Result<VhostUserShMemConfig> {
        refused("shared memory regions")
    }

    fn set_log_base(&mut self, _log: &VhostUserLog, _file: File) -> Result<()> {
        refused("dirty logging")
    }
}

fn refused<T>(what: &'static str) -> Result<T> {
    Err(Error::InvalidOperation(what))
}

fn broken(error: rustix::io::Errno) -> Error {
    Error::ReqHandlerError(io::Error::from(error))
}
