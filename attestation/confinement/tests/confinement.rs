//! A process that confines itself as the verifier does is refused what it may not do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// How a forbidden call ends a process (seccomp(2)).
const SIGSYS: i32 = 31;

struct Place {
    folder: TempDir,
    /// Somebody listens on it.
    port: u16,
    _listener: TcpListener,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("data")).unwrap();
        for name in ["readable", "foreign", "data/kept", "data/program"] {
            fs::write(path(name), "#!/bin/sh\n").unwrap();
        }
        fs::set_permissions(path("data/program"), fs::Permissions::from_mode(0o755)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Self {
            folder,
            port,
            _listener: listener,
        }
    }

    fn run(&self, deed: &str) -> Output {
        // The port to bind is any: nobody listens there.
        let ports = format!("{},{}", self.port ^ 0x4000, self.port);
        Command::new(subject())
            .arg(self.folder.path())
            .args([&ports, deed])
            .current_dir(self.folder.path())
            .env("RUST_BACKTRACE", "1")
            .output()
            .unwrap()
    }

    /// What it prints.
    #[track_caller]
    fn says(&self, deed: &str) -> String {
        let output = self.run(deed);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{deed}: {:?} {errors}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Its report.
    fn reports(&self, deed: &str) -> Value {
        serde_json::from_str(&self.says(deed)).unwrap()
    }
}

/// Built with the tests: target/…/examples/subject, while this is target/…/deps/confinement-….
fn subject() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().unwrap();
    target.with_file_name("examples/subject")
}

/// This kernel's Landlock; 0 for none.
fn landlock(place: &Place) -> u64 {
    place.reports("report")["landlock"].as_u64().unwrap()
}

/// Whether the kernel offers a layer of Landlock's; says so where not.
fn is_offered(place: &Place, since: u64) -> bool {
    let version = landlock(place);
    if version < since {
        println!("skipped: Landlock here is of version {version}, and this takes {since}");
    }
    version >= since
}

#[test]
fn what_is_named_can_be_used() {
    let place = Place::new();
    for deed in ["use-data", "read", "connect", "between:bind"] {
        assert_eq!(place.says(deed), "done", "{deed}");
    }
}

#[test]
fn file_that_is_not_named_is_denied() {
    let place = Place::new();
    for deed in [
        "read-foreign",
        "read-shadow",
        "read-own-memory",
        "make-foreign",
        "write-readable",
        "truncate-readable",
        "between:exec-in-data",
        "between:make-folder",
        "between:make-socket",
        "between:parents-memory",
    ] {
        assert_eq!(place.says(deed), "denied", "{deed}");
    }
    assert_eq!(
        fs::read(place.folder.path().join("readable")).unwrap(),
        b"#!/bin/sh\n"
    );
}

#[test]
fn tcp_port_that_is_not_named_is_denied() {
    let place = Place::new();
    if !is_offered(&place, 4) {
        return;
    }
    for deed in ["connect-foreign", "between:bind-foreign"] {
        assert_eq!(place.says(deed), "denied", "{deed}");
    }
}

#[test]
fn abstract_sockets_and_processes_of_others_are_denied() {
    let place = Place::new();
    if !is_offered(&place, 6) {
        return;
    }
    let name = format!("cloister-confinement-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _listener = UnixListener::bind_addr(&address).unwrap();
    for deed in ["signal-parent", &name] {
        assert_eq!(place.says(&format!("between:{deed}")), "denied", "{deed}");
    }
}

#[test]
fn call_that_is_not_listed_kills_from_every_thread() {
    let place = Place::new();
    for deed in [
        "exec",
        "spawn",
        "bind",
        "socket",
        "ptrace",
        "signal",
        "raise-limit",
        "make-code",
        "make-folder",
        "rename",
        "earlier-thread:exec",
        "earlier-thread:make-code",
    ] {
        let output = place.run(deed);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.signal(), Some(SIGSYS), "{deed}: {said}");
    }
}

#[test]
fn process_that_is_killed_or_aborts_leaves_no_core() {
    let place = Place::new();
    for deed in ["ptrace", "abort"] {
        let status = place.run(deed).status;
        assert!(status.signal().is_some() && !status.core_dumped(), "{deed}");
    }
    for deed in ["between:look-at-dumps", "between:look-at-limits"] {
        assert_eq!(place.says(deed), "done", "{deed}");
    }
}

#[test]
fn panic_of_a_thread_with_its_backtrace_ends_that_thread_alone() {
    assert_eq!(Place::new().says("panic"), "done");
}

#[test]
fn names_are_looked_up_under_the_filter() {
    let place = Place::new();
    // Of the resolver's files none is named here: a name fails, and nothing is killed.
    for deed in ["resolve-localhost", "resolve-nobody"] {
        let said = place.says(deed);
        assert!(
            said == "done" || said.starts_with("failed"),
            "{deed}: {said}"
        );
    }
}

#[test]
fn report_says_what_holds_and_what_this_kernel_lacks() {
    let place = Place::new();
    let report = place.reports("report");
    let version = report["landlock"].as_u64().unwrap();
    let names = |list: &str| -> Vec<String> {
        let entries = report[list].as_array().unwrap().iter();
        let name = |entry: &Value| {
            entry["layer"]
                .as_str()
                .or(entry.as_str())
                .unwrap()
                .to_owned()
        };
        entries.map(name).collect()
    };
    for layer in attestation_confinement::Layer::ALL {
        let is_offered = u64::from(layer.since_landlock().unwrap_or(0)) <= version;
        let name = layer.name().to_owned();
        assert_eq!(names("holds").contains(&name), is_offered, "{layer}");
        assert_eq!(names("lacks").contains(&name), !is_offered, "{layer}");
    }
}

#[test]
fn kernel_without_landlock_is_refused_or_with_best_effort_told() {
    let place = Place::new();

    let refused = place.says("without-landlock");
    let report = place.reports("without-landlock:best-effort");

    assert!(
        refused.starts_with("refused: this kernel does not confine"),
        "{refused}"
    );
    assert!(
        refused.contains("files") && refused.contains("best-effort"),
        "{refused}"
    );
    assert_eq!(report["landlock"], 0);
    let lacks = report["lacks"].as_array().unwrap();
    assert_eq!(lacks.len(), 6, "{report}");
    assert!(
        report["holds"]
            .as_array()
            .unwrap()
            .contains(&"system-calls".into())
    );
}

#[test]
fn first_step_beside_another_thread_is_refused() {
    let said = Place::new().says("begin-beside-a-thread");
    assert!(said.contains("2 threads already"), "{said}");
}
