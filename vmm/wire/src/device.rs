//! VMM and devices. A device speaks first, when it is confined; only then is it given anything.

use serde::{Deserialize, Serialize};

use crate::Message;

/// What the VMM tells `cloister-blk`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum BlkRequest {
    /// Once. Descriptors: the disk's file, the connected vhost-user socket. Answered by
    /// [`DeviceReply::Started`] or [`DeviceReply::Failed`].
    Configure {
        /// The guest may not write. Must be true: writing does not exist yet.
        read_only: bool,
        /// What GET_ID answers: at most 20 bytes of ASCII.
        serial: String,
    },
}

/// What the VMM tells `cloister-vsock`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum VsockRequest {
    /// Once. Descriptors: the connected vhost-user socket, the broker socket. Answered by
    /// [`DeviceReply::Started`] or [`DeviceReply::Failed`].
    Configure {
        /// The guest's context id, 3 or more.
        cid: u64,
    },
}

/// What any device says on its control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum DeviceReply {
    /// Confinement is complete. The supervisor hears this, checks it from outside and then hands
    /// the control socket to the VMM, which therefore never sees it.
    Confined(Confinement),
    /// Configured and serving.
    Started,
    /// It cannot serve and ends.
    Failed {
        /// For people.
        reason: String,
    },
}

/// How a process is confined. All layers but those listed here are mandatory: without them there is
/// no `Confinement` to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// The Landlock layer on top of the empty root.
    pub landlock: Landlock,
}

/// Whether the kernel could add the Landlock layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Landlock {
    /// All file system and network rights that this kernel's Landlock knows are denied.
    Enforced,
    /// This kernel has no Landlock; the empty root and the empty network stand alone.
    Missing,
}

impl Message for BlkRequest {
    const NAME: &'static str = "blk request";

    fn descriptors(&self) -> usize {
        match self {
            BlkRequest::Configure { .. } => 2,
        }
    }
}

impl Message for VsockRequest {
    const NAME: &'static str = "vsock request";

    fn descriptors(&self) -> usize {
        match self {
            VsockRequest::Configure { .. } => 2,
        }
    }
}

impl Message for DeviceReply {
    const NAME: &'static str = "device reply";
}
