//! The layers of a confinement.

use std::fmt;

use serde::{Serialize, Serializer};

/// One layer of a confinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// No core dump, and no process of the same user attaches or reads memory.
    Memory,
    /// Resource limits.
    Limits,
    /// No program that is executed could have more rights.
    NoNewPrivileges,
    /// A list of system calls; any other kills the process.
    SystemCalls,
    /// Files and directories that are named.
    Files,
    /// A file that may be read alone cannot be cut short.
    Truncation,
    /// TCP ports that are named.
    TcpPorts,
    /// Devices take no ioctl.
    Devices,
    /// No abstract Unix socket of another.
    AbstractSockets,
    /// No signal to another.
    Signals,
}

impl Layer {
    /// All of them, in the order of their names' table in docs/confinement.md.
    pub const ALL: [Layer; 10] = [
        Layer::Memory,
        Layer::Limits,
        Layer::NoNewPrivileges,
        Layer::SystemCalls,
        Layer::Files,
        Layer::Truncation,
        Layer::TcpPorts,
        Layer::Devices,
        Layer::AbstractSockets,
        Layer::Signals,
    ];

    /// Its name in the journal.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Layer::Memory => "memory",
            Layer::Limits => "limits",
            Layer::NoNewPrivileges => "no-new-privileges",
            Layer::SystemCalls => "system-calls",
            Layer::Files => "files",
            Layer::Truncation => "truncation",
            Layer::TcpPorts => "tcp-ports",
            Layer::Devices => "devices",
            Layer::AbstractSockets => "abstract-sockets",
            Layer::Signals => "signals",
        }
    }

    /// What it denies, in the words of docs/confinement.md.
    #[must_use]
    pub fn denies(self) -> &'static str {
        match self {
            Layer::Memory => {
                "a core dump, and a process of the same user that attaches or reads memory"
            }
            Layer::Limits => "more descriptors, threads, file and addresses than the profile says",
            Layer::NoNewPrivileges => "rights by a program that is executed",
            Layer::SystemCalls => {
                "every system call that is not in the tables below; the process dies of it"
            }
            Layer::Files => "opening, making, renaming or removing any file but those listed below",
            Layer::Truncation => "cutting short what may be read alone",
            Layer::TcpPorts => "binding and connecting to any TCP port but those listed below",
            Layer::Devices => "ioctl on devices",
            Layer::AbstractSockets => "connecting to others' abstract Unix sockets",
            Layer::Signals => "signals to other processes",
        }
    }

    /// The first Landlock that offers it; `None` for what is not Landlock's.
    #[must_use]
    pub fn since_landlock(self) -> Option<u8> {
        match self {
            Layer::Memory | Layer::Limits | Layer::NoNewPrivileges | Layer::SystemCalls => None,
            Layer::Files => Some(1),
            Layer::Truncation => Some(3),
            Layer::TcpPorts => Some(4),
            Layer::Devices => Some(5),
            Layer::AbstractSockets | Layer::Signals => Some(6),
        }
    }

    /// Whether a service ends without it, unless its operator says otherwise. Kernels that are still kept, such as Debian
    /// 12's 6.1, lack the others.
    #[must_use]
    pub fn is_required(self) -> bool {
        matches!(
            self,
            Layer::Memory
                | Layer::Limits
                | Layer::NoNewPrivileges
                | Layer::SystemCalls
                | Layer::Files
        )
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
