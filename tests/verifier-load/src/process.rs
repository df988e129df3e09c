//! A verifier in a process of its own.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use attestation_evidence::VerifierPins;
use attestation_pinned_http::{HttpClient, Request, connect};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{LAUNCH_DIGEST, RESOURCE, SECRET, Tee};

/// One that does not answer within this does not at all.
const PATIENCE: Duration = Duration::from_secs(60);

/// The shipped policy for simulated evidence.
const POLICY: &str = include_str!("../../../policies/appraisal/simulated.rego");
/// All load comes from one address.
const LIFTED: &str =
    "[limits]\nclient_requests_per_second = 100000\nclient_requests_at_once = 1000000\n";

/// How much a client may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limits {
    /// What a verifier allows unless told otherwise.
    Shipped,
    /// More than any load here.
    Lifted,
}

/// A verifier that runs. It is ended when this is dropped.
pub struct Verifier {
    program: PathBuf,
    folder: PathBuf,
    child: Child,
    /// What guests pin.
    pub pins: VerifierPins,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Verifier {
    /// Makes a verifier in `folder`, which must not be there yet, starts it, and has it know a policy, the launch that guests
    /// claim, and a secret for it.
    ///
    /// # Errors
    /// It does not come up.
    pub fn furnished(program: &Path, folder: &Path, tee: &Tee, limits: Limits) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let data = folder.join("data");
        run(Command::new(program)
            .args(["init", "--data-dir"])
            .arg(&data))?;
        fs::write(folder.join("ark.pem"), pem(tee.ark()))?;
        if limits == Limits::Lifted {
            fs::write(data.join("verifier.toml"), LIFTED)?;
        }
        let verifier = Self::start(program, folder)?;
        verifier.furnish()?;
        if limits == Limits::Lifted {
            verifier.lift_quotas()?;
        }
        Ok(verifier)
    }

    /// Starts one that was made before.
    ///
    /// # Errors
    /// It does not come up.
    pub fn start(program: &Path, folder: &Path) -> Result<Self> {
        let (data, ready) = (folder.join("data"), folder.join("ready"));
        let _ = fs::remove_file(&ready);
        let log = File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))?;
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--policy", "simulated"])
            .args(["--allow-simulated", "--simulated-root"])
            .arg(folder.join("ark.pem"))
            .arg("--data-dir")
            .arg(&data)
            .arg("--ready-file")
            .arg(&ready)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let address = wait_for(&ready, &mut child)?;
        let pins = fs::read(data.join("verifier-pins.json"))?;
        Ok(Self {
            program: program.to_owned(),
            folder: folder.to_owned(),
            child,
            pins: VerifierPins::from_json(&pins)?,
            address: address.parse()?,
        })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it keeps everything.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Ends it at once, as a loss of power would, and waits until it is gone.
    ///
    /// # Errors
    /// It cannot be ended.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    fn furnish(&self) -> Result<()> {
        let policy = self.folder.join("policy.rego");
        let reference = self.folder.join("reference.json");
        let secret = self.folder.join("secret");
        fs::write(&policy, POLICY)?;
        fs::write(
            &reference,
            json!({
                "version": 1, "name": "load", "tee": "simulated", "manifest": null,
                "launch_digest": hex::encode(LAUNCH_DIGEST),
                "not_before": 0, "not_after": 4_102_444_800_u64,
            })
            .to_string(),
        )?;
        fs::write(&secret, SECRET)?;
        self.put(&["policy"], &policy)?;
        self.put(&["reference"], &reference)?;
        self.put(&["secret", "--reference", "load", RESOURCE], &secret)
    }

    /// All load is of one tenant.
    fn lift_quotas(&self) -> Result<()> {
        let token = fs::read_to_string(self.data_dir().join("admin.token"))?;
        let stream = TcpStream::connect(self.address)?;
        let pins = &self.pins;
        let stream = connect(stream, &pins.server_name, pins.tls_spki_sha256)?;
        let http = HttpClient::over(stream, &pins.server_name).with_bearer(token.trim_end());
        let rate = json!({"per_second": 100_000, "burst": 1_000_000});
        let quotas = json!({"challenges": rate, "attests": rate}).to_string();
        let answer = http.send(&Request {
            method: "PUT",
            path: "/v1/tenants/default/quotas",
            body: Some(quotas.as_bytes()),
            ..Request::default()
        })?;
        ensure!(answer.status == 200, "the quotas were refused");
        Ok(())
    }

    fn put(&self, what: &[&str], file: &Path) -> Result<()> {
        run(Command::new(&self.program)
            .arg("put")
            .args(what)
            .arg(file)
            .arg("--url")
            .arg(format!("https://{}", self.address))
            .arg("--data-dir")
            .arg(self.data_dir()))
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (Some(pid), Ok(None)) = (pid, self.child.try_wait()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn wait_for(ready: &Path, child: &mut Child) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Ok(text) = fs::read_to_string(ready) {
            return Ok(text.trim().to_owned());
        }
        if let Some(status) = child.try_wait()? {
            bail!("the verifier ended with {status}");
        }
        ensure!(Instant::now() < deadline, "the verifier does not come up");
        thread::sleep(Duration::from_millis(10));
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {error}");
    Ok(())
}

fn pem(der: &[u8]) -> String {
    let text = attestation_evidence::encoding::base64_encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// Memory that a process has now, in bytes.
///
/// # Errors
/// There is no such process.
pub fn resident_memory(pid: u32) -> Result<u64> {
    memory(pid, "VmRSS:")
}

/// The most memory that a process ever had, in bytes.
///
/// # Errors
/// There is no such process.
pub fn peak_memory(pid: u32) -> Result<u64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, name: &str) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    let kibibytes: u64 = kibibytes.context("/proc has no such line")?.parse()?;
    Ok(kibibytes * 1024)
}
