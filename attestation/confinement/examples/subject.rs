//! Confines itself as the verifier does, then does what it is told, and prints what came of it. For tests.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::env::args;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use attestation_confinement::{Confinement, Reach, Strictness};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, dumpable_behavior, getppid, getrlimit,
    kill_process, setrlimit,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

fn main() {
    let arguments: Vec<String> = args().skip(1).collect();
    let [folder, ports, deed] = arguments.as_slice() else {
        panic!("subject FOLDER BIND,CONNECT DEED");
    };
    let (bind, connect) = ports.split_once(',').unwrap();
    let (bind, connect) = (bind.parse().unwrap(), connect.parse().unwrap());
    // Whoever starts it may have a limit of its own.
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let _ = setrlimit(Resource::Core, unlimited);
    if deed.starts_with("without-landlock") {
        hide_landlock();
    }
    let folder = Path::new(folder);
    let data = folder.join("data");
    let confinement = Confinement {
        read: vec![data.clone(), folder.join("readable")],
        write: vec![data],
        bind: vec![bind],
        connect: vec![connect],
        reach: Reach {
            file: true,
            database: deed != "socket",
            fetch: deed != "socket",
            names: deed.starts_with("resolve"),
            token: false,
        },
        strictness: match deed.ends_with("best-effort") {
            true => Strictness::BestEffort,
            false => Strictness::Required,
        },
    };
    if deed == "begin-beside-a-thread" {
        let (_wait, waits) = channel::<()>();
        thread::spawn(move || waits.recv());
        return println!("{}", confinement.begin().unwrap_err());
    }
    let begun = match confinement.begin() {
        Ok(begun) => begun,
        Err(error) => return println!("refused: {error}"),
    };
    if let Some(deed) = deed.strip_prefix("between:") {
        return tell(do_between(deed, bind));
    }
    let (go, goes) = channel();
    let deed_before = deed.clone();
    let earlier = thread::spawn(move || {
        goes.recv().unwrap();
        if let Some(deed) = deed_before.strip_prefix("earlier-thread:") {
            tell(do_deed(deed, Path::new("/"), 0));
        }
    });
    let report = begun.finish().unwrap();
    go.send(()).unwrap();
    let _ = earlier.join();
    if deed == "report" || deed.starts_with("without-landlock") {
        return println!("{}", serde_json::to_string(&report).unwrap());
    }
    if !deed.starts_with("earlier-thread:") {
        tell(do_deed(deed, folder, connect));
    }
}

fn tell(result: io::Result<()>) {
    match result {
        Ok(()) => println!("done"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => println!("denied"),
        Err(error) => println!("failed: {error}"),
    }
}

/// Answers as a kernel without Landlock does.
fn hide_landlock() {
    let calls = [(libc::SYS_landlock_create_ruleset, vec![])];
    let none = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let filter = SeccompFilter::new(
        calls.into_iter().collect(),
        SeccompAction::Allow,
        none,
        TargetArch::x86_64,
    );
    let program = BpfProgram::try_from(filter.unwrap()).unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// Before the second step no call is forbidden yet, but files, ports and others are.
fn do_between(deed: &str, port: u16) -> io::Result<()> {
    match deed {
        "bind" => TcpListener::bind(("127.0.0.1", port)).map(|_| ()),
        "bind-foreign" => TcpListener::bind(("127.0.0.1", port ^ 1)).map(|_| ()),
        "signal-parent" => Ok(kill_process(getppid().unwrap(), Signal::CONT)?),
        "exec-in-data" => Err(Command::new("data/program").exec()),
        "look-at-dumps" => {
            let is_private = dumpable_behavior()? == DumpableBehavior::NotDumpable;
            is_private.then_some(()).ok_or(ErrorKind::Other.into())
        }
        "look-at-limits" => {
            let most = |resource| getrlimit(resource).maximum.unwrap_or(u64::MAX);
            let is_low = most(Resource::Core) == 0 && most(Resource::Nofile) <= 0x1_0000;
            is_low.then_some(()).ok_or(ErrorKind::Other.into())
        }
        "make-folder" => fs::create_dir("data/folder"),
        "make-socket" => std::os::unix::net::UnixListener::bind("data/socket").map(|_| ()),
        "parents-memory" => {
            let parent = getppid().unwrap().as_raw_nonzero();
            fs::read(format!("/proc/{parent}/maps")).map(|_| ())
        }
        abstract_name => {
            let address = UnixAddress::from_abstract_name(abstract_name)?;
            UnixStream::connect_addr(&address).map(|_| ())
        }
    }
}

fn do_deed(deed: &str, folder: &Path, port: u16) -> io::Result<()> {
    let data = |name: &str| folder.join("data").join(name);
    match deed {
        "use-data" => {
            fs::write(data("new"), "x")?;
            fs::read(data("new"))?;
            fs::remove_file(data("new"))
        }
        "read" => fs::read(folder.join("readable")).map(|_| ()),
        "write-readable" => fs::write(folder.join("readable"), "x"),
        "truncate-readable" => OpenOptions::new()
            .read(true)
            .write(true)
            .open(folder.join("readable"))
            .map(|_| ()),
        "read-foreign" => fs::read(folder.join("foreign")).map(|_| ()),
        "read-shadow" => fs::read("/etc/shadow").map(|_| ()),
        "read-own-memory" => fs::read("/proc/self/maps").map(|_| ()),
        "make-foreign" => fs::write(folder.join("made"), "x"),
        "rename" => fs::rename(data("kept"), data("renamed")),
        "make-folder" => fs::create_dir(data("folder")),
        "exec" => Err(Command::new("/bin/true").exec()),
        "spawn" => Command::new("/bin/true").status().map(|_| ()),
        "connect" | "socket" => {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            stream.set_write_timeout(Some(Duration::from_secs(1)))
        }
        "connect-foreign" => TcpStream::connect(("127.0.0.1", port ^ 1)).map(|_| ()),
        "bind" => TcpListener::bind("127.0.0.1:0").map(|_| ()),
        "ptrace" => Ok(nix::sys::ptrace::attach(nix::unistd::getppid())?),
        "signal" => Ok(kill_process(getppid().unwrap(), Signal::CONT)?),
        "raise-limit" => {
            let more = Rlimit {
                current: Some(1 << 30),
                maximum: Some(1 << 30),
            };
            Ok(setrlimit(Resource::Core, more)?)
        }
        "make-code" => {
            let memory = memmap2::MmapMut::map_anon(4096)?;
            memory.make_exec().map(|_| ())
        }
        "resolve-localhost" => ("localhost", 80).to_socket_addrs().map(|_| ()),
        // There is none: what it answers depends on the machine.
        "resolve-nobody" => {
            let _ = ("nobody.invalid", 80).to_socket_addrs();
            Ok(())
        }
        "panic" => {
            let panicked = thread::spawn(|| panic!("as planned")).join();
            assert!(panicked.is_err());
            Ok(())
        }
        "abort" => std::process::abort(),
        _ => panic!("{deed}?"),
    }
}
