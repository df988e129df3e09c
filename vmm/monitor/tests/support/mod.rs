//! A VM of a few bytes in a folder of its own, and the VMM that runs it.

use std::fs;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::payload::{Then, kernel};

/// Everything here happens at once, or something is wrong.
const PATIENCE: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"
name = "tiny"
[tee]
kind = "simulated"
keys = "keys"
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initramfs.cpio"
cmdline = "console=ttyS0"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 64
[[disk]]
path = "data.img"
read_only = true
[vsock]
cid = 3
[vsock.ports]
8443 = "tcp:127.0.0.1:8443"
"#;

/// A folder with a VM in it.
pub struct Folder {
    dir: tempfile::TempDir,
    console: PathBuf,
    program: PathBuf,
}

impl Folder {
    /// With a guest that does `then`. `None`, after saying why, where this machine cannot run it.
    pub fn new(then: Then) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: confining the VMM and its devices takes root");
            return None;
        }
        if let Err(error) = fs::File::options().read(true).write(true).open("/dev/kvm") {
            println!("skipped: /dev/kvm cannot be opened: {error}");
            return None;
        }
        for program in ["supervisor", "blk", "vsock", "simulated-tee"] {
            let program = program_path(&format!("cloister-{program}"));
            if !program.exists() {
                println!(
                    "skipped: {} is not built; cargo build --release",
                    program.display()
                );
                return None;
            }
        }
        Some(Self::prepare(then))
    }

    /// Without a look at what this machine can do.
    pub fn prepare(then: Then) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let console = dir.path().join("console");
        let program = program_path("cloister-vmm");
        let folder = Self {
            dir,
            console,
            program,
        };
        folder.write("vm.toml", CONFIG.as_bytes());
        folder.write("vmlinux", &kernel(then));
        folder.write("initramfs.cpio", &[7; 5000]);
        folder.write("data.img", &[1; 1 << 20]);
        let keys = program_path("cloister-simulated-tee");
        if keys.exists() {
            let made = Command::new(keys)
                .args(["init", "--dir"])
                .arg(folder.path("keys"))
                .output()
                .unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Has the console go elsewhere.
    pub fn set_console(&mut self, path: &str) {
        self.console = path.into();
    }

    /// Has programs of its own, of which `hanging` is another that never says anything. False, after
    /// saying why, where there is no such program.
    pub fn install_with(&mut self, hanging: &str) -> bool {
        const ENDLESS: &str = "/usr/bin/yes";
        if !Path::new(ENDLESS).exists() {
            println!("skipped: {ENDLESS} is not installed; apt-get install coreutils");
            return false;
        }
        for name in ["vmm", "supervisor", "simulated-tee", "blk", "vsock"] {
            let name = format!("cloister-{name}");
            fs::copy(program_path(&name), self.path(&name)).unwrap();
        }
        fs::copy(ENDLESS, self.path(hanging)).unwrap();
        self.program = self.path("cloister-vmm");
        true
    }

    /// Changes a line of the configuration.
    pub fn reconfigure(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.path("vm.toml")).unwrap();
        assert!(config.contains(from));
        self.write("vm.toml", config.replace(from, to).as_bytes());
    }

    /// The VMM, for this folder.
    pub fn vmm(&self) -> Command {
        self.with_arguments(Command::new(&self.program))
    }

    /// The VMM, run by another program.
    pub fn vmm_under(&self, mut runner: Command) -> Command {
        runner.arg(&self.program);
        self.with_arguments(runner)
    }

    /// The same, but CPUID is as planned or nothing runs.
    pub fn vmm_as_planned(&self) -> Command {
        self.with_own_arguments(Command::new(&self.program))
    }

    fn with_arguments(&self, command: Command) -> Command {
        let mut command = self.with_own_arguments(command);
        // Some hosts' KVM cannot hide the processor's features.
        command.arg("--adopt-cpuid");
        command
    }

    fn with_own_arguments(&self, mut command: Command) -> Command {
        command
            .arg("run")
            .arg(self.path("vm.toml"))
            .arg("--runtime-dir")
            .arg(self.path("run"))
            .arg("--console")
            .arg(&self.console)
            .args(["--output", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub fn run(&self) -> Output {
        self.vmm().output().unwrap()
    }

    /// Starts it and waits until the guest runs.
    pub fn start(&self) -> Running {
        self.follow(self.vmm())
    }

    /// The same, run by another program.
    pub fn start_under(&self, runner: Command) -> Running {
        self.follow(self.vmm_under(runner))
    }

    fn follow(&self, mut command: Command) -> Running {
        let mut vmm = command.spawn().unwrap();
        let mut stdout = BufReader::new(vmm.stdout.take().unwrap());
        let mut events = Vec::new();
        while events
            .last()
            .is_none_or(|event: &Value| event["event"] != "running")
        {
            let event = next_event(&mut stdout).unwrap_or_else(|| {
                let mut said = String::new();
                vmm.stderr
                    .take()
                    .unwrap()
                    .read_to_string(&mut said)
                    .unwrap();
                panic!("the VMM ended before the guest ran: {said}")
            });
            events.push(event);
        }
        let folder = self.dir.path().to_owned();
        Running {
            vmm,
            stdout,
            events,
            folder,
        }
    }

    pub fn console(&self) -> String {
        fs::read_to_string(self.path("console")).unwrap_or_default()
    }
}

/// A VMM whose guest runs.
pub struct Running {
    pub vmm: Child,
    stdout: BufReader<ChildStdout>,
    events: Vec<Value>,
    folder: PathBuf,
}

/// How a VMM ended.
pub struct Ended {
    /// `None`: killed by a signal.
    pub code: Option<i32>,
    pub events: Vec<Value>,
    pub said: String,
}

impl Running {
    /// The process id of a device process.
    pub fn pid_of(&self, process: &str) -> i32 {
        let spawned = self
            .events
            .iter()
            .find(|event| event["process"] == process)
            .unwrap();
        i32::try_from(spawned["pid"].as_i64().unwrap()).unwrap()
    }

    pub fn vmm_pid(&self) -> i32 {
        i32::try_from(self.vmm.id()).unwrap()
    }

    /// Every process that belongs to this VM.
    pub fn processes(&self) -> Vec<i32> {
        family(self.vmm_pid())
    }

    /// The one that tidies up when all others are gone: the supervisor's child that nobody told of.
    pub fn guardian_pid(&self) -> i32 {
        let told: Vec<_> = self
            .events
            .iter()
            .filter_map(|event| event["pid"].as_i64())
            .collect();
        let children = children(self.supervisor_pid()).into_iter();
        let untold: Vec<_> = children
            .filter(|pid| !told.contains(&i64::from(*pid)))
            .collect();
        assert_eq!(untold.len(), 1);
        untold[0]
    }

    /// The VMM's process id where another program runs it: that one's only child.
    pub fn vmm_pid_under_runner(&self) -> i32 {
        only_child(self.vmm_pid())
    }

    pub fn supervisor_pid(&self) -> i32 {
        only_child(self.vmm_pid())
    }

    /// Waits for the VMM's end.
    pub fn wait(mut self) -> Ended {
        while let Some(event) = next_event(&mut self.stdout) {
            self.events.push(event);
        }
        let mut said = String::new();
        self.vmm
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        let code = self.vmm.wait().unwrap().code();
        Ended {
            code,
            events: std::mem::take(&mut self.events),
            said,
        }
    }

    /// Waits for the end of the VMM, and until no process of its VM is left.
    pub fn wait_until_no_process_is_left(self) -> Ended {
        let pids = self.processes();
        let ended = self.wait();
        wait_until(|| !pids.iter().any(|pid| is_alive(*pid)));
        ended
    }

    /// The same, and until its sockets are gone.
    pub fn wait_until_nothing_is_left(self) -> Ended {
        let runtime_dir = self.folder.join("run");
        let ended = self.wait_until_no_process_is_left();
        wait_until(|| !runtime_dir.exists());
        ended
    }
}

/// A test that fails leaves no VM running.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.vmm.kill();
        let _ = self.vmm.wait();
    }
}

pub fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "something is left behind");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Ended {
    /// The last event's reason.
    pub fn reason(&self) -> &str {
        self.events
            .last()
            .and_then(|event| event["reason"].as_str())
            .unwrap_or_default()
    }
}

pub fn kill(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

fn next_event(stdout: &mut BufReader<ChildStdout>) -> Option<Value> {
    let mut line = String::new();
    let read = stdout.read_line(&mut line).unwrap();
    (read > 0).then(|| serde_json::from_str(&line).unwrap())
}

fn only_child(parent: i32) -> i32 {
    let found = children(parent);
    assert_eq!(found.len(), 1, "process {parent} has one child");
    found[0]
}

/// A process and all that it started.
pub fn family(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    all.extend(children(pid).into_iter().flat_map(family));
    all
}

fn children(parent: i32) -> Vec<i32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

/// A zombie is as good as gone: its parent only has not looked yet.
pub fn is_alive(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .starts_with(" Z")
    })
}

fn program_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_cloister-vmm")).with_file_name(name)
}
