//! What a person writes: `vm.toml`.

mod boot;
mod tee;
mod text;

use crate::{BootProtocol, IdFields, QuoteService, Source, TeeKind};
use measured_boot_snp_abi::simulated::SIMULATED_TEE_PORT;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use toml::Spanned;

/// A launch as a person describes it. Paths are as written: relative to the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchConfig {
    /// Name of the virtual machine: lower-case letters, digits and `-`, at most 63.
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
    /// Whether the guest policy lets the host debug the guest. False unless written.
    pub debug: bool,
    /// Whether the guest may run while SMT is on. True unless written.
    pub smt: bool,
    /// HOST_DATA; zeros unless written.
    pub host_data: [u8; 32],
    /// Path of a file whose digest is reported: SHA-256 as HOST_DATA, SHA-384 as MRCONFIGID. Then
    /// `host_data` and `mrconfigid` cannot be written.
    pub init_data: Option<String>,
    /// ID block fields: `family_id`, `image_id`, `guest_svn`; zeros unless written.
    pub id: IdFields,
    /// Paths of an ID block and its authentication, as `cloister measure id-block` writes them. Then the
    /// ID block's fields cannot be written.
    pub id_block: Option<IdBlockFiles>,
    /// MRCONFIGID; zeros unless written.
    pub mr_config_id: [u8; 48],
    /// MROWNER; zeros unless written.
    pub mr_owner: [u8; 48],
    /// MROWNERCONFIG; zeros unless written.
    pub mr_owner_config: [u8; 48],
    /// Where a TD's quotes are made.
    pub quote_service: Option<QuoteService>,
    /// Directory of the simulated TEE's keys: not needed to measure, needed to run.
    pub keys: Option<String>,
    /// Path of certificates that an SNP guest gets beside its report, as the GHCB protocol lays them out; not
    /// measured and not believed. None unless written. The file is opened at the start and read at each request:
    /// whoever changes it writes into it, under an exclusive lock (fcntl(2), F_OFD_SETLK). Another file that is
    /// renamed to its place is not seen until the guest is started anew, since the VMM is confined by then.
    pub certificates: Option<String>,
}

/// Paths of an ID block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdBlockFiles {
    /// The block.
    pub block: String,
    /// Its authentication.
    pub auth: String,
}

/// `[boot]`: what is booted. With an IGVM file there is no kernel, initrd and command line besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootConfig {
    /// How.
    pub protocol: BootProtocol,
    /// Path of the kernel; empty with an IGVM file.
    pub kernel: String,
    /// Path of the initial RAM file system; empty with an IGVM file.
    pub initrd: String,
    /// The kernel's command line; empty with an IGVM file.
    pub cmdline: String,
    /// Path of the boot shim; `None`: the one beside the program.
    pub shim: Option<String>,
    /// Whether the guest gets ACPI tables. True unless `acpi = "none"` is written.
    pub acpi: bool,
    /// Path of the IGVM file, with that protocol.
    pub igvm: Option<String>,
}

/// A file that a launch is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedFile<'a> {
    /// What it is.
    pub source: Source,
    /// Its path, as written; `None`: the boot shim that comes with the program.
    pub path: Option<&'a str>,
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

/// One `[[disk]]`; the guest may only read it (`read_only = true` must be written).
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
    /// `[vsock.ports]`: where the guest's connections go, by port. A closed list.
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
    /// [`ConfigError`] for anything that is not understood in full, unknown keys included. Whether
    /// the parts fit together is [`plan`](crate::plan)'s to say.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let file = text::read(text)?;
        let judge = Judge { text };
        Ok(Self {
            name: judge.name(file.name)?,
            tee: judge.tee(file.tee)?,
            boot: judge.boot(file.boot)?,
            cpu: CpuConfig {
                count: file.cpu.count,
                model: file.cpu.model,
            },
            memory: MemoryConfig {
                mib: file.memory.mib,
            },
            disks: file
                .disks
                .into_iter()
                .map(|disk| judge.disk(disk))
                .collect::<Result<_, _>>()?,
            vsock: file.vsock.map(|vsock| judge.vsock(vsock)).transpose()?,
        })
    }

    /// The files that [`plan`](crate::plan) wants in [`Sources`](crate::Sources).
    pub fn files(&self) -> Vec<NamedFile<'_>> {
        let (boot, tee) = (&self.boot, &self.tee);
        let mut files: Vec<(Source, Option<&str>)> = match boot.protocol {
            BootProtocol::Igvm => vec![(Source::Igvm, boot.igvm.as_deref())],
            BootProtocol::SimulatedDirect | BootProtocol::Shim => vec![
                (Source::Kernel, Some(&boot.kernel)),
                (Source::Initrd, Some(&boot.initrd)),
            ],
        };
        if boot.protocol == BootProtocol::Shim {
            files.push((Source::Shim, boot.shim.as_deref()));
        }
        files.extend(
            tee.init_data
                .iter()
                .map(|path| (Source::InitData, Some(path.as_str()))),
        );
        if let Some(IdBlockFiles { block, auth }) = &tee.id_block {
            files.extend([
                (Source::IdBlock, Some(block.as_str())),
                (Source::IdAuth, Some(auth)),
            ]);
        }
        files
            .into_iter()
            .map(|(source, path)| NamedFile { source, path })
            .collect()
    }
}

/// Judges values one by one, with the text at hand to say where they are.
struct Judge<'a> {
    text: &'a str,
}

impl Judge<'_> {
    fn name(&self, name: Spanned<String>) -> Result<String, ConfigError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let value = name.get_ref();
        if value.is_empty() || value.len() > 63 || !value.chars().all(allowed) {
            let remedy = "use 1 to 63 lower-case letters, digits and -";
            return Err(self.refuse(&name, "name", format!("\"{value}\" is no name"), remedy));
        }
        Ok(name.into_inner())
    }

    fn disk(&self, disk: text::Disk) -> Result<DiskConfig, ConfigError> {
        if !disk.read_only.get_ref() {
            let problem = "guests cannot write to disks yet".to_owned();
            let remedy = "write read_only = true";
            return Err(self.refuse(&disk.read_only, "disk.read_only", problem, remedy));
        }
        Ok(DiskConfig { path: disk.path })
    }

    fn vsock(&self, vsock: text::Vsock) -> Result<VsockConfig, ConfigError> {
        // 0 to 2 are the hypervisor's, the local and the host's context; all ones is "any".
        if !(3..u32::MAX).contains(vsock.cid.get_ref()) {
            let problem = format!("{} is reserved", vsock.cid.get_ref());
            return Err(self.refuse(&vsock.cid, "vsock.cid", problem, "use 3 or more"));
        }
        let ports = vsock
            .ports
            .into_iter()
            .map(|(port, target)| self.port(&port, &target));
        Ok(VsockConfig {
            cid: vsock.cid.into_inner(),
            ports: ports.collect::<Result<_, _>>()?,
        })
    }

    fn port(
        &self,
        port: &Spanned<String>,
        target: &Spanned<String>,
    ) -> Result<(u32, HostTarget), ConfigError> {
        let key = format!("vsock.ports.{}", port.get_ref());
        let number = port
            .get_ref()
            .parse()
            .ok()
            .filter(|number| (1..u32::MAX).contains(number));
        let Some(number) = number else {
            let remedy = "use a number from 1 to 4294967294";
            return Err(self.refuse(port, &key, "it is no vsock port".into(), remedy));
        };
        let parsed = host_target(target.get_ref()).ok_or_else(|| {
            let problem = format!("\"{}\" is no target", target.get_ref());
            let remedy = "use \"tcp:ADDRESS:PORT\" with a numeric address, or \"unix:PATH\"";
            self.refuse(target, &key, problem, remedy)
        })?;
        if number == SIMULATED_TEE_PORT && !matches!(parsed, HostTarget::Unix(_)) {
            let problem = "this port is the simulated TEE's".to_owned();
            let remedy = "remove it (only unix:PATH may stand in, for tests)";
            return Err(self.refuse(port, &key, problem, remedy));
        }
        Ok((number, parsed))
    }

    fn hex<const N: usize>(
        &self,
        key: &str,
        value: Option<Spanned<String>>,
    ) -> Result<[u8; N], ConfigError> {
        let Some(value) = value else {
            return Ok([0; N]);
        };
        let mut bytes = [0; N];
        match hex::decode_to_slice(value.get_ref(), &mut bytes) {
            Ok(()) => Ok(bytes),
            Err(error) => {
                let remedy = format!("write {} hexadecimal digits", 2 * N);
                Err(self.refuse(&value, key, error.to_string(), &remedy))
            }
        }
    }

    fn path(
        &self,
        key: &str,
        value: Option<Spanned<String>>,
    ) -> Result<Option<String>, ConfigError> {
        match value {
            Some(path) if path.get_ref().is_empty() => {
                Err(self.refuse(&path, key, "it names no file".to_owned(), "write a path"))
            }
            value => Ok(value.map(Spanned::into_inner)),
        }
    }

    /// A key that must be there beside another one of its table.
    fn missing<T>(&self, beside: &Spanned<T>, table: &str, key: &str) -> ConfigError {
        ConfigError {
            line: text::line_of(self.text, beside.span().start),
            key: format!("{table}.{key}"),
            problem: "the key is missing".to_owned(),
            remedy: format!("add it, as in: {}", text::example(key)),
        }
    }

    fn refuse<T>(
        &self,
        place: &Spanned<T>,
        key: &str,
        problem: String,
        remedy: &str,
    ) -> ConfigError {
        let line = text::line_of(self.text, place.span().start);
        ConfigError {
            line,
            key: key.to_owned(),
            problem,
            remedy: remedy.to_owned(),
        }
    }
}

fn host_target(text: &str) -> Option<HostTarget> {
    if let Some(address) = text.strip_prefix("tcp:") {
        let address: SocketAddr = address.parse().ok()?;
        return (address.port() != 0).then_some(HostTarget::Tcp(address));
    }
    let path = text.strip_prefix("unix:").filter(|path| !path.is_empty())?;
    Some(HostTarget::Unix(path.to_owned()))
}
