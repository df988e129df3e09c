//! A folder with a VM in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Outcome, PATIENCE, family, guest};
use crate::trace::{Call, Enter, Kernel, Leave, Program, Watched};

/// Lines of the configuration's `[tee]`.
#[derive(Clone, Debug)]
pub struct TeeLines(pub String);

/// A VM of a few bytes, and the programs that run it.
pub struct Folder {
    dir: tempfile::TempDir,
    launcher: PathBuf,
    adopts_cpuid: bool,
}

impl Folder {
    /// The IGVM file that a configuration of the protocol `igvm` names.
    pub const IGVM: &str = "guest.igvm";

    /// A VM of `vcpus` with these lines under `[tee]`, booted by `protocol`; for `igvm` the caller writes
    /// [`Folder::IGVM`]. `launcher` lies beside the programs. `Err` says why this machine cannot run it.
    ///
    /// # Errors
    /// No root, no `/dev/kvm`, or a program is not built.
    pub fn new(
        launcher: &Path,
        tee: &TeeLines,
        protocol: &str,
        vcpus: u32,
    ) -> Result<Self, String> {
        let programs = ["vmm", "supervisor", "simulated-tee"];
        let programs = programs.map(|name| launcher.with_file_name(format!("cloister-{name}")));
        if let Some(reason) = super::missing(&programs) {
            return Err(reason);
        }
        let dir = tempfile::tempdir().expect("a folder for the VM");
        let folder = Self {
            dir,
            launcher: launcher.to_owned(),
            adopts_cpuid: false,
        };
        let config = format!(
            "name = \"emulated\"\n[tee]\n{}\n[boot]\nprotocol = \"{protocol}\"\n{}\
             [cpu]\ncount = {vcpus}\nmodel = \"x86-64-v2\"\n[memory]\nmib = 64\n",
            tee.0,
            boot_lines(protocol)
        );
        folder.write("vm.toml", config.as_bytes());
        folder.write("vmlinux", &guest::kernel());
        folder.write("shim.bin", &guest::shim());
        folder.write("initramfs.cpio", &[7; 5000]);
        Ok(folder)
    }

    /// The same VM with whatever CPUID the real KVM answers, which may not be able to hide the processor's
    /// features: for where the emulator does not answer in its place.
    pub fn with_adopted_cpuid(self) -> Self {
        Self {
            adopts_cpuid: true,
            ..self
        }
    }

    /// The same VM with so much memory.
    pub fn with_memory(self, mib: u64) -> Self {
        let path = self.path("vm.toml");
        let config = fs::read_to_string(&path).expect("it was written");
        let changed = config.replace("mib = 64\n", &format!("mib = {mib}\n"));
        assert_ne!(config, changed, "the configuration names its memory");
        fs::write(path, changed).expect("a file in our folder");
        self
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).expect("a file in our folder");
    }

    /// Makes keys for the simulated TEE in `keys`.
    pub fn make_simulated_keys(&self) {
        let program = self.launcher.with_file_name("cloister-simulated-tee");
        let made = Command::new(program)
            .args(["init", "--dir"])
            .arg(self.path("keys"))
            .output()
            .expect("it starts");
        assert!(made.status.success(), "{made:?}");
    }

    /// Runs the VMM to its end, with `kernel` answering the watched calls.
    pub fn run(&self, watched: &Watched, kernel: &mut impl Kernel) -> Outcome {
        let create = |name: &str| File::create(self.path(name)).expect("a file in our folder");
        let program = Program::start(
            &self.launcher,
            watched,
            &self.vmm(),
            (create("events"), create("said")),
        )
        .expect("the VMM starts under the tracer");
        let mut witness = Witness {
            leader: program.process().as_raw(),
            kernel,
            processes: Vec::new(),
        };
        let ended = program.run(&mut witness, PATIENCE).expect("tracing works");
        let mut left = family::left(&witness.processes, Duration::from_secs(10));
        if self.path("run").exists() {
            left.push("the runtime directory".to_owned());
        }
        let read = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        Outcome {
            ended,
            events: read("events")
                .lines()
                .map(|line| serde_json::from_str(line).expect("an event a line"))
                .collect(),
            said: read("said"),
            console: read("console"),
            processes: (witness.processes.iter())
                .map(|process| process.name().to_owned())
                .collect(),
            left,
        }
    }

    fn vmm(&self) -> Command {
        let mut command = Command::new(self.launcher.with_file_name("cloister-vmm"));
        command
            .arg("run")
            .arg(self.path("vm.toml"))
            .arg("--runtime-dir")
            .arg(self.path("run"))
            .arg("--console")
            .arg(self.path("console"))
            .args(["--output", "json"])
            .args(self.adopts_cpuid.then_some("--adopt-cpuid"));
        command
    }
}

/// What a protocol reads, under `[boot]`.
fn boot_lines(protocol: &str) -> String {
    const FILES: &str =
        "kernel = \"vmlinux\"\ninitrd = \"initramfs.cpio\"\ncmdline = \"console=ttyS0\"\n";
    match protocol {
        "igvm" => format!("igvm = \"{}\"\n", Folder::IGVM),
        "shim" => format!("shim = \"shim.bin\"\n{FILES}"),
        _ => FILES.to_owned(),
    }
}

/// Remembers every process that there was when a watched call was made.
struct Witness<'a, K> {
    leader: i32,
    kernel: &'a mut K,
    processes: Vec<family::Process>,
}

impl<K: Kernel> Kernel for Witness<'_, K> {
    fn enter(&mut self, call: &Call) -> Enter {
        for process in family::descendants(self.leader) {
            if !self.processes.contains(&process) {
                self.processes.push(process);
            }
        }
        self.kernel.enter(call)
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        self.kernel.leave(call, result)
    }
}
