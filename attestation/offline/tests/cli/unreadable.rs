//! Every option that names a file, given what is no such file: the program ends soon, prints nothing, and says which
//! option, which file, and why.

use crate::support::{Folder, error, run_line};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// Options and command lines, the file's place being `{}`.
const PLACES: [(&str, &str); 16] = [
    ("--report", "snp --no-binding --report {}"),
    (
        "--vek",
        "snp --no-binding --report @virtee/report_milan.hex --vek {}",
    ),
    (
        "--chain",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --chain {}",
    ),
    (
        "--crl",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --crl {}",
    ),
    (
        "--root",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --root {}",
    ),
    (
        "--policy",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --policy {}",
    ),
    (
        "--reference",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --reference {}",
    ),
    (
        "--state",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --state {}",
    ),
    (
        "--ear-key",
        "snp --no-binding --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --ear OUT --ear-key {}",
    ),
    (
        "--quote",
        "tdx --no-binding --collateral @dcap/tdx_quote_collateral.json --quote {}",
    ),
    (
        "--collateral",
        "tdx --no-binding --quote @dcap/tdx_quote --collateral {}",
    ),
    (
        "--root",
        "tdx --no-binding --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --root {}",
    ),
    ("--evidence", "tpm --no-binding --evidence {}"),
    (
        "--ak",
        "tpm --no-binding --evidence @trustee/tpm_evidence.json --ak {}",
    ),
    ("policy", "policy test {}"),
    ("policy", "policy show {}"),
];

/// Runs every place with this file, and checks what is said of it.
fn told(file: &str, why: &str) {
    for (option, line) in PLACES {
        let began = Instant::now();
        let Some(output) = run_line(line, &[file]) else {
            continue;
        };
        let said = error(&output, 1);
        assert!(began.elapsed() < Duration::from_secs(20), "{line}");
        assert!(said.contains(option), "{line}: {said}");
        assert!(said.contains(file), "{line}: {said}");
        assert!(said.contains(why), "{line}: {said}");
    }
}

#[test]
fn file_that_is_not_there_is_told() {
    let folder = Folder::empty();
    told(&folder.named("none"), "not");
}

#[test]
fn directory_is_no_file() {
    let folder = Folder::empty();
    told(&folder.named(""), "");
}

#[test]
fn pipe_is_not_waited_for() {
    let folder = Folder::empty();
    let pipe = folder.named("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|made| made.success()));
    told(&pipe, "no plain file");
}

#[test]
fn devices_and_sockets_are_not_read() {
    let folder = Folder::empty();
    let socket = folder.named("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    told("/dev/zero", "no plain file");
    told("/dev/null", "no plain file");
    told(&socket, "");
}

#[test]
fn empty_file_is_nothing() {
    let folder = Folder::empty();
    told(&folder.write("empty", ""), "");
}

#[test]
fn file_of_something_else_is_told() {
    let folder = Folder::empty();
    for content in [
        &b"something else"[..],
        b"{\"a\": 1}",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        &[0x30, 0x03, 2, 1, 1],
        &[0xFF; 600],
        b"\xFF\xFE\x00",
    ] {
        told(&folder.write("other", content), "");
    }
}

#[test]
fn huge_file_is_not_read_whole() {
    let folder = Folder::empty();
    let path = folder.named("huge");
    let file = std::fs::File::create(&path).expect("a file");
    file.set_len(1 << 40).expect("it has holes");
    told(&path, "");
}

/// Names and contents may hold what a terminal obeys.
#[test]
fn what_a_terminal_would_obey_is_escaped_in_errors() {
    let folder = Folder::empty();
    let hostile = folder.write("a\u{1B}[2Jb", "{\"\u{1B}[31m\": 1, \"not_before\": 1}");
    for (_, line) in PLACES {
        let Some(output) = run_line(line, &[&hostile]) else {
            continue;
        };
        assert!(!error(&output, 1).contains('\u{1B}'), "{line}");
    }
}
