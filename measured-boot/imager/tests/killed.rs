//! The program as it dies: of Ctrl-C, of SIGTERM, of SIGKILL; what that leaves, and what the next run
//! makes of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// Made for the library's tests; not all of it is of use here.
#[allow(dead_code)]
#[path = "../../image/tests/image/forge.rs"]
mod forge;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use measured_boot_disk::{DiskSecret, SectorCipher};
use rustix::process::{Pid, Signal, kill_process};
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
    for signal in [Signal::INT, Signal::TERM] {
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

/// Every moment: before, in the middle of, and after the replacement.
#[test]
fn disk_killed_at_any_moment_leaves_a_whole_pair_and_no_draft() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("payload"), vec![0xa7; 8 << 20]).unwrap();
    let first = start(&dir, &DISK).wait_with_output().unwrap();
    if stderr(&first).contains("is not installed") {
        println!("skipped: needs the packages e2fsprogs and cryptsetup-bin");
        return;
    }
    assert!(first.status.success(), "{}", stderr(&first));
    let forced = [&DISK[..], &["--force"]].concat();
    for delay in (0..30).map(|step| Duration::from_millis(step * 8)) {
        let mut child = start(&dir, &forced);
        sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap();
        let names = listing(dir.path());
        assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
        let whole = opens(dir.path(), "secret.json") || opens(dir.path(), "secret.json.new");
        assert!(whole, "{names:?}");
        if dir.path().join("secret.json.new").exists() {
            println!("killed in the middle, after {delay:?}");
            break;
        }
    }
}
