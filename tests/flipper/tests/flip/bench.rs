//! A lab with private memory, and the monitor in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests_flipper::{GUEST, disk};
use tests_flipper_guest::vsock::SERVER_PORT;
use tests_lab::{
    Backend, Lab, Machine, Stream, missing, protected_kvm, stock_kernel, write_protected_initramfs,
};

/// More than a minute of flipping and the start of a VM, on a host that does other things too.
const PATIENCE: Duration = Duration::from_secs(400);

const DISK_PAGES: u32 = 2048;

/// What runs in the lab.
const PROGRAMS: [&str; 6] = [
    "cloister-vmm",
    "cloister-supervisor",
    "cloister-simulated-tee",
    "cloister-blk",
    "cloister-vsock",
    "flipper-watch",
];

const KEYS: [&str; 4] = ["vcek.key", "vcek.der", "ask.der", "ark.der"];

/// What the guest is to do.
pub struct Orders {
    mode: &'static str,
    seconds: u32,
    seed: u32,
    mib: u64,
}

impl Orders {
    /// In a VM of so many MiB.
    pub fn new(mode: &'static str, seconds: u32, mib: u64) -> Self {
        Self {
            mode,
            seconds,
            seed: 1,
            mib,
        }
    }

    /// Other choices.
    pub fn seed(self, seed: u32) -> Self {
        Self { seed, ..self }
    }

    fn config(&self) -> String {
        let Self {
            mode,
            seconds,
            seed,
            mib,
        } = self;
        let memory = mib << 20;
        format!(
            r#"
name = "flipper"
[tee]
kind = "simulated"
keys = "keys"
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initramfs.cpio"
cmdline = "mode={mode} seconds={seconds} seed={seed} memory={memory}"
[cpu]
count = 1
model = "x86-64-v2"
[memory]
mib = {mib}
[[disk]]
path = "data.img"
read_only = true
[vsock]
cid = 3
[vsock.ports]
{SERVER_PORT} = "tcp:127.0.0.1:{SERVER_PORT}"
"#
        )
    }
}

/// A lab with everything in place.
pub struct Bench {
    machine: Machine,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// `None`, after saying why, where there can be none.
    pub fn boot() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        match boot(folder.path()) {
            Ok(machine) => {
                let bench = Self {
                    machine,
                    _folder: folder,
                };
                bench.fill();
                Some(bench)
            }
            Err(reason) => {
                println!("skipped: {reason}");
                None
            }
        }
    }

    fn fill(&self) {
        for name in PROGRAMS {
            self.machine.put(&program(name), name, 0o755).unwrap();
        }
        let keys = self._folder.path().join("keys");
        let made = Command::new(program("cloister-simulated-tee"))
            .args(["init", "--dir"])
            .arg(&keys)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        for name in KEYS {
            let to = format!("keys/{name}");
            self.machine.put(&keys.join(name), &to, 0o600).unwrap();
        }
        for (name, content) in [
            ("vmlinux", GUEST),
            ("initramfs.cpio", &[7; 5000]),
            ("data.img", &disk(DISK_PAGES)),
        ] {
            self.machine.put_bytes(content, name, 0o600).unwrap();
        }
    }

    /// Runs a guest to its end.
    pub fn run(&self, orders: &Orders) -> Run {
        let config = self
            .machine
            .put_bytes(orders.config().as_bytes(), "vm.toml", 0o600)
            .unwrap();
        let [watch, vmm] = ["flipper-watch", "cloister-vmm"].map(|name| self.machine.path(name));
        let mut job = self
            .machine
            .start(&[
                &watch,
                &vmm,
                "run",
                &config,
                "--software-protected",
                "--adopt-cpuid",
                "--runtime-dir",
                &self.machine.path("run"),
            ])
            .unwrap();
        job.wait(PATIENCE).unwrap();
        let lines = job.lines();
        let report = lines.iter().rev().find_map(|line| {
            (line.stream == Stream::Stdout)
                .then(|| serde_json::from_str(&line.text).ok())
                .flatten()
        });
        let said: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        let said = said.join("\n");
        Run {
            report: report.unwrap_or_else(|| panic!("the watcher reported nothing:\n{said}")),
            said,
        }
    }
}

/// A run that ended.
pub struct Run {
    report: Value,
    /// All that VMM, guest and watcher said.
    pub said: String,
}

impl Run {
    /// For people who read the tests' output.
    pub fn tell(&self) {
        let own = |line: &&str| line.starts_with("flipper:") || line.starts_with('{');
        self.said
            .lines()
            .filter(own)
            .for_each(|line| println!("{line}"));
    }

    /// A counter of the guest's.
    pub fn count(&self, name: &str) -> u64 {
        let prefix = format!("{name}=");
        let mut words = self.said.split_whitespace();
        words
            .find_map(|word| word.strip_prefix(&prefix)?.parse().ok())
            .unwrap_or_else(|| panic!("no count {name}:\n{}", self.said))
    }

    /// The guest found nothing wrong, and nobody found anything of it outside.
    pub fn expect_done(&self) {
        self.expect_no_leak();
        assert_eq!(self.report["exit_code"], 0, "{}", self.said);
        assert!(self.said.contains("flipper: done"), "{}", self.said);
        assert!(self.said.contains("access-platform=true"), "{}", self.said);
        // Everything ended private, so nearly all of the shared memory is holes.
        let left = self.report["bytes_left"].as_u64().unwrap();
        assert!(left < 1 << 20, "{left} bytes are left: {}", self.said);
        for name in ["looks", "bytes_looked_at", "bytes_received"] {
            assert_ne!(self.report[name], 0, "{name}: {}", self.said);
        }
    }

    /// The VMM said that its guest cannot go on, and ended in order.
    pub fn expect_guest_failed(&self) {
        self.expect_no_leak();
        assert_eq!(self.report["exit_code"], 1, "{}", self.said);
        assert!(!self.said.contains("flipper: done"), "{}", self.said);
        assert!(!self.said.contains("panicked"), "{}", self.said);
        assert!(self.reason().contains("vCPU 0"), "{}", self.said);
    }

    /// The watcher found private words both in memory and at the server.
    pub fn expect_leaks(&self) {
        assert_ne!(
            self.report["leaks_in_memory"],
            Value::Array(Vec::new()),
            "{}",
            self.said
        );
        assert_ne!(self.report["leaks_in_streams"], 0, "{}", self.said);
        assert!(!self.said.contains("FAILED"), "{}", self.said);
    }

    fn expect_no_leak(&self) {
        assert_eq!(
            self.report["leaks_in_memory"],
            Value::Array(Vec::new()),
            "{}",
            self.said
        );
        assert_eq!(self.report["leaks_in_streams"], 0, "{}", self.said);
    }

    /// Why the guest was stopped, in the VMM's words.
    pub fn reason(&self) -> &str {
        let stopped = |line: &&str| line.contains("the guest was stopped");
        self.said
            .lines()
            .find(stopped)
            .unwrap_or_else(|| panic!("no reason:\n{}", self.said))
    }
}

fn boot(folder: &Path) -> Result<Machine, String> {
    if let Some(reason) = missing(Backend::Lab) {
        return Err(reason);
    }
    for name in PROGRAMS.iter().chain(&["lab-init"]) {
        if !program(name).exists() {
            return Err(format!("{name} is not built: cargo build --release"));
        }
    }
    let cache = root().join("target/demo/cache");
    let kernel = stock_kernel(&cache).map_err(|error| format!("{error:#}"))?;
    let kvm = protected_kvm(&cache).map_err(|error| format!("{error:#}"))?;
    let initramfs = folder.join("lab.cpio");
    write_protected_initramfs(&kernel, &program("lab-init"), &kvm, &initramfs)
        .map_err(|error| format!("{error:#}"))?;
    let console = folder.join("console.log");
    let lab = Lab::boot(&kernel.join("vmlinux"), &initramfs, &console).expect("the lab boots");
    Ok(Machine::Lab(lab))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("two folders deep")
}

/// Cargo put it beside the folder that this test lies in.
fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test has a path");
    own.ancestors()
        .nth(2)
        .expect("a test lies in deps/")
        .join(name)
}
