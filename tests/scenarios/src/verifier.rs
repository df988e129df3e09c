//! A verifier, run and filled as its operator would.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use attestation_evidence::VerifierPins;
use attestation_service::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::programs::{Programs, word};

/// How long a verifier may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A verifier's data directory and what it needs to be started.
#[derive(Clone, Debug)]
pub struct Verifier {
    programs: Programs,
    folder: PathBuf,
    port: u16,
}

/// A running verifier. Dropped, it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

/// How a verifier is started.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The root of the simulated TEE; without it simulated evidence is refused.
    pub simulated_root: Option<&'a Path>,
    /// Where its log lines go.
    pub log: &'a Path,
    /// Further flags, for faults.
    pub flags: &'a [String],
}

impl Verifier {
    /// Makes the data directory: keys, empty log, pins.
    ///
    /// # Errors
    /// What `cloister verifier init` says.
    pub fn init(programs: &Programs, folder: &Path) -> Result<Self> {
        programs.cloister_json(&["verifier", "init", "--data-dir", word(folder)?])?;
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
        let port = probe.local_addr()?.port();
        Ok(Self {
            programs: programs.clone(),
            folder: folder.to_owned(),
            port,
        })
    }

    /// The TCP port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The data directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that guests carry.
    #[must_use]
    pub fn pins_file(&self) -> PathBuf {
        self.folder.join("verifier-pins.json")
    }

    /// The pins.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn pins(&self) -> Result<VerifierPins> {
        let path = self.pins_file();
        let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        Ok(VerifierPins::from_json(&bytes)?)
    }

    /// A client that knows this verifier by its key alone.
    ///
    /// # Errors
    /// When the pins cannot be read.
    pub fn client(&self) -> Result<Client> {
        let pins = self.pins()?;
        Ok(Client::new(
            &self.url(),
            &pins.server_name,
            pins.tls_spki_sha256,
        )?)
    }

    fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it ends or does not listen in time, with its log's path.
    pub fn start(&self, start: &Start<'_>) -> Result<Running> {
        let ready = self.folder.join("ready");
        let _ = fs::remove_file(&ready);
        let listen = format!("127.0.0.1:{}", self.port);
        let mut command = Command::new(self.programs.path("cloister-verifier"));
        command.args([
            "serve",
            "--data-dir",
            word(&self.folder)?,
            "--listen",
            &listen,
        ]);
        command.args(["--ready-file", word(&ready)?, "--policy", "simulated"]);
        if let Some(root) = start.simulated_root {
            command.args(["--allow-simulated", "--simulated-root", word(root)?]);
        }
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(start.log)?;
        command
            .args(start.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut running = Running {
            child: command.spawn().context("start cloister-verifier")?,
        };
        let end = Instant::now() + PATIENCE;
        while !ready.exists() {
            if let Some(status) = running.child.try_wait()? {
                bail!(
                    "the verifier ended ({status}); its log: {}",
                    start.log.display()
                );
            }
            if Instant::now() > end {
                bail!(
                    "the verifier does not listen; its log: {}",
                    start.log.display()
                );
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(running)
    }

    /// Registers something over the API: `policy`, `reference` or `secret`, and what it takes.
    ///
    /// # Errors
    /// What `cloister verifier put` says.
    pub fn put(&self, words: &[&str]) -> Result<Value> {
        let pins = self.pins_file();
        let token = self.folder.join("admin.token");
        let flags = [
            "--url",
            &self.url(),
            "--pins",
            word(&pins)?,
            "--admin-token-file",
            word(&token)?,
        ];
        self.programs
            .cloister_json(&[&["verifier", "put"], words, &flags].concat())
    }

    /// Exports the evidence bundle to `folder`.
    ///
    /// # Errors
    /// What `cloister verifier export` says.
    pub fn export(&self, folder: &Path) -> Result<()> {
        let words = [
            "verifier",
            "export",
            "--data-dir",
            word(&self.folder)?,
            "--out",
            word(folder)?,
        ];
        self.programs.cloister_json(&words).map(drop)
    }
}

impl Running {
    /// Asks it to end and waits.
    ///
    /// # Errors
    /// When it ends badly.
    pub fn stop(mut self) -> Result<()> {
        kill_process(self.pid()?, Signal::TERM)?;
        let status = self.child.wait()?;
        if !status.success() {
            bail!("the verifier ended with {status}");
        }
        Ok(())
    }

    /// Kills it as a crash would.
    ///
    /// # Errors
    /// When it is gone already.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn pid(&self) -> Result<Pid> {
        Pid::from_raw(i32::try_from(self.child.id())?).context("no process number")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
