//! What a person writes: `vm.toml`.

use crate::{BootProtocol, IdFields, TeeKind};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A launch as a person describes it. Paths are as written: relative to the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchConfig {
    /// Name of the virtual machine.
    pub name: String,
    /// `[tee]`
    pub tee: TeeConfig,
    /// `[boot]`
    pub boot: BootConfig,
    /// `[cpu]`
    pub cpu: CpuConfig,
    /// `[memory]`
    pub memory: MemoryConfig,
    /// `[[disk]]`, in order.
    pub disks: Vec<DiskConfig>,
    /// `[vsock]`
    pub vsock: Option<VsockConfig>,
}

/// `[tee]`: what measures the guest, and what the report says beside the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TeeConfig {
    /// Which TEE.
    pub kind: TeeKind,
    /// Whether the guest policy lets the host debug the guest.
    pub debug: bool,
    /// Whether the guest may run while SMT is on.
    pub smt: bool,
    /// HOST_DATA.
    pub host_data: [u8; 32],
    /// ID block fields.
    pub id: IdFields,
    /// Directory of the simulated TEE's keys: not needed to measure, needed to run.
    pub keys: Option<String>,
}

/// `[boot]`: what is booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootConfig {
    /// How.
    pub protocol: BootProtocol,
    /// Path of the kernel.
    pub kernel: String,
    /// Path of the initial RAM file system.
    pub initrd: String,
    /// The kernel's command line.
    pub cmdline: String,
}

/// `[cpu]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuConfig {
    /// Number of vCPUs.
    pub count: u32,
    /// Name of the CPU model.
    pub model: String,
}

/// `[memory]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryConfig {
    /// Size in MiB.
    pub mib: u64,
}

/// One `[[disk]]`; the guest may only read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskConfig {
    /// Path of the backing file.
    pub path: String,
}

/// `[vsock]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VsockConfig {
    /// The guest's context id.
    pub cid: u32,
    /// `[vsock.ports]`: where the guest's connections go, by port.
    pub ports: BTreeMap<u32, HostTarget>,
}

/// Where a guest's connection goes on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostTarget {
    /// `tcp:ADDRESS:PORT`
    Tcp(SocketAddr),
    /// `unix:PATH`
    Unix(String),
}

/// Why a configuration was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {key}: {problem}; {remedy}")]
pub struct ConfigError {
    /// Line of the text, from 1.
    pub line: usize,
    /// The key, with its table.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

impl LaunchConfig {
    /// Reads the text of a `vm.toml`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for anything that is not understood in full, unknown keys included.
    pub fn from_toml(_text: &str) -> Result<Self, ConfigError> {
        Err(ConfigError {
            line: 1,
            key: String::new(),
            problem: "not written yet".into(),
            remedy: "wait".into(),
        })
    }
}
