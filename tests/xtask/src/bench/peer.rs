//! What ours is compared with from PyPI, in a Python environment of its own: sev-snp-measure, and the
//! libraries by which tests read and write signed reference values, tokens and metrics, an instruction emulator, and schemathesis.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Packages, each with the module that shows that it is there. The first brings cryptography along.
const PACKAGES: [(&str, &str); 6] = [
    ("sev-snp-measure==0.0.13", "sevsnpmeasure"),
    ("cbor2==6.3.0", "cbor2"),
    ("pyjwt==2.15.1", "jwt"),
    // Runs the boot shim; GPL-2.0, so it is for tests alone.
    ("unicorn==2.1.4", "unicorn"),
    // Reads the verifier's metrics as Prometheus's own Python library reads anybody's.
    ("prometheus-client==0.26.0", "prometheus_client"),
    // Makes requests up from the API's description, and looks at every answer.
    ("schemathesis==4.32.5", "schemathesis"),
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
        .filter(|(_, module)| !is_there(&folder, module));
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

fn is_there(folder: &Path, module: &str) -> bool {
    let mut python = Command::new(folder.join("bin/python3"));
    let found = python.args(["-c", &format!("import {module}")]).output();
    found.is_ok_and(|output| output.status.success())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("run {command:?}"))?;
    ensure!(status.success(), "{command:?} fails");
    Ok(())
}
