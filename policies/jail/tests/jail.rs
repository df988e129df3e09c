//! The jail, tried from inside by a process that wants out and looked at from outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use policies_jail::{
    Child, Exit, Finding, HOST_ID_BASE, InspectError, SpawnError, Step, inspect, spawn_confined,
    spawn_helper,
};
use policies_profiles::Profile;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};
use rustix::process::{Pid, geteuid, getsid};
use rustix::thread::{Gid, set_thread_groups};

/// The limits of the inmate's own profiles.
const OUTSIDE: &str = r#"
name = "outside"
description = "what the spawner knows of an inmate's profile"
[limits]
open_files = { at_most = 32, reason = "as many as it takes" }
processes = { at_most = 1, reason = "itself" }
file_size = { at_most = 0, reason = "none" }
address_space = { at_most = 0x1000_0000, reason = "256 MiB" }
[[syscall]]
name = "exit_group"
reason = "the end"
"#;

/// SIGSYS: what a forbidden call dies of.
const FORBIDDEN: Exit = Exit::Signal(31);

struct Inmate {
    child: Child,
    control: OwnedFd,
}

fn is_root() -> bool {
    let root = geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}

/// Built with the tests: target/…/examples/inmate, while this is target/…/deps/jail-….
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().with_file_name("examples/inmate")
}

fn outside() -> Profile {
    Profile::from_toml(OUTSIDE).unwrap()
}

fn sockets() -> (OwnedFd, OwnedFd) {
    socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap()
}

impl Inmate {
    /// In namespaces of its own, not yet confined.
    fn start() -> Inmate {
        let (control, theirs) = sockets();
        let child = spawn_confined(&program(), &outside(), theirs).unwrap();
        Inmate { child, control }
    }

    /// Where the tests are, as the VMM would be.
    fn start_free() -> Inmate {
        let (control, theirs) = sockets();
        let child = spawn_helper(&program(), theirs).unwrap();
        Inmate { child, control }
    }

    fn confined(profile: &str) -> Inmate {
        let inmate = Inmate::start();
        assert_eq!(inmate.tell(&format!("confine {profile}")), "ok");
        inmate
    }

    /// Its answer; empty if it died of the attempt.
    fn tell(&self, command: &str) -> String {
        send(&self.control, command.as_bytes(), SendFlags::NOSIGNAL).unwrap();
        let mut buffer = [0; 512];
        let (length, _) = recv(&self.control, &mut buffer, RecvFlags::empty()).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn end(self) -> Exit {
        drop(self.control);
        self.child.wait().unwrap()
    }

    fn status(&self) -> BTreeMap<String, String> {
        fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .unwrap()
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(field, value)| (field.to_owned(), value.trim().to_owned()))
            .collect()
    }

    fn shares(&self, namespace: &str) -> bool {
        let theirs = fs::read_link(format!("/proc/{}/ns/{namespace}", self.child.id()));
        let ours = fs::read_link(format!("/proc/self/ns/{namespace}"));
        theirs.unwrap() == ours.unwrap()
    }
}

#[test]
fn inspection_of_a_confined_process_finds_nothing() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::confined("strict");
    inspect(&inmate.child, &outside()).unwrap();
    assert_eq!(inmate.end(), Exit::Code(0));
}

#[test]
fn inspection_of_an_unconfined_process_finds_everything() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::start_free();
    // It answers, so it is past its own execve.
    inmate.tell("environment");
    let Err(InspectError::Findings { findings, .. }) = inspect(&inmate.child, &outside()) else {
        panic!("found nothing");
    };
    let fields = |findings: &[Finding]| -> Vec<&str> {
        findings
            .iter()
            .map(|finding| match finding {
                Finding::Status { field, .. } | Finding::Limit { field, .. } => field,
                Finding::Shared(namespace) => namespace,
                Finding::Root => "root",
                Finding::Mounts(_) => "mounts",
                Finding::Descriptors(_) => "descriptors",
            })
            .collect()
    };
    let found = fields(&findings);
    for expected in [
        "Uid",
        "Gid",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "NoNewPrivs",
        "Seccomp",
        "user",
        "mnt",
        "pid",
        "net",
        "ipc",
        "uts",
        "root",
        "mounts",
        "Max open files",
        "Max processes",
        "Max file size",
        "Max address space",
    ] {
        assert!(found.contains(&expected), "{expected} not in {found:?}");
    }
    inmate.end();
}

#[test]
fn inspection_of_a_confined_process_that_kept_a_descriptor_finds_it() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::start();
    assert_eq!(inmate.tell("keep /dev/null"), "ok");
    assert_eq!(inmate.tell("confine strict"), "ok");
    let Err(InspectError::Findings { findings, .. }) = inspect(&inmate.child, &outside()) else {
        panic!("found nothing");
    };
    let descriptors = ["0", "1", "2", "3", "4"].map(str::to_owned).to_vec();
    assert_eq!(findings, [Finding::Descriptors(descriptors)]);
    inmate.end();
}

#[test]
fn inspection_of_a_process_that_only_has_namespaces_finds_the_rest() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::start();
    inmate.tell("environment");
    let Err(InspectError::Findings { findings, .. }) = inspect(&inmate.child, &outside()) else {
        panic!("found nothing");
    };
    assert!(findings.contains(&Finding::Root));
    for field in ["CapPrm", "CapEff", "CapBnd", "NoNewPrivs", "Seccomp"] {
        let finds = |finding: &Finding| matches!(finding, Finding::Status { field: found, .. } if *found == field);
        assert!(findings.iter().any(finds), "{field}: {findings:?}");
    }
    inmate.end();
}

#[test]
fn forbidden_call_kills() {
    if !is_root() {
        return;
    }
    for attempt in [
        "open /etc/passwd",
        "socket",
        "kill 1",
        "ptrace",
        "mount /",
        "execve /bin/sh",
        "unshare",
        "clone",
        "setuid",
        "bpf",
        "io_uring",
        "x32",
        "map-data",
    ] {
        let inmate = Inmate::confined("strict");
        assert_eq!(inmate.tell(attempt), "", "{attempt}");
        assert_eq!(inmate.end(), FORBIDDEN, "{attempt}");
    }
}

/// A device that may send on sockets that it was handed must not connect them by that.
#[test]
fn sending_that_connects_kills_a_vsock_device() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::confined("vsock");
    assert_eq!(inmate.tell("fast-open"), "");
    assert_eq!(inmate.end(), FORBIDDEN);
}

/// With the calls allowed, the layers beneath show: no file, no network, no other process.
#[test]
fn allowed_call_finds_an_empty_world() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::confined("lax");
    for path in ["/etc/passwd", "/proc/self/status", "/dev/null"] {
        let answer = inmate.tell(&format!("open {path}"));
        assert!(answer == "ENOENT" || answer == "EACCES", "{path}: {answer}");
    }
    let answer = inmate.tell("connect");
    assert!(answer == "ENETUNREACH" || answer == "EACCES", "{answer}");
    let this_test = std::process::id();
    assert_eq!(inmate.tell(&format!("kill {this_test}")), "ESRCH");
    // The empty root itself could be opened; Landlock, where there is one, says no even to that.
    let expected = match inmate.tell("landlock").as_str() {
        "true" => "EACCES",
        _ => "succeeded",
    };
    assert_eq!(inmate.tell("open /"), expected);
    assert_eq!(inmate.end(), Exit::Code(0));
}

#[test]
fn argument_filter_tells_data_from_code() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::confined("lax");
    assert_eq!(inmate.tell("map-data"), "succeeded");
    assert_eq!(inmate.tell("map-code"), "");
    assert_eq!(inmate.end(), FORBIDDEN);
}

/// A device may map the memory that it was handed, as often as it likes.
#[test]
fn addresses_end_where_the_profile_says() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::confined("lax");
    assert_eq!(inmate.tell("map-addresses"), "ENOMEM");
    assert_eq!(inmate.tell("map-data"), "succeeded");
    inmate.end();
}

#[test]
fn heap_reserved_serves_up_to_its_size_and_kills_beyond() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::confined("strict");
    for bytes in [1000, 100_000, 300_000, 900_000] {
        assert_eq!(inmate.tell(&format!("allocate {bytes}")), "ok", "{bytes}");
    }
    assert_eq!(inmate.tell("allocate 8000000"), "");
    assert_eq!(inmate.end(), FORBIDDEN);
}

#[test]
fn process_with_threads_cannot_be_confined() {
    if !is_root() {
        return;
    }
    let (control, theirs) = sockets();
    let roomy = OUTSIDE.replace("at_most = 1,", "at_most = 8,");
    let roomy = Profile::from_toml(&roomy).unwrap();
    let child = spawn_confined(&program(), &roomy, theirs).unwrap();
    let inmate = Inmate { child, control };
    let answer = inmate.tell("confine-with-threads strict");
    assert!(answer.contains("has 2 threads"), "{answer}");
    inmate.end();
}

#[test]
fn spawned_process_has_no_environment_and_no_descriptor_but_its_own() {
    if !is_root() {
        return;
    }
    let _open = fs::File::open("/etc/passwd").unwrap();
    let inmate = Inmate::start();
    assert_eq!(inmate.tell("environment"), "0");
    let descriptors = fs::read_dir(format!("/proc/{}/fd", inmate.child.id())).unwrap();
    let mut numbers: Vec<String> = descriptors
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    numbers.sort();
    assert_eq!(numbers, ["0", "1", "2", "3"]);
    let session = |pid| getsid(Pid::from_raw(pid)).unwrap();
    assert_ne!(session(inmate.child.id().cast_signed()), session(0));
    inmate.end();
}

#[test]
fn spawned_process_has_none_of_its_makers_groups() {
    if !is_root() {
        return;
    }
    // Of this thread alone, which ends with this test.
    set_thread_groups(&[Gid::from_raw(4242)]).unwrap();
    let inmate = Inmate::confined("strict");
    assert_eq!(inmate.status()["Groups"], "");
    inspect(&inmate.child, &outside()).unwrap();
    inmate.end();
}

/// False in a test that was called, which then runs itself in another process with this standard error;
/// true there.
fn is_run_with(test: &str, stderr: impl Into<Stdio>) -> bool {
    const AGAIN: &str = "CLOISTER_TEST_AGAIN";
    if std::env::var_os(AGAIN).is_some() {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([test, "--exact"]).env(AGAIN, "1");
    assert!(again.stderr(stderr).status().unwrap().success());
    false
}

/// A device may write no file, and its standard error may be one.
#[test]
fn complaint_that_cannot_be_written_is_lost_and_ends_nobody() {
    if !is_root() {
        return;
    }
    let this = "complaint_that_cannot_be_written_is_lost_and_ends_nobody";
    if !is_run_with(this, tempfile::tempfile().unwrap()) {
        return;
    }
    let inmate = Inmate::confined("vsock");
    assert_eq!(inmate.tell("complain"), "ok");
    assert_eq!(inmate.end(), Exit::Code(0));
}

#[test]
fn control_socket_can_be_had_once() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::start();
    let answer = inmate.tell("control-again");
    assert!(answer.contains("taken already"), "{answer}");
    inmate.end();
}

#[test]
fn control_socket_is_not_a_descriptor_that_the_program_made_itself() {
    let forged = Command::new(program()).arg("forge").status().unwrap();
    assert!(forged.success());
}

/// The kernel's PDEATHSIG goes by the thread that made the child.
#[test]
fn child_dies_with_its_maker() {
    if !is_root() {
        return;
    }
    let maker = std::thread::spawn(|| {
        let inmate = Inmate::confined("strict");
        (inmate.child, inmate.control)
    });
    let (child, _control) = maker.join().unwrap();
    let start = Instant::now();
    while is_running(&child) && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert!(!is_running(&child));
    assert_eq!(child.wait().unwrap(), Exit::Signal(9));
}

fn is_running(child: &Child) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    !stat.rsplit(')').next().unwrap().starts_with(" Z")
}

#[test]
fn isolated_process_has_no_right_left_but_its_threads_filters_to_install() {
    if !is_root() {
        return;
    }
    let inmate = Inmate::start_free();
    assert_eq!(inmate.tell("isolate strict"), "ok");
    let status = inmate.status();
    let user = (HOST_ID_BASE + inmate.child.id()).to_string();
    let none = "0000000000000000";
    for (field, expected) in [
        ("Uid", [user.as_str(); 4].join("\t").as_str()),
        ("Gid", &[user.as_str(); 4].join("\t")),
        ("Groups", ""),
        ("CapInh", none),
        ("CapPrm", none),
        ("CapEff", none),
        ("CapBnd", none),
        ("CapAmb", none),
        ("NoNewPrivs", "1"),
        ("Seccomp", "0"),
    ] {
        assert_eq!(status[field], expected, "{field}");
    }
    for namespace in ["user", "mnt", "net", "ipc", "uts"] {
        assert!(!inmate.shares(namespace), "{namespace}");
    }
    let root = fs::read_dir(format!("/proc/{}/root/", inmate.child.id())).unwrap();
    assert_eq!(root.count(), 0);
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", inmate.child.id())).unwrap();
    assert_eq!(mounts.lines().count(), 1, "{mounts}");
    // Without seccomp yet: the other layers alone.
    let answer = inmate.tell("open /etc/passwd");
    assert!(answer == "ENOENT" || answer == "EACCES", "{answer}");
    assert_eq!(inmate.tell("mount /"), "EPERM");
    assert_eq!(inmate.tell("kill 1"), "EPERM");

    // What cannot be dumped cannot be traced by another process of its user either.
    assert_eq!(inmate.tell("dumpable"), "0");

    assert_eq!(inmate.tell("filter lax"), "ok");
    assert_eq!(inmate.status()["Seccomp"], "2");
    assert_eq!(inmate.tell("ptrace"), "");
    assert_eq!(inmate.end(), FORBIDDEN);
}

#[test]
fn spawn_of_what_is_no_program_says_so() {
    if !is_root() {
        return;
    }
    let spawn = |path: &str| {
        let (_ours, theirs) = sockets();
        spawn_confined(Path::new(path), &outside(), theirs).unwrap_err()
    };
    assert!(matches!(spawn("/nonexistent"), SpawnError::Program { .. }));
    let SpawnError::Child { step, .. } = spawn("/etc/passwd") else {
        panic!("another error");
    };
    assert_eq!(step, Step::Execute);
}
