//! The frontend half of vhost-user: what this VMM asks of a device process.

use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;

use thiserror::Error;
use vhost::vhost_user::message::{
    VhostUserConfigFlags, VhostUserHeaderFlag, VhostUserProtocolFeatures, VhostUserVirtioFeatures,
};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vmm_kvm::GuestRam;
use vmm_sys_util::eventfd::EventFd;

use crate::DeviceKind;
use crate::transport::{QueueSettings, VERSION_1};

/// Feature bits that this transport can carry: the device type's own (0 to 23), indirect
/// descriptors (28), event index (29), VERSION_1 (32). Packed rings, in-order use and notification
/// data would each need code here; platform access (33) is the transport's own affair, and no device's.
const CARRIED: u64 = 0x00ff_ffff | 1 << 28 | 1 << 29 | VERSION_1;

/// What went wrong between this VMM and a device process.
#[derive(Debug, Error)]
pub enum BackendError {
    /// A request failed: the device refused it, answered nonsense, or is gone.
    #[error("the device process did not accept `{request}`")]
    Request {
        /// The vhost-user request.
        request: &'static str,
        /// What came back.
        #[source]
        source: vhost::Error,
    },
    /// The device offers too little.
    #[error("the device process does not offer {missing}; this VMM cannot drive it")]
    Lacks {
        /// The feature it must have.
        missing: &'static str,
    },
    /// The guest gave a queue an address outside its memory, or in pages that are private.
    #[error(
        "the guest's driver laid {part} of queue {queue} at {address:#x}, outside the memory that it \
         shares with its devices"
    )]
    OutsideMemory {
        /// Queue index.
        queue: usize,
        /// Which of the three parts.
        part: &'static str,
        /// Guest-physical address.
        address: u64,
    },
}

/// A device process, after vhost-user's first negotiation.
pub struct Backend {
    frontend: Frontend,
    features: u64,
    config: Vec<u8>,
    queues: usize,
    started: Vec<usize>,
}

impl Backend {
    /// Negotiates with the device process at the other end of `socket` and reads its configuration
    /// space. There is no time limit: the vhost crate takes a socket's for a reason to try again.
    ///
    /// # Errors
    /// The device refuses a request, or lacks VERSION_1, CONFIG or REPLY_ACK.
    pub fn connect(socket: UnixStream, kind: DeviceKind) -> Result<Self, BackendError> {
        let mut frontend = Frontend::from_stream(socket, kind.queues() as u64);
        let features = negotiate(&mut frontend)?;
        let queues = queue_count(&mut frontend, kind)?;
        let config = read_config(&mut frontend, kind)?;
        Ok(Self {
            frontend,
            features: features & CARRIED,
            config,
            queues,
            started: Vec::new(),
        })
    }

    /// Starts the queues that the driver laid out, in `ram`. Of `features`, which the driver accepted, only
    /// those reach the device that it offered. A driver that makes a queue private later starves itself:
    /// the device finds zeros there.
    ///
    /// # Errors
    /// A queue outside the memory that is shared, or a request that the device refuses.
    pub fn start(
        &mut self,
        ram: &GuestRam,
        features: u64,
        queues: &[Option<QueueSettings>],
        kicks: &[EventFd],
        call: &EventFd,
    ) -> Result<(), BackendError> {
        // All of them first: a driver that lays one queue wrongly starts none.
        let rings = queues
            .iter()
            .take(self.queues)
            .enumerate()
            .map(|(index, queue)| queue.map(|queue| rings(index, &queue, ram)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let agreed = features & self.features;
        let features = agreed | VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits();
        asked("SET_FEATURES", self.frontend.set_features(features))?;
        let regions: Vec<_> = regions(ram).collect();
        asked("SET_MEM_TABLE", self.frontend.set_mem_table(&regions))?;
        for (index, (rings, kick)) in rings.into_iter().zip(kicks).enumerate() {
            if let Some(rings) = rings {
                self.start_queue(index, &rings, kick, call)?;
            }
        }
        Ok(())
    }

    /// Stops every queue that was started; the device then touches no guest memory.
    ///
    /// # Errors
    /// A request that the device refuses.
    pub fn stop(&mut self) -> Result<(), BackendError> {
        for index in std::mem::take(&mut self.started) {
            asked(
                "SET_VRING_ENABLE",
                self.frontend.set_vring_enable(index, false),
            )?;
            asked("GET_VRING_BASE", self.frontend.get_vring_base(index))?;
        }
        Ok(())
    }

    /// Feature bits to offer the guest.
    #[must_use]
    pub fn features(&self) -> u64 {
        self.features
    }

    /// The device's configuration space.
    #[must_use]
    pub fn config(&self) -> &[u8] {
        &self.config
    }

    fn start_queue(
        &mut self,
        index: usize,
        rings: &VringConfigData,
        kick: &EventFd,
        call: &EventFd,
    ) -> Result<(), BackendError> {
        let frontend = &mut self.frontend;
        asked(
            "SET_VRING_NUM",
            frontend.set_vring_num(index, rings.queue_size),
        )?;
        asked("SET_VRING_ADDR", frontend.set_vring_addr(index, rings))?;
        asked("SET_VRING_BASE", frontend.set_vring_base(index, 0))?;
        asked("SET_VRING_CALL", frontend.set_vring_call(index, call))?;
        asked("SET_VRING_KICK", frontend.set_vring_kick(index, kick))?;
        asked("SET_VRING_ENABLE", frontend.set_vring_enable(index, true))?;
        self.started.push(index);
        Ok(())
    }
}

/// Each part of guest memory, with its place in the file that has them all.
fn regions(ram: &GuestRam) -> impl Iterator<Item = VhostUserMemoryRegionInfo> {
    ram.layout().parts().map(|part| VhostUserMemoryRegionInfo {
        guest_phys_addr: part.start,
        memory_size: part.bytes,
        userspace_addr: ram.mapped_at(&part),
        mmap_offset: part.offset,
        mmap_handle: ram.file().as_raw_fd(),
    })
}

/// Where the parts of queue `index` lie in this process: in pages that are shared.
fn rings(
    index: usize,
    queue: &QueueSettings,
    ram: &GuestRam,
) -> Result<VringConfigData, BackendError> {
    let place = |part, address, length| {
        ram.host_address(address, length)
            .ok_or(BackendError::OutsideMemory {
                queue: index,
                part,
                address,
            })
    };
    Ok(VringConfigData {
        queue_max_size: queue.size,
        queue_size: queue.size,
        flags: 0,
        desc_table_addr: place(
            "the descriptors",
            queue.descriptors,
            queue.descriptors_len(),
        )?,
        avail_ring_addr: place("the available ring", queue.available, queue.available_len())?,
        used_ring_addr: place("the used ring", queue.used, queue.used_len())?,
        log_addr: None,
    })
}

/// Returns the device's virtio features.
fn negotiate(frontend: &mut Frontend) -> Result<u64, BackendError> {
    asked("SET_OWNER", frontend.set_owner())?;
    let features = asked("GET_FEATURES", frontend.get_features())?;
    if features & VERSION_1 == 0 {
        return Err(BackendError::Lacks {
            missing: "VIRTIO_F_VERSION_1",
        });
    }
    if features & VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits() == 0 {
        return Err(BackendError::Lacks {
            missing: "VHOST_USER_F_PROTOCOL_FEATURES",
        });
    }
    let offered = asked("GET_PROTOCOL_FEATURES", frontend.get_protocol_features())?;
    // Without acknowledgements a request that the device refused would look as if done.
    let needed = VhostUserProtocolFeatures::CONFIG | VhostUserProtocolFeatures::REPLY_ACK;
    if !offered.contains(needed) {
        return Err(BackendError::Lacks {
            missing: "the protocol features CONFIG and REPLY_ACK",
        });
    }
    let wanted = needed | (offered & VhostUserProtocolFeatures::MQ);
    asked(
        "SET_PROTOCOL_FEATURES",
        frontend.set_protocol_features(wanted),
    )?;
    frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
    Ok(features)
}

/// A device may serve fewer queues than its type has: vhost-user vsock devices commonly leave the
/// event queue, which only migration uses.
fn queue_count(frontend: &mut Frontend, kind: DeviceKind) -> Result<usize, BackendError> {
    match frontend.get_queue_num() {
        Ok(count) => Ok(usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(kind.queues())),
        // Without the MQ protocol feature it serves all that its type has.
        Err(vhost::Error::VhostUserProtocol(vhost::vhost_user::Error::InactiveOperation(_))) => {
            Ok(kind.queues())
        }
        Err(source) => Err(BackendError::Request {
            request: "GET_QUEUE_NUM",
            source,
        }),
    }
}

fn read_config(frontend: &mut Frontend, kind: DeviceKind) -> Result<Vec<u8>, BackendError> {
    let length = kind.config_len();
    let blank = vec![0; usize::try_from(length).expect("a configuration space fits in memory")];
    let (_, config) = asked(
        "GET_CONFIG",
        frontend.get_config(0, length, VhostUserConfigFlags::empty(), &blank),
    )?;
    Ok(config)
}

fn asked<T>(request: &'static str, answer: Result<T, vhost::Error>) -> Result<T, BackendError> {
    answer.map_err(|source| BackendError::Request { request, source })
}
