//! The command as a person meets it, on the machine that the tests run on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloister-self-test");

/// What it runs, and the shim.
const PROGRAMS: [&str; 6] = [
    "host",
    "vmm",
    "supervisor",
    "simulated-tee",
    "image",
    "shim",
];

fn self_test(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(folder);
    command.output().expect("it was built for this test")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Whether the programs that it runs are built; prints which is not.
fn is_complete() -> bool {
    let paths =
        PROGRAMS.map(|name| PathBuf::from(PROGRAM).with_file_name(format!("cloister-{name}")));
    let missing = paths.iter().find(|path| !path.exists());
    if let Some(path) = missing {
        println!("skipped: {} is not built", path.display());
    }
    missing.is_none()
}

fn results(report: &Value) -> Vec<(&str, &str, &str)> {
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .map(|step| {
            let member = |name: &str| step[name].as_str().unwrap();
            (member("step"), member("result"), member("found"))
        })
        .collect()
}

/// What it does on this host, whatever that is: nothing passes that was not launched, and nothing is left out.
#[test]
fn host_without_anything_ends_in_3_and_says_why() {
    if !is_complete() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let output = self_test(&["-o", "json"], folder.path());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let launches = report["launches"].as_array().unwrap().len();
    let results = results(&report);
    let failed = results.iter().any(|(_, result, _)| *result == "failed");
    let expected = match (failed, launches) {
        (false, 0) => 3,
        (false, _) => 0,
        _ => 1,
    };
    assert_eq!(output.status.code(), Some(expected), "{results:#?}");
    for (step, result, found) in &results {
        assert!(!found.is_empty(), "{step}");
        assert!(*result != "passed" || launches > 0 || *step == "host recorded");
    }
    for tee in ["simulated", "snp", "tdx"] {
        assert!(
            results.iter().any(|(step, ..)| step.starts_with(tee)),
            "{tee}"
        );
    }
    // Without --out nothing is written.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn simulated_tee_passes_here_and_its_report_is_read_again() {
    if !is_complete() {
        return;
    }
    if !rustix::process::geteuid().is_root() || !Path::new("/dev/kvm").exists() {
        println!("skipped: launching takes root and /dev/kvm");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--for", "simulated"];
    let output = self_test(&arguments, folder.path());
    let page = stdout(&output);
    if page.contains("cannot emulate") {
        println!("skipped: this KVM emulates too few instructions for the boot shim");
        return;
    }
    assert_eq!(output.status.code(), Some(0), "{page}{}", stderr(&output));
    assert!(page.contains("6 passed, 0 failed, 2 skipped."), "{page}");
    let name = "cloister-self-test.json";
    let read = self_test(&["--read", name], folder.path());
    assert_eq!(read.status.code(), Some(0));
    // The same page but for the words on the new file.
    let read = stdout(&read);
    assert!(
        page.starts_with(&read) && read.contains("6 passed"),
        "{read}"
    );
    // It is never replaced.
    let again = self_test(&arguments, folder.path());
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("is there already"));
    // And not believed.
    let mut report: Value =
        serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap();
    report["launches"][0]["console"] = json!("");
    fs::write(folder.path().join("changed.json"), report.to_string()).unwrap();
    let changed = self_test(&["--read", "changed.json"], folder.path());
    assert_eq!(changed.status.code(), Some(1));
    assert!(stderr(&changed).contains("is not what the launch shows"));
}

/// A folder with this program, and a VMM beside it that never ends and says who it is.
fn with_silent_vmm() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in PROGRAMS {
        let real = PathBuf::from(PROGRAM).with_file_name(format!("cloister-{name}"));
        symlink(real, folder.path().join(format!("cloister-{name}"))).unwrap();
    }
    fs::copy(PROGRAM, folder.path().join("cloister-self-test")).unwrap();
    let vmm = folder.path().join("cloister-vmm");
    fs::remove_file(&vmm).unwrap();
    let script = "#!/bin/sh\necho $$ > \"$TMPDIR/../vmm\"\nexec sleep 600\n";
    fs::write(&vmm, script).unwrap();
    fs::set_permissions(&vmm, Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(folder.path().join("tmp")).unwrap();
    folder
}

/// What `path` holds, once it does.
fn awaited(path: &Path) -> String {
    for _ in 0..3000 {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text,
            _ => sleep(Duration::from_millis(10)),
        }
    }
    panic!("{} was never written", path.display());
}

#[test]
fn interrupted_it_ends_its_vmm_leaves_nothing_and_dies_of_the_signal() {
    if !is_complete() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: launching takes root");
        return;
    }
    let folder = with_silent_vmm();
    let temporary = folder.path().join("tmp");
    let child = Command::new(folder.path().join("cloister-self-test"))
        .args(["--for", "simulated"])
        .current_dir(folder.path())
        .env("TMPDIR", &temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let vmm = awaited(&folder.path().join("vmm"));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 1);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(Signal::TERM.as_raw()));
    assert!(stderr(&output).contains("stopped by a signal"));
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0);
    assert!(!Path::new("/proc").join(vmm.trim()).exists());
    assert!(!folder.path().join("cloister-self-test.json").exists());
}

#[test]
fn file_that_is_no_report_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("long"), " ".repeat((4 << 20) + 1)).unwrap();
    fs::write(folder.path().join("other"), "{}").unwrap();
    for (name, words) in [
        ("none", "cannot be read"),
        ("other", "no report"),
        ("long", "at most"),
    ] {
        let output = self_test(&["--read", name], folder.path());
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(
            stderr(&output).contains(words),
            "{name}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn wrong_usage_is_2() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--for", "sev"][..],
        &["--seconds", "0"],
        &["--read", "x", "--for", "snp"],
    ] {
        let output = self_test(arguments, folder.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
