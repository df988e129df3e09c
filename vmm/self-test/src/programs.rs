//! The programs that take part: those that lie beside this one.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use ring::digest::{SHA256, digest};

use crate::report::ProgramFile;

/// A program, or the boot shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// This one.
    SelfTest,
    /// What looks at the host.
    Host,
    /// What launches.
    Vmm,
    /// What starts the device processes.
    Supervisor,
    /// What stands in for the secure processor.
    SimulatedTee,
    /// What makes IGVM files.
    Image,
    /// The guest's first code.
    Shim,
}

impl Program {
    const ALL: [Self; 7] = [
        Self::SelfTest,
        Self::Host,
        Self::Vmm,
        Self::Supervisor,
        Self::SimulatedTee,
        Self::Image,
        Self::Shim,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::SelfTest => "cloister-self-test",
            Self::Host => "cloister-host",
            Self::Vmm => "cloister-vmm",
            Self::Supervisor => "cloister-supervisor",
            Self::SimulatedTee => "cloister-simulated-tee",
            Self::Image => "cloister-image",
            Self::Shim => "cloister-shim",
        }
    }

    /// Where it lies.
    ///
    /// # Errors
    /// This program does not find itself.
    pub fn path(self) -> Result<PathBuf> {
        let own = std::env::current_exe().context("cannot find this program's folder")?;
        Ok(own.with_file_name(self.name()))
    }

    fn file(self) -> Result<ProgramFile> {
        let path = self.path()?;
        let bytes = fs::read(&path);
        let bytes = bytes.with_context(|| format!("{} is missing", path.display()))?;
        Ok(ProgramFile {
            name: self.name().to_owned(),
            sha256: hex::encode(digest(&SHA256, &bytes)),
        })
    }
}

/// All of them.
///
/// # Errors
/// One is missing.
pub fn files() -> Result<Vec<ProgramFile>> {
    Program::ALL.into_iter().map(Program::file).collect()
}

/// What `cloister host record` says.
///
/// # Errors
/// It fails.
pub fn host_recording() -> Result<String> {
    let mut command = Command::new(Program::Host.path()?);
    let output = command
        .arg("record")
        .output()
        .context("cannot record the host")?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => bail!("cannot record the host: {}", text(&output.stderr)),
    }
}

/// Runs a program that only helps.
///
/// # Errors
/// It fails.
pub fn help(command: &mut Command) -> Result<()> {
    let name = command.get_program().display().to_string();
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    match output.status.success() {
        true => Ok(()),
        false => bail!("{name}: {}", text(&output.stderr)),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}
