//! The supervisor as it runs, with the real devices beside it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use policies_jail::{Child, Exit, HOST_ID_BASE, spawn_helper};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::ioctl_fionbio;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::pipe::fcntl_getpipe_size;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;
use vmm_channel::{
    Beginning, Channel, Ended, Patience, ReceiveError, SendError, Spawned, Supervisor,
    SupervisorError,
};
use vmm_wire::{BrokerReply, BrokerRequest, DeviceKind, ExitStatus, Spawn, TEE_SOCKET, Target};

const SUPERVISOR: &str = env!("CARGO_BIN_EXE_cloister-supervisor");

/// The context id of a machine's own vsock (vsock(7)).
const VMADDR_CID_LOCAL: u32 = 1;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A supervisor and the VMM's end of it.
struct Bench {
    process: Child,
    vmm: Supervisor,
    leash: OwnedFd,
    runtime: PathBuf,
    _parent: TempDir,
}

/// Whether this can run here; says why not.
fn can_run() -> bool {
    let devices = ["cloister-blk", "cloister-vsock"];
    let built = devices
        .iter()
        .all(|device| Path::new(SUPERVISOR).with_file_name(device).exists());
    if !geteuid().is_root() {
        println!("skipped: needs root");
    } else if !built {
        println!("skipped: needs cloister-blk and cloister-vsock; build the workspace first");
    }
    geteuid().is_root() && built
}

fn start() -> Bench {
    start_from(Path::new(SUPERVISOR))
}

fn start_from(program: &Path) -> Bench {
    let parent = TempDir::new().unwrap();
    let runtime = parent.path().join("vm");
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    let (process, socket) = launch(program);
    let (vmm, leash) = begin(socket, &runtime, &runtime);
    Bench {
        process,
        vmm: vmm.unwrap(),
        leash,
        runtime,
        _parent: parent,
    }
}

/// Begins with a path and what is said to be there.
fn begin(
    socket: OwnedFd,
    path: &Path,
    directory: &Path,
) -> (Result<Supervisor, SupervisorError>, OwnedFd) {
    let directory = fs::File::open(directory).unwrap();
    let (theirs, leash) = std::io::pipe().unwrap();
    let beginning = Beginning {
        runtime_dir: path,
        directory: directory.as_fd(),
        leash: theirs.as_fd(),
    };
    let patience = Patience {
        cancel: never(),
        within: Some(PATIENCE),
    };
    (
        Supervisor::begin(socket, &beginning, patience),
        leash.into(),
    )
}

/// What never becomes readable.
fn never() -> BorrowedFd<'static> {
    static NEVER: OnceLock<OwnedFd> = OnceLock::new();
    NEVER
        .get_or_init(|| eventfd(0, EventfdFlags::CLOEXEC).unwrap())
        .as_fd()
}

fn launch(program: &Path) -> (Child, OwnedFd) {
    type Anything = vmm_wire::SupervisorRequest;
    let (ours, theirs) = Channel::<Anything, Anything>::pair().unwrap();
    let process = spawn_helper(program, theirs.into_socket()).unwrap();
    (process, ours.into_socket())
}

fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().starts_with(" Z"))
}

fn ends(pid: u32) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if !is_alive(pid) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn status(pid: u32) -> BTreeMap<String, String> {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(field, value)| (field.to_owned(), value.trim().to_owned()))
        .collect()
}

fn vsock(ports: BTreeMap<u32, Target>) -> Spawn {
    Spawn::Vsock { ports }
}

/// The facts are read here too, by other code than the supervisor's own check.
#[test]
fn child_live_has_no_right_left() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    for spawn in [Spawn::Blk, vsock(BTreeMap::new())] {
        let spawned: Spawned = bench.vmm.spawn(spawn).unwrap();
        let pid = spawned.pid;
        let status = status(pid);
        for (field, expected) in [
            ("Seccomp", "2"),
            ("NoNewPrivs", "1"),
            ("CapInh", "0000000000000000"),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("CapAmb", "0000000000000000"),
            ("Groups", ""),
            ("Threads", "1"),
        ] {
            assert_eq!(status[field], expected, "{field}");
        }
        let user = (HOST_ID_BASE + pid).to_string();
        assert_eq!(status["Uid"], [user.as_str(); 4].join("\t"));
        assert_eq!(status["Gid"], [user.as_str(); 4].join("\t"));
        assert!(status["NSpid"].ends_with("\t1"), "{}", status["NSpid"]);
        for namespace in ["user", "mnt", "pid", "net", "ipc", "uts"] {
            let theirs = fs::read_link(format!("/proc/{pid}/ns/{namespace}")).unwrap();
            let ours = fs::read_link(format!("/proc/self/ns/{namespace}")).unwrap();
            assert_ne!(theirs, ours);
        }
        let root = fs::read_dir(format!("/proc/{pid}/root/")).unwrap();
        assert_eq!(root.count(), 0);
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
        assert_eq!(mounts.lines().count(), 1, "{mounts}");
        // Nothing, nothing, standard error, and the control socket.
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        assert_eq!(descriptors.count(), 4);
    }
}

#[test]
fn supervisor_keeps_only_the_capabilities_that_it_needs() {
    if !can_run() {
        return;
    }
    let bench = start();
    let status = status(bench.process.id());
    // DAC_OVERRIDE (1), SETGID (6), SETUID (7): capability.h.
    for field in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(status[field], "00000000000000c2", "{field}");
    }
    assert_eq!(status["CapInh"], "0000000000000000");
    assert_eq!(status["NoNewPrivs"], "1");
}

#[test]
fn supervisor_killed_takes_its_children_and_its_runtime_dir_along() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let _socket = UnixListener::bind(bench.runtime.join("tee.sock")).unwrap();
    let blk = bench.vmm.spawn(Spawn::Blk).unwrap();
    let vsock = bench.vmm.spawn(vsock(BTreeMap::new())).unwrap();
    signal(bench.process.id(), Signal::KILL);
    assert!(ends(blk.pid) && ends(vsock.pid));
    assert!(matches!(
        bench.vmm.next_ended(),
        Err(SupervisorError::Receive(_))
    ));
    bench.process.wait().unwrap();
    // Its guardian tidies up after it.
    wait_until_gone(&bench.runtime);
}

/// Its end is the VMM's business, and tidying up its own.
#[test]
fn supervisor_and_its_guardian_ignore_requests_to_stop() {
    if !can_run() {
        return;
    }
    let bench = start();
    let supervisor = bench.process.id();
    let guardian = fs::read_to_string(format!("/proc/{supervisor}/task/{supervisor}/children"));
    let guardian = guardian.unwrap().trim().parse().unwrap();
    for request in [Signal::INT, Signal::TERM, Signal::HUP] {
        signal(supervisor, request);
        signal(guardian, request);
    }
    std::thread::sleep(Duration::from_millis(200));
    assert!(is_alive(supervisor) && is_alive(guardian));
    drop((bench.vmm, bench.leash));
    assert_eq!(bench.process.wait().unwrap(), Exit::Code(0));
    assert!(!bench.runtime.exists());
}

fn wait_until_gone(runtime: &Path) {
    let start = Instant::now();
    while runtime.exists() {
        assert!(start.elapsed() < PATIENCE, "a runtime directory is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn vmm_gone_leaves_no_child_no_supervisor_and_no_runtime_dir() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let _socket = UnixListener::bind(bench.runtime.join("tee.sock")).unwrap();
    let blk = bench.vmm.spawn(Spawn::Blk).unwrap();
    // As when the VMM is killed: all its descriptors close at once.
    drop((bench.vmm, blk.control));
    assert_eq!(bench.process.wait().unwrap(), Exit::Code(0));
    assert!(!is_alive(blk.pid));
    assert!(!bench.runtime.exists());
}

/// Stopped, as one that hangs in the kernel would be.
#[test]
fn supervisor_that_hangs_is_killed_with_its_children_once_nobody_wants_it() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let _socket = UnixListener::bind(bench.runtime.join("tee.sock")).unwrap();
    let blk = bench.vmm.spawn(Spawn::Blk).unwrap();
    signal(bench.process.id(), Signal::STOP);
    drop((bench.vmm, bench.leash));
    assert!(ends(bench.process.id()) && ends(blk.pid));
    assert_eq!(bench.process.wait().unwrap(), Exit::Signal(9));
    wait_until_gone(&bench.runtime);
}

#[test]
fn device_killed_is_reported_to_the_vmm() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let blk = bench.vmm.spawn(Spawn::Blk).unwrap();
    signal(blk.pid, Signal::KILL);
    assert_eq!(
        bench.vmm.next_ended().unwrap(),
        Ended {
            child: blk.child,
            kind: DeviceKind::Blk,
            status: ExitStatus::Signal(9),
        }
    );
    assert!(!Path::new(&format!("/proc/{}", blk.pid)).exists(), "zombie");
}

#[test]
fn spawn_of_a_program_that_lies_about_its_confinement_is_refused() {
    if !can_run() {
        return;
    }
    let refusal = refusal_of(&Path::new(SUPERVISOR).with_file_name("examples/liar"));
    for finding in [
        "Seccomp is \"0\"",
        "CapEff",
        "CapBnd",
        "root is not empty",
        "killed by signal 9",
    ] {
        assert!(refusal.contains(finding), "{finding}: {refusal}");
    }
}

#[test]
fn spawn_of_a_program_that_ends_at_once_is_refused() {
    if !can_run() {
        return;
    }
    let refusal = refusal_of(Path::new("/bin/true"));
    assert!(refusal.contains("before it was confined"), "{refusal}");
    assert!(refusal.contains("exited with code 0"), "{refusal}");
}

#[test]
fn spawn_of_a_program_that_is_not_installed_is_refused() {
    if !can_run() {
        return;
    }
    let place = TempDir::new().unwrap();
    let supervisor = place.path().join("cloister-supervisor");
    fs::copy(SUPERVISOR, &supervisor).unwrap();
    let mut bench = start_from(&supervisor);
    let refusal = bench.vmm.spawn(Spawn::Blk).unwrap_err().to_string();
    assert!(refusal.contains("installed beside"), "{refusal}");
}

/// What a supervisor says that finds `program` where `cloister-blk` should be.
fn refusal_of(program: &Path) -> String {
    let place = TempDir::new().unwrap();
    let supervisor = place.path().join("cloister-supervisor");
    fs::copy(SUPERVISOR, &supervisor).unwrap();
    fs::copy(program, place.path().join("cloister-blk")).unwrap();
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(place.path(), open).unwrap();
    let mut bench = start_from(&supervisor);
    let refusal = bench.vmm.spawn(Spawn::Blk).unwrap_err().to_string();
    // The supervisor goes on.
    let again = bench.vmm.spawn(Spawn::Blk).unwrap_err().to_string();
    assert!(!again.is_empty());
    refusal
}

#[test]
fn runtime_dir_that_is_not_ours_alone_is_refused_and_left_alone() {
    if !can_run() {
        return;
    }
    let parent = TempDir::new().unwrap();
    let open = parent.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).unwrap();
    let link = parent.path().join("link");
    std::os::unix::fs::symlink(&open, &link).unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "").unwrap();
    for (path, directory, complaint) in [
        (open.clone(), &open, "0700"),
        (link, &open, "not the directory that was handed over"),
        (file.clone(), &file, "not the directory"),
        (parent.path().join("none"), &open, "cannot look"),
        (PathBuf::from("relative"), &open, "absolute"),
    ] {
        let (process, socket) = launch(Path::new(SUPERVISOR));
        let (Err(SupervisorError::Refused { reason }), _leash) = begin(socket, &path, directory)
        else {
            panic!("{}", path.display());
        };
        assert!(reason.contains(complaint), "{reason}");
        assert_eq!(process.wait().unwrap(), Exit::Code(0));
    }
    assert!(open.exists());
}

/// Whoever may rename a directory above could otherwise choose what is removed, as root.
#[test]
fn runtime_dir_swapped_for_something_else_is_emptied_and_the_other_left_alone() {
    if !can_run() {
        return;
    }
    for (kill, by_link) in [(false, true), (true, true), (false, false)] {
        let bench = start();
        let _socket = UnixListener::bind(bench.runtime.join("tee.sock")).unwrap();
        let victim = TempDir::new().unwrap();
        fs::write(victim.path().join("precious"), "").unwrap();
        let moved = bench.runtime.with_file_name("moved");
        fs::rename(&bench.runtime, &moved).unwrap();
        if by_link {
            std::os::unix::fs::symlink(victim.path(), &bench.runtime).unwrap();
        } else {
            fs::create_dir(&bench.runtime).unwrap();
        }
        if kill {
            signal(bench.process.id(), Signal::KILL);
        }
        drop(bench.vmm);
        bench.process.wait().unwrap();
        // The guardian of a killed one is not waited for by anybody.
        let start = Instant::now();
        while moved.join("tee.sock").exists() && start.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!moved.join("tee.sock").exists());
        assert!(victim.path().join("precious").exists());
        assert!(fs::symlink_metadata(&bench.runtime).is_ok());
    }
}

/// Asks as the device would.
fn connect(broker: &Channel<BrokerRequest, BrokerReply>, port: u32) -> Option<UnixStream> {
    let ticket = 1000 + port;
    broker
        .send(&BrokerRequest::Connect { ticket, port }, &[])
        .unwrap();
    let received = broker.receive().unwrap();
    match received.message {
        BrokerReply::Connected { ticket: answered } => {
            assert_eq!(answered, ticket);
            let stream = received.descriptors.into_iter().next().unwrap();
            ioctl_fionbio(&stream, false).unwrap();
            Some(UnixStream::from(stream))
        }
        BrokerReply::Refused { ticket: answered } => {
            assert_eq!(answered, ticket);
            None
        }
    }
}

#[test]
fn broker_connects_declared_ports_and_no_others() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let path = bench.runtime.join("unix.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let ports = BTreeMap::from([
        (1, Target::Tcp(tcp.local_addr().unwrap())),
        (2, Target::Unix(path)),
        (3, Target::Tcp(dead)),
        (4, Target::Unix(bench.runtime.join("nobody.sock"))),
    ]);
    let spawned = bench.vmm.spawn(vsock(ports)).unwrap();
    let broker = Channel::from_socket(spawned.broker.unwrap());

    let mut by_tcp = connect(&broker, 1).unwrap();
    by_tcp.write_all(b"tcp").unwrap();
    drop(by_tcp);
    let mut heard = String::new();
    tcp.accept().unwrap().0.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "tcp");

    let mut by_unix = connect(&broker, 2).unwrap();
    by_unix.write_all(b"unix").unwrap();
    drop(by_unix);
    let mut heard = String::new();
    unix.accept().unwrap().0.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "unix");

    for refused in [3, 4, 5] {
        assert!(connect(&broker, refused).is_none(), "{refused}");
    }
}

/// A socket that listens on this machine's own vsock; says why there is none.
fn vsock_listener(port: u32) -> Option<Socket> {
    let listen = || {
        let socket = Socket::new(Domain::VSOCK, Type::STREAM, None)?;
        socket.bind(&SockAddr::vsock(VMADDR_CID_LOCAL, port))?;
        socket.listen(1)?;
        std::io::Result::Ok(socket)
    };
    listen()
        .inspect_err(|error| println!("skipped: no vsock of this machine's own: {error}"))
        .ok()
}

#[test]
fn vmm_gets_connections_of_its_own_once_and_only_those_that_it_declared() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let path = bench.runtime.join("qgs.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let ports = BTreeMap::from([(4050, Target::Unix(path))]);
    let broker = Channel::from_socket(bench.vmm.broker(ports.clone()).unwrap());
    let mut by_unix = connect(&broker, 4050).unwrap();
    by_unix.write_all(b"report").unwrap();
    drop(by_unix);
    let mut heard = String::new();
    unix.accept().unwrap().0.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "report");
    assert!(connect(&broker, 4051).is_none());
    let again = bench.vmm.broker(ports.clone()).unwrap_err().to_string();
    assert!(again.contains("already given connections"), "{again}");
    drop(broker);
    assert!(bench.vmm.broker(ports).is_err(), "nor when it gave them up");
    bench.vmm.spawn(Spawn::Blk).unwrap();
}

#[test]
fn broker_of_a_vmm_that_misuses_it_is_closed_and_nothing_else() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let broker: Channel<BrokerReply, BrokerReply> =
        Channel::from_socket(bench.vmm.broker(BTreeMap::new()).unwrap());
    broker
        .send(&BrokerReply::Refused { ticket: 1 }, &[])
        .unwrap();
    assert!(matches!(broker.receive(), Err(ReceiveError::Closed { .. })));
    bench.vmm.spawn(Spawn::Blk).unwrap();
}

#[test]
fn broker_connects_to_vsock_ports() {
    const PORT: u32 = 40_500;
    let Some(listener) = vsock_listener(PORT).filter(|_| can_run()) else {
        return;
    };
    let mut bench = start();
    let target = |port| Target::Vsock {
        cid: VMADDR_CID_LOCAL,
        port,
    };
    let ports = BTreeMap::from([(1, target(PORT)), (2, target(PORT + 1))]);
    let broker = Channel::from_socket(bench.vmm.broker(ports).unwrap());
    let mut by_vsock = connect(&broker, 1).unwrap();
    by_vsock.write_all(b"vsock").unwrap();
    drop(by_vsock);
    let mut heard = String::new();
    let (mut accepted, _) = listener.accept().unwrap();
    accepted.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "vsock");
    assert!(connect(&broker, 2).is_none());
}

#[test]
fn tee_is_found_in_the_runtime_dir_wherever_its_path_leads() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let socket = UnixListener::bind(bench.runtime.join(TEE_SOCKET)).unwrap();
    fs::rename(&bench.runtime, bench.runtime.with_extension("moved")).unwrap();
    fs::create_dir(&bench.runtime).unwrap();
    let another = UnixListener::bind(bench.runtime.join(TEE_SOCKET)).unwrap();
    another.set_nonblocking(true).unwrap();
    let ports = BTreeMap::from([(9000, Target::Tee)]);
    let spawned = bench.vmm.spawn(vsock(ports)).unwrap();
    let broker = Channel::from_socket(spawned.broker.unwrap());
    assert!(connect(&broker, 9000).is_some());
    assert_eq!(another.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    socket.accept().unwrap();
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

/// A guest may ask for ports as often as it likes; each refusal is a line.
#[test]
fn supervisor_whose_standard_error_nobody_reads_goes_on() {
    if !can_run() {
        return;
    }
    let (_reader, full) = std::io::pipe().unwrap();
    let size = fcntl_getpipe_size(&full).unwrap();
    rustix::io::write(&full, &vec![0; size]).unwrap();
    let this = "supervisor_whose_standard_error_nobody_reads_goes_on";
    if !is_run_with(this, full) {
        return;
    }
    let mut bench = start();
    let spawned = bench.vmm.spawn(vsock(BTreeMap::new())).unwrap();
    let broker: Channel<BrokerRequest, BrokerReply> = Channel::from_socket(spawned.broker.unwrap());
    set_socket_timeout(&broker, Timeout::Recv, Some(PATIENCE)).unwrap();
    for port in 0..100 {
        assert!(connect(&broker, port).is_none());
    }
    assert!(bench.vmm.spawn(Spawn::Blk).is_ok());
}

#[test]
fn broker_is_not_held_up_by_a_device_that_does_not_listen() {
    if !can_run() {
        return;
    }
    let mut bench = start();
    let spawned = bench.vmm.spawn(vsock(BTreeMap::new())).unwrap();
    let broker: Channel<BrokerRequest, BrokerReply> = Channel::from_socket(spawned.broker.unwrap());
    ioctl_fionbio(&broker, true).unwrap();
    let start = Instant::now();
    let request = BrokerRequest::Connect { ticket: 0, port: 1 };
    // It closes the socket in the end.
    while !matches!(broker.send(&request, &[]), Err(SendError::Closed { .. })) {
        assert!(start.elapsed() < PATIENCE, "the supervisor hangs");
    }
    assert!(bench.vmm.spawn(Spawn::Blk).is_ok());
}
