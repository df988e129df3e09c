//! The machine that the tests run on, whatever it is.

use std::io::Write;
use std::process::{Command, Stdio};

use super::{cloister_host, document, stderr, stdout};

#[test]
fn this_machine_is_judged_and_the_page_agrees_with_the_document() {
    let page = cloister_host(&["check"]);
    let json = cloister_host(&["check", "-o", "json"]);
    assert_eq!(page.status.code(), json.status.code(), "{}", stderr(&page));
    let document = document(&json);
    assert_eq!(document["origin"], "this host");
    let code = document["exit_code"].as_i64();
    assert_eq!(code, json.status.code().map(i64::from));
    assert!(stdout(&page).contains("As told by this host. Nothing was changed."));
}

/// What is sent elsewhere is judged there as here.
#[test]
fn what_this_machine_records_is_judged_the_same_elsewhere() {
    let recording = cloister_host(&["record"]);
    assert_eq!(recording.status.code(), Some(0));
    let here = document(&cloister_host(&["check", "-o", "json"]));
    let mut child = Command::new(env!("CARGO_BIN_EXE_cloister-host"))
        .args(["check", "-o", "json", "--recording", "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&recording.stdout).unwrap();
    drop(input);
    let there = document(&child.wait_with_output().unwrap());
    assert_eq!(there["findings"], here["findings"]);
    assert_eq!(there["tees"], here["tees"]);
}

/// Of the command line only known parameters: others may be secret.
#[test]
fn recording_holds_no_parameter_that_is_not_known() {
    let line = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let recording = stdout(&cloister_host(&["record"]));
    let rest = line
        .split_whitespace()
        .filter(|word| word.contains('=') && word.len() > 12);
    for word in rest.filter(|word| {
        !["kvm", "iommu", "mitigations"]
            .iter()
            .any(|k| word.contains(k))
    }) {
        assert!(!recording.contains(word), "{word}");
    }
}
