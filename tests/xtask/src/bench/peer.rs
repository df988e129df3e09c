//! What ours is compared with from PyPI, in a Python environment of its own: sev-snp-measure, and the
//! libraries by which tests read and write signed reference values.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Packages, each with the file that shows that it is there. The first brings cryptography along.
const PACKAGES: [(&str, &str); 2] = [
    ("sev-snp-measure==0.0.13", "bin/sev-snp-measure"),
    ("cbor2==6.3.0", "bin/cbor2"),
];

/// The program.
pub struct Peer(PathBuf);

/// Installs what is not there yet into `target/tools/peers`.
///
/// # Errors
/// Python or the network is missing.
pub fn installed(root: &Path) -> Result<Peer> {
    let folder = root.join("target/tools/peers");
    let missing = PACKAGES
        .iter()
        .filter(|(_, shows)| !folder.join(shows).exists());
    let missing: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if !missing.is_empty() {
        let names = missing.join(", ");
        println!("installing {names} into target/tools/peers (what ours is compared with)");
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet"])
            .args(missing))?;
    }
    Ok(Peer(folder.join("bin/sev-snp-measure")))
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
