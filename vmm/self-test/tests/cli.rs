//! The command as a person meets it, on the machine that the tests run on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_cloister-self-test");

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
    let names = [
        "host",
        "vmm",
        "supervisor",
        "simulated-tee",
        "image",
        "shim",
    ];
    let paths = names.map(|name| PathBuf::from(PROGRAM).with_file_name(format!("cloister-{name}")));
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
