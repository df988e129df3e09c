//! Which machine can run guests here.

use std::fs::{self, OpenOptions};
use std::path::Path;

use anyhow::{Result, bail};

/// Where guests run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// On this host's own KVM.
    Kvm,
    /// In the lab: nested, under emulation.
    Lab,
}

impl Backend {
    /// As `--backend` and the summary spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Lab => "lab",
        }
    }
}

/// The emulator that the lab needs.
const QEMU: &str = "/usr/bin/qemu-system-x86_64";

/// What stands against a back end on this host; `None` when it works.
#[must_use]
pub fn missing(backend: Backend) -> Option<String> {
    match backend {
        Backend::Kvm => missing_kvm(),
        Backend::Lab => (!Path::new(QEMU).exists())
            .then(|| format!("{QEMU} is missing: apt-get install qemu-system-x86")),
    }
}

/// A KVM without hardware virtualisation exists (it interprets a guest's kernel instruction by
/// instruction); it opens, but no stock kernel boots on it. So the CPU's flags are asked, too.
fn missing_kvm() -> Option<String> {
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        return Some(format!(
            "/dev/kvm cannot be opened ({error}): load kvm-amd or kvm-intel, run as root"
        ));
    }
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let hardware = flags
        .split_whitespace()
        .any(|flag| flag == "svm" || flag == "vmx");
    (!hardware).then(|| {
        "/dev/kvm is there, but the CPU shows neither svm nor vmx: a stock kernel cannot boot on it".to_owned()
    })
}

/// The back end asked for, or the best that works.
///
/// # Errors
/// When it, or none, can work: what is missing and what to install.
pub fn choose(wish: Option<Backend>) -> Result<Backend> {
    let candidates = wish.map_or(vec![Backend::Kvm, Backend::Lab], |wish| vec![wish]);
    let mut reasons = Vec::new();
    for backend in candidates {
        match missing(backend) {
            None => return Ok(backend),
            Some(reason) => reasons.push(format!("  {}: {reason}", backend.name())),
        }
    }
    bail!("no guest can run here:\n{}", reasons.join("\n"))
}
