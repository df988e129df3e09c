//! A block request's header (virtio 1.2, section 5.2.6).

use vm_memory::GuestMemoryMmap;
use vmm_device::{Chain, ChainError};

/// What the driver wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Read from this sector on.
    In { sector: u64 },
    /// Write.
    Out,
    /// Make earlier writes last.
    Flush,
    /// The serial.
    Identify,
    /// Something that this device does not have.
    Other,
}

/// What it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// VIRTIO_BLK_S_OK.
    Done,
    /// VIRTIO_BLK_S_IOERR.
    Failed,
    /// VIRTIO_BLK_S_UNSUPP.
    Unsupported,
}

impl Request {
    /// Reads the header at the beginning of a chain.
    pub(crate) fn read(memory: &GuestMemoryMmap, chain: &Chain) -> Result<Request, ChainError> {
        let mut header = [0; 16];
        chain.read(memory, 0, &mut header)?;
        let [t0, t1, t2, t3, _, _, _, _, sector @ ..] = header;
        Ok(match u32::from_le_bytes([t0, t1, t2, t3]) {
            0 => Request::In {
                sector: u64::from_le_bytes(sector),
            },
            1 => Request::Out,
            4 => Request::Flush,
            8 => Request::Identify,
            _ => Request::Other,
        })
    }
}

impl Status {
    /// The byte at the end of a chain.
    pub(crate) fn byte(self) -> u8 {
        match self {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Unsupported => 2,
        }
    }
}
