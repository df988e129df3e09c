//! PyPI's sev-snp-measure, in a Python environment of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

const PACKAGE: &str = "sev-snp-measure==0.0.13";

/// The program.
pub struct Peer(PathBuf);

/// Installs it into `target/tools/peers` where it is not there yet.
///
/// # Errors
/// Python or the network is missing.
pub fn installed(root: &Path) -> Result<Peer> {
    let folder = root.join("target/tools/peers");
    let program = folder.join("bin/sev-snp-measure");
    if !program.exists() {
        println!("installing {PACKAGE} into target/tools/peers (what ours is compared with)");
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", PACKAGE]))?;
    }
    Ok(Peer(program))
}

impl Peer {
    /// Measures a launch of one vCPU.
    pub fn command(&self, firmware: &Path) -> Command {
        let mut command = Command::new(&self.0);
        command.args(["--mode", "snp", "--vcpus", "1", "--vcpu-type", "EPYC-v4"]);
        command.arg("--ovmf").arg(firmware);
        command
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("run {command:?}"))?;
    ensure!(status.success(), "{command:?} fails");
    Ok(())
}
