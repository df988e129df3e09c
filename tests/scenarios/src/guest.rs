//! Guests: their files, their configuration, and a launch.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tests_lab::{Job, Machine, Stream};

use crate::programs::{Programs, text, word};

/// How long a guest may take from launch to power-off; nested emulation on a loaded host is slow.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// What a launch is measured with beside the configuration's files; `cloister-vmm` finds it beside itself.
const SHIM: &str = "cloister-shim";

/// The programs that a launch needs on the machine.
pub const HOST_PROGRAMS: [&str; 6] = [
    "cloister-vmm",
    "cloister-supervisor",
    "cloister-blk",
    "cloister-vsock",
    "cloister-simulated-tee",
    "ask-report",
];

/// The files of the simulated TEE's keys.
const TEE_KEYS: [&str; 5] = ["vcek.key", "vcek.der", "ask.der", "ark.der", "ark.pem"];

/// What the command line of the stock guest says. `quiet`: each byte on the console is a VM exit.
pub const CMDLINE: &str = "console=ttyS0 quiet panic=-1 random.trust_cpu=on";

/// What makes one launch: names are files of the machine's `guest/` folder.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Name of the launch and of its folder.
    pub name: String,
    /// The kernel's command line.
    pub cmdline: String,
    /// The kernel.
    pub kernel: String,
    /// The initial RAM file system.
    pub initrd: String,
    /// The data disk.
    pub disk: String,
    /// How many vCPUs.
    pub vcpus: u32,
    /// The guest policy's debug bit.
    pub debug: bool,
    /// Where the guest's connections to the verifier go, `ADDRESS:PORT`.
    pub verifier: String,
}

impl Launch {
    /// The launch that the reference value is for.
    #[must_use]
    pub fn genuine(name: &str, verifier: &str) -> Self {
        Self {
            name: name.to_owned(),
            cmdline: CMDLINE.to_owned(),
            kernel: "vmlinux".to_owned(),
            initrd: "initramfs.cpio".to_owned(),
            disk: "data.img".to_owned(),
            vcpus: 2,
            debug: false,
            verifier: verifier.to_owned(),
        }
    }

    /// Its `vm.toml`, for a folder beside the files.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut toml = String::new();
        let _ = write!(
            toml,
            "name = \"{}\"\n\n\
             [tee]\nkind = \"simulated\"\nkeys = \"tee\"\ndebug = {}\n\n\
             [boot]\nprotocol = \"shim\"\nkernel = \"{}\"\ninitrd = \"{}\"\ncmdline = \"{}\"\n\n\
             [cpu]\ncount = {}\nmodel = \"x86-64-v2\"\n\n\
             [memory]\nmib = 512\n\n\
             [[disk]]\npath = \"{}\"\nread_only = true\n\n\
             [vsock]\ncid = 3\n\n[vsock.ports]\n8443 = \"tcp:{}\"\n",
            self.name,
            self.debug,
            self.kernel,
            self.initrd,
            self.cmdline,
            self.vcpus,
            self.disk,
            self.verifier,
        );
        toml
    }
}

/// A guest that was started.
#[derive(Debug)]
pub struct Guest {
    /// The VMM.
    pub vmm: Job,
    /// Its folder of sockets on the machine.
    pub runtime: String,
    console: String,
}

/// What a finished guest left.
#[derive(Clone, Debug)]
pub struct Ending {
    /// The VMM's exit code.
    pub code: i32,
    /// The VMM's events, in order.
    pub events: Vec<Value>,
    /// The guest's console.
    pub console: String,
    /// What the VMM said to people.
    pub said: String,
}

/// Puts the programs and the guest's files on the machine.
///
/// # Errors
/// What failed, on which file.
pub fn furnish(machine: &Machine, programs: &Programs, files: &Path, names: &[&str]) -> Result<()> {
    for program in HOST_PROGRAMS {
        machine.put(&programs.path(program), &format!("bin/{program}"), 0o755)?;
    }
    machine.put(&programs.path(SHIM), &format!("bin/{SHIM}"), 0o644)?;
    for name in names {
        machine.put(&files.join(name), &format!("guest/{name}"), 0o600)?;
    }
    for name in TEE_KEYS {
        machine.put(
            &files.join("tee").join(name),
            &format!("guest/tee/{name}"),
            0o600,
        )?;
    }
    Ok(())
}

impl Guest {
    /// Starts a launch.
    ///
    /// # Errors
    /// When the VMM cannot be started.
    pub fn launch(machine: &Machine, launch: &Launch) -> Result<Self> {
        let config = format!("guest/{}.toml", launch.name);
        let config = machine.put_bytes(launch.to_toml().as_bytes(), &config, 0o600)?;
        let console = machine.path(&format!("guest/{}.console", launch.name));
        let runtime = machine.path(&format!("run-{}", launch.name));
        let vmm = machine.start(&[
            &machine.path("bin/cloister-vmm"),
            "run",
            &config,
            "--runtime-dir",
            &runtime,
            "--console",
            &console,
            "-o",
            "json",
        ])?;
        Ok(Self {
            vmm,
            runtime,
            console,
        })
    }

    /// Waits for an event of the VMM.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_for_event(&mut self, event: &str) -> Result<Value> {
        let line = self
            .vmm
            .wait_for(&format!("\"event\":\"{event}\""), PATIENCE)?;
        serde_json::from_str(&line.text).with_context(|| format!("read the event {}", line.text))
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait(&mut self, machine: &Machine) -> Result<Ending> {
        let code = self.vmm.wait(PATIENCE)?;
        let mut events = Vec::new();
        let mut said = String::new();
        for line in self.vmm.lines() {
            match line.stream {
                Stream::Stdout => events.push(
                    serde_json::from_str(&line.text)
                        .with_context(|| format!("read the event {}", line.text))?,
                ),
                Stream::Stderr => {
                    said.push_str(&line.text);
                    said.push('\n');
                }
            }
        }
        let console = machine.get(&self.console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console).replace('\r', "");
        Ok(Ending {
            code,
            events,
            console,
            said,
        })
    }
}

impl Ending {
    /// A field of the event `event`.
    ///
    /// # Errors
    /// When there is no such event or field.
    pub fn event(&self, event: &str, field: &str) -> Result<&str> {
        let found = self.events.iter().find(|found| found["event"] == event);
        let found = found.with_context(|| format!("no event {event}\n{}", self.tail()))?;
        text(found, &format!("/{field}"))
    }

    /// What the agent said after `words`, on its console.
    ///
    /// # Errors
    /// When it did not say it: with the console's end.
    pub fn agent_said(&self, words: &str) -> Result<&str> {
        self.agent_lines()
            .find_map(|line| line.strip_prefix(words))
            .map(str::trim)
            .with_context(|| format!("the agent did not say «{words}»\n{}", self.tail()))
    }

    fn agent_lines(&self) -> impl Iterator<Item = &str> {
        self.console
            .lines()
            .filter_map(|line| line.split_once("cloister-agent: ").map(|(_, said)| said))
    }

    /// The end of console and messages, for an error.
    #[must_use]
    pub fn tail(&self) -> String {
        let console: Vec<&str> = self.console.lines().collect();
        let from = console.len().saturating_sub(20);
        let console = console[from..].join("\n  | ");
        format!(
            "VMM's exit code {}\n{}\nconsole:\n  | {console}",
            self.code, self.said
        )
    }
}

/// What `cloister measure plan` says of a launch whose files lie in `files`, and the launch's
/// configuration, written there.
///
/// # Errors
/// What it says.
pub fn measure(programs: &Programs, files: &Path, launch: &Launch) -> Result<(Value, PathBuf)> {
    let config = files.join(format!("{}.toml", launch.name));
    std::fs::write(&config, launch.to_toml())?;
    let predicted = programs.cloister_json(&["measure", "plan", word(&config)?, "--coverage"])?;
    Ok((predicted, config))
}
