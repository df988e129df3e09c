//! The program as it dies: of Ctrl-C, of SIGTERM, of SIGKILL; what that leaves, and what the next run
//! makes of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// Made for the library's tests; not all of it is of use here.
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../image/tests/image/forge.rs"]
mod forge;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use measured_boot_disk::{DiskSecret, SectorCipher};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;

use forge::{ET_EXEC, PT_LOAD, bzimage, deb, elf, listing};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloister-image");
const KERNEL: [&str; 5] = ["kernel", "--deb", "kernel.deb", "--out", "kernel"];
const DISK: [&str; 7] = [
    "disk",
    "--file",
    "payload",
    "--out",
    "data.img",
    "--secret-out",
    "secret.json",
];

/// So many that writing them takes a while: time to die in.
const MODULES: usize = 6_000;

/// A directory with a kernel package of many modules in it.
fn kernel_place() -> TempDir {
    let paths: Vec<String> = (0..MODULES)
        .map(|number| format!("./lib/modules/9.9/kernel/{number}.ko.xz"))
        .collect();
    let kernel = bzimage(&elf(ET_EXEC, &[PT_LOAD]));
    let mut files: Vec<(&str, &[u8])> = vec![("./boot/vmlinuz-9.9", &kernel)];
    files.extend(paths.iter().map(|path| (path.as_str(), &b"module"[..])));
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("kernel.deb"), deb(&files)).unwrap();
    dir
}

fn start(dir: &TempDir, args: &[&str]) -> Child {
    Command::new(PROGRAM)
        .args(args)
        .current_dir(dir.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Starts `cloister-image kernel` and returns when it is writing modules.
fn start_writing(dir: &TempDir) -> (Child, PathBuf) {
    let mut child = start(dir, &KERNEL);
    loop {
        let draft = listing(dir.path())
            .into_iter()
            .find(|name| name.starts_with(".cloister-image.kernel."));
        if let Some(draft) = draft
            && dir.path().join(&draft).join("modules/kernel").exists()
        {
            return (child, draft.into());
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended too early");
        sleep(Duration::from_millis(1));
    }
}

fn send(child: &Child, signal: Signal) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(id, signal).unwrap();
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn kernel_interrupted_removes_its_draft_and_dies_of_the_signal() {
    let dir = kernel_place();
    for signal in [Signal::INT, Signal::TERM, Signal::QUIT, Signal::HUP] {
        let (child, _) = start_writing(&dir);
        send(&child, signal);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.signal(), Some(signal.as_raw()));
        assert_eq!(listing(dir.path()), ["kernel.deb"]);
        assert!(stderr(&output).contains("stopped by a signal"));
    }
}

#[test]
fn kernel_killed_is_cleared_by_the_next_run_which_says_so() {
    let dir = kernel_place();
    let (mut child, draft) = start_writing(&dir);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(dir.path().join(&draft).exists());

    let output = start(&dir, &KERNEL).wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let words = format!("removed ./{}: left by a run", draft.display());
    assert!(stderr(&output).contains(&words), "{}", stderr(&output));
    assert_eq!(listing(dir.path()), ["kernel", "kernel.deb"]);
}

#[test]
fn kernel_of_a_living_run_is_not_cleared_by_another() {
    let dir = kernel_place();
    let (child, draft) = start_writing(&dir);
    send(&child, Signal::STOP);
    let other = start(&dir, &KERNEL).wait_with_output().unwrap();
    assert!(other.status.success(), "{}", stderr(&other));
    assert_eq!(stderr(&other), "");
    assert!(dir.path().join(&draft).exists());
    send(&child, Signal::CONT);
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(listing(dir.path()), ["kernel", "kernel.deb"]);
}

/// Whether the secret is that of the disk: behind the file system there is dm-verity's superblock.
fn opens(dir: &Path, secret: &str) -> bool {
    let Ok(json) = fs::read(dir.join(secret)) else {
        return false;
    };
    let secret = DiskSecret::from_json(&json).unwrap();
    let disk = fs::read(dir.join("data.img")).unwrap();
    let at = secret.layout().superblock_offset();
    let start = usize::try_from(at).unwrap();
    let mut superblock = disk[start..start + 512].to_vec();
    SectorCipher::new(secret.crypt_key())
        .decrypt(at / 512, &mut superblock)
        .unwrap();
    superblock.starts_with(b"verity\0\0")
}

/// Starts a replacement of the disk and returns when so many steps of the naming are done and no more.
fn stop_after(dir: &TempDir, steps: usize) -> Child {
    let steps = format!("--fault-stop-after={steps}");
    let child = start(dir, &[&DISK[..], &["--force", &steps]].concat());
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (_, status) = waitpid(id, WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "it ended too early: {status:?}");
    child
}

/// A directory with a payload, and a disk of it with its secret; `None` without the tools.
fn disk_place() -> Option<TempDir> {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("payload"), vec![0xa7; 1 << 20]).unwrap();
    let first = start(&dir, &DISK).wait_with_output().unwrap();
    if stderr(&first).contains("is not installed") {
        println!("skipped: needs the packages e2fsprogs and cryptsetup-bin");
        return None;
    }
    assert!(first.status.success(), "{}", stderr(&first));
    Some(dir)
}

/// Disk and secret as they are, to see later which of them are new.
struct Pair([Vec<u8>; 2]);

impl Pair {
    fn of(dir: &TempDir) -> Self {
        Self(["data.img", "secret.json"].map(|name| fs::read(dir.path().join(name)).unwrap()))
    }

    fn replaced(&self, dir: &TempDir) -> (bool, bool) {
        let Self([disk, secret]) = Self::of(dir);
        (disk != self.0[0], secret != self.0[1])
    }
}

const NAMES: [&str; 3] = ["data.img", "payload", "secret.json"];
const WITH_PARKED: [&str; 4] = ["data.img", "payload", "secret.json", "secret.json.new"];

/// What a death leaves, by which a test sees where it fell.
struct Left {
    /// Whether disk and secret are the new ones.
    new: (bool, bool),
    /// Whether there is a `secret.json.new`.
    parked: bool,
    /// The file that opens the disk.
    opened_by: &'static str,
    next_run_says: &'static str,
}

/// After no step, one, two and all three.
const LEFT: [Left; 4] = [
    Left {
        new: (false, false),
        parked: false,
        opened_by: "secret.json",
        next_run_says: "exists: name another",
    },
    Left {
        new: (false, false),
        parked: true,
        opened_by: "secret.json",
        next_run_says: "secret.json.new was left by an earlier run and does not open",
    },
    Left {
        new: (true, false),
        parked: true,
        opened_by: "secret.json.new",
        next_run_says: "finished an earlier run: secret.json opens",
    },
    Left {
        new: (true, true),
        parked: false,
        opened_by: "secret.json",
        next_run_says: "exists: name another",
    },
];

#[test]
fn disk_killed_between_any_two_steps_leaves_a_whole_pair_and_no_draft() {
    for (steps, left) in LEFT.iter().enumerate() {
        let Some(dir) = disk_place() else { return };
        let old = Pair::of(&dir);
        let mut child = stop_after(&dir, steps);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(old.replaced(&dir), left.new, "after {steps} steps");
        let names = if left.parked {
            &WITH_PARKED[..]
        } else {
            &NAMES
        };
        assert_eq!(listing(dir.path()), names, "after {steps} steps");
        assert!(opens(dir.path(), left.opened_by), "after {steps} steps");

        let said = stderr(&start(&dir, &DISK).wait_with_output().unwrap());
        assert!(
            said.contains(left.next_run_says),
            "after {steps} steps: {said}"
        );
        let whole = opens(dir.path(), "secret.json");
        assert!(whole, "after {steps} steps and another run");
    }
}

/// Before the first step it still counts; after that, the pair becomes whole first.
#[test]
fn disk_interrupted_between_any_two_steps_is_the_old_one_or_the_new_one() {
    for signal in [Signal::INT, Signal::TERM, Signal::QUIT, Signal::HUP] {
        for steps in 0..=3 {
            let Some(dir) = disk_place() else { return };
            let old = Pair::of(&dir);
            let child = stop_after(&dir, steps);
            send(&child, signal);
            send(&child, Signal::CONT);
            let output = child.wait_with_output().unwrap();
            let done = steps > 0;
            assert_eq!(old.replaced(&dir), (done, done), "after {steps} steps");
            assert_eq!(listing(dir.path()), NAMES, "after {steps} steps");
            assert!(opens(dir.path(), "secret.json"), "after {steps} steps");
            let died_of = (!done).then_some(signal.as_raw());
            assert_eq!(output.status.signal(), died_of, "{}", stderr(&output));
        }
    }
}
