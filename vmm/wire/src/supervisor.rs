//! VMM and supervisor.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Landlock, Message};

/// What the VMM may ask of the supervisor. There is nothing else that it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SupervisorRequest {
    /// First, once: which directory of sockets is removed at the end. Answered by
    /// [`SupervisorReply::Ready`]. Descriptors: that directory, locked, so that its lock lives as long
    /// as anybody looks after it; and a pipe to read, of which the VMM keeps the other end while it
    /// wants the supervisor.
    Begin {
        /// The directory's absolute path. It holds this VM's sockets and nothing else, belongs to the
        /// supervisor's own user and is closed to others.
        runtime_dir: PathBuf,
    },
    /// Starts a confined process. Answered by [`SupervisorReply::Spawned`] when it is confined and
    /// that was checked from outside.
    Spawn(Spawn),
    /// Once: a broker for the VMM itself, which opens no connections either. Answered by
    /// [`SupervisorReply::Broker`].
    Broker {
        /// Connections that it may have, by the number by which it asks: a closed list.
        ports: BTreeMap<u32, Target>,
    },
}

/// What to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Spawn {
    /// `cloister-blk`.
    Blk,
    /// `cloister-vsock`.
    Vsock {
        /// Guest-to-host connections that are allowed, by vsock port: a closed list.
        ports: BTreeMap<u32, Target>,
    },
    /// `cloister-simulated-tee`.
    SimulatedTee,
}

impl Spawn {
    /// The kind of process that this starts.
    pub fn kind(&self) -> DeviceKind {
        match self {
            Spawn::Blk => DeviceKind::Blk,
            Spawn::Vsock { .. } => DeviceKind::Vsock,
            Spawn::SimulatedTee => DeviceKind::SimulatedTee,
        }
    }
}

/// A kind of confined process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// virtio-blk.
    Blk,
    /// virtio-vsock.
    Vsock,
    /// The software stand-in for the secure processor.
    SimulatedTee,
}

impl DeviceKind {
    /// The program's file name; it lies beside the supervisor's own.
    pub fn program(self) -> &'static str {
        match self {
            DeviceKind::Blk => "cloister-blk",
            DeviceKind::Vsock => "cloister-vsock",
            DeviceKind::SimulatedTee => "cloister-simulated-tee",
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// Where a vsock port leads on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A Unix stream socket, as an absolute path.
    Unix(PathBuf),
    /// A vsock port.
    Vsock {
        /// Context id: 2 is the host's own.
        cid: u32,
        /// Port.
        port: u32,
    },
    /// The simulated TEE's: [`TEE_SOCKET`] in the runtime directory, wherever that lies by now.
    Tee,
}

/// Name of the socket on which the simulated TEE answers the guest.
pub const TEE_SOCKET: &str = "tee.sock";

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp(address) => write!(f, "tcp:{address}"),
            Target::Unix(path) => write!(f, "unix:{}", path.display()),
            Target::Vsock { cid, port } => write!(f, "vsock:{cid}:{port}"),
            Target::Tee => f.write_str("the simulated TEE"),
        }
    }
}

/// Names a child for as long as its supervisor lives; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChildId(pub u32);

/// What the supervisor tells the VMM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum SupervisorReply {
    /// `Begin` was accepted.
    Ready,
    /// The process runs, confined, and waits for its configuration. Descriptors: its control
    /// socket; for `Vsock` also the broker socket to hand to it.
    Spawned {
        /// Its name in [`SupervisorReply::Exited`].
        child: ChildId,
        /// What it is.
        kind: DeviceKind,
        /// Its process id on the host.
        pid: u32,
        /// Whether the kernel could add the Landlock layer.
        landlock: Landlock,
    },
    /// Descriptor: the broker socket, of the vocabulary [`crate::BrokerRequest`].
    Broker,
    /// The request was refused or failed; nothing is left of it.
    Refused {
        /// For people.
        reason: String,
    },
    /// A child ended. Comes at any time.
    Exited {
        /// Which.
        child: ChildId,
        /// What it was.
        kind: DeviceKind,
        /// How it ended.
        status: ExitStatus,
    },
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it; 31, SIGSYS, is a call that its seccomp profile does not list.
    Signal(i32),
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitStatus::Code(code) => write!(f, "exited with code {code}"),
            ExitStatus::Signal(31) => write!(f, "was killed by its seccomp profile (SIGSYS)"),
            ExitStatus::Signal(signal) => write!(f, "was killed by signal {signal}"),
        }
    }
}

impl Message for SupervisorRequest {
    const NAME: &'static str = "supervisor request";

    fn descriptors(&self) -> usize {
        match self {
            SupervisorRequest::Begin { .. } => 2,
            SupervisorRequest::Spawn(_) | SupervisorRequest::Broker { .. } => 0,
        }
    }
}

impl Message for SupervisorReply {
    const NAME: &'static str = "supervisor reply";

    fn descriptors(&self) -> usize {
        match self {
            SupervisorReply::Spawned { kind, .. } => match kind {
                DeviceKind::Vsock => 2,
                DeviceKind::Blk | DeviceKind::SimulatedTee => 1,
            },
            SupervisorReply::Broker => 1,
            SupervisorReply::Ready
            | SupervisorReply::Refused { .. }
            | SupervisorReply::Exited { .. } => 0,
        }
    }
}
