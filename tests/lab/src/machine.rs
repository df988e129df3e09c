//! One way to use either machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use lab_init::protocol::Process;
use lab_init::server;

use crate::backend::Backend;
use crate::job::Job;
use crate::qemu::Lab;

/// The folder inside the lab that stands for the local work folder.
const LAB_FOLDER: &str = "/tmp/work";

/// Where the host side of a scenario runs.
#[derive(Debug)]
pub enum Machine {
    /// This host, in a folder of its own.
    Local {
        /// The folder.
        folder: PathBuf,
    },
    /// The lab.
    Lab(Lab),
}

impl Machine {
    /// Which back end this is.
    #[must_use]
    pub fn backend(&self) -> Backend {
        match self {
            Self::Local { .. } => Backend::Kvm,
            Self::Lab(_) => Backend::Lab,
        }
    }

    /// The address at which programs on the machine reach this process's loopback.
    #[must_use]
    pub fn outside(&self) -> &'static str {
        match self {
            Self::Local { .. } => "127.0.0.1",
            Self::Lab(_) => "10.0.2.2",
        }
    }

    /// The path on the machine of `name` in its work folder.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        match self {
            Self::Local { folder } => folder.join(name).display().to_string(),
            Self::Lab(_) => format!("{LAB_FOLDER}/{name}"),
        }
    }

    /// Puts a local file into the machine's work folder as `name`, with these permission bits.
    ///
    /// # Errors
    /// What failed, on which file.
    pub fn put(&self, local: &Path, name: &str, mode: u32) -> Result<String> {
        let content = fs::read(local).with_context(|| format!("read {}", local.display()))?;
        self.put_bytes(&content, name, mode)
    }

    /// Puts bytes into the machine's work folder as `name`.
    ///
    /// # Errors
    /// What failed, on which file.
    pub fn put_bytes(&self, content: &[u8], name: &str, mode: u32) -> Result<String> {
        let path = self.path(name);
        match self {
            Self::Local { .. } => put_local(Path::new(&path), content, mode)?,
            Self::Lab(lab) => lab.put(&path, content, mode)?,
        }
        Ok(path)
    }

    /// Reads a file of the machine.
    ///
    /// # Errors
    /// What failed, on which file.
    pub fn get(&self, path: &str) -> Result<Vec<u8>> {
        match self {
            Self::Local { .. } => fs::read(path).with_context(|| format!("read {path}")),
            Self::Lab(lab) => lab.get(path),
        }
    }

    /// The names in a folder of the machine; none where there is no such folder.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn list(&self, path: &str) -> Result<Vec<String>> {
        match self {
            Self::Local { .. } => Ok(server::names(Path::new(path))),
            Self::Lab(lab) => lab.list(path),
        }
    }

    /// Starts a program that lies on the machine.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, argv: &[&str]) -> Result<Job> {
        let name = Path::new(argv[0])
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        match self {
            Self::Local { .. } => {
                let child = Command::new(argv[0])
                    .args(&argv[1..])
                    .stdin(Stdio::null())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .with_context(|| format!("start {}", argv[0]))?;
                Job::local(&name, child)
            }
            Self::Lab(lab) => lab.start(&name, argv, &BTreeMap::new()),
        }
    }

    /// Every process of the machine.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn processes(&self) -> Result<Vec<Process>> {
        match self {
            Self::Local { .. } => server::processes(),
            Self::Lab(lab) => lab.processes(),
        }
    }

    /// Sends a signal to a process of the machine.
    ///
    /// # Errors
    /// When there is none.
    pub fn signal(&self, pid: i32, signal: rustix::process::Signal) -> Result<()> {
        match self {
            Self::Local { .. } => {
                let pid = rustix::process::Pid::from_raw(pid).context("no process number")?;
                Ok(rustix::process::kill_process(pid, signal)?)
            }
            Self::Lab(lab) => lab.signal(pid, signal.as_raw()),
        }
    }
}

fn put_local(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().context("a path has a folder")?;
    let failed = || format!("write {}", path.display());
    fs::create_dir_all(folder).with_context(failed)?;
    let _ = fs::remove_file(path);
    fs::write(path, content).with_context(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).with_context(failed)
}
