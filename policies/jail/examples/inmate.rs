//! A process that tries to get out. The tests of the jail start it and tell it what to try.
//!
//! It obeys text packets on its control socket and answers with text packets.

#![allow(
    unsafe_code,
    reason = "it makes the system calls that a taken-over process would make"
)]

use std::hint::black_box;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use policies_jail::{Filter, confine, inherited_control, isolate_self};
use policies_profiles::{Profile, Program};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};

/// What it takes to obey.
const STRICT: &str = r#"
name = "strict"
description = "an inmate that may only talk"
[limits]
open_files = { at_most = 32, reason = "as many as it takes" }
processes = { at_most = 1, reason = "itself" }
file_size = { at_most = 0, reason = "none" }
address_space = { at_most = 0x1000_0000, reason = "256 MiB" }
heap = { at_most = 0x10_0000, reason = "a megabyte" }
[[syscall]]
name = "recvfrom"
reason = "commands"
[[syscall]]
name = "sendto"
reason = "answers"
[[syscall]]
name = "close"
reason = "the end"
[[syscall]]
name = "sigaltstack"
reason = "the end of Rust's runtime"
[[syscall]]
name = "munmap"
reason = "the end of Rust's runtime"
[[syscall]]
name = "exit_group"
reason = "the end"
"#;

/// And what shows the layers beneath seccomp.
const LAX: &str = r#"
[[syscall]]
name = "openat"
reason = "to show that there is nothing to open"
[[syscall]]
name = "socket"
reason = "to show that there is nobody to connect to"
[[syscall]]
name = "connect"
reason = "to show that there is nobody to connect to"
[[syscall]]
name = "kill"
reason = "to show that there is nobody to kill"
[[syscall]]
name = "mmap"
reason = "to show a filter on arguments"
when = [{ argument = 2, without = 4 }, { argument = 4, width = 32, equals = 0xffff_ffff }]
"#;

/// What `confine` said of it.
static LANDLOCK: AtomicBool = AtomicBool::new(false);

fn main() {
    if std::env::args().nth(1).as_deref() == Some("forge") {
        return forge();
    }
    let control = inherited_control().expect("started by a test");
    let mut buffer = [0; 256];
    while let Ok((length @ 1.., _)) = recv(&control, &mut buffer, RecvFlags::empty()) {
        let command = std::str::from_utf8(&buffer[..length]).expect("commands are text");
        let (verb, object) = command.split_once(' ').unwrap_or((command, ""));
        answer(&control, &obey(verb, object));
    }
}

/// A socket of this program's own that got the number must not be taken from it.
fn forge() {
    let flags = SocketFlags::empty();
    let (own, _other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
        .expect("sockets can be had");
    assert_eq!(own.as_raw_fd(), 3);
    assert!(inherited_control().is_err());
}

fn answer(control: &OwnedFd, text: &str) {
    // As cloister-vsock sends.
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    send(control, text.as_bytes(), flags).expect("the test listens");
}

fn obey(verb: &str, object: &str) -> String {
    match verb {
        "confine" => show(confine(&profile(object)).map(|confinement| {
            LANDLOCK.store(confinement.landlock_enforced, Ordering::Relaxed);
        })),
        "complain" => {
            policies_jail::tell("an inmate complains");
            "ok".to_owned()
        }
        "control-again" => show(inherited_control().map(|_| ())),
        "landlock" => LANDLOCK.load(Ordering::Relaxed).to_string(),
        "confine-with-threads" => {
            std::thread::spawn(std::thread::park);
            show(confine(&profile(object)).map(|_| ()))
        }
        "keep" => show(std::fs::File::open(object).map(std::mem::forget)),
        "isolate" => show(isolate_self(&profile(object)).map(|_| ())),
        "filter" => show(Filter::compile(&profile(object)).and_then(|filter| filter.install())),
        // SAFETY: asks for a number.
        "dumpable" => unsafe { libc::prctl(libc::PR_GET_DUMPABLE) }.to_string(),
        "environment" => std::env::vars().count().to_string(),
        "allocate" => {
            let bytes = object.parse().expect("a number of bytes");
            drop(black_box(vec![1_u8; bytes]));
            "ok".to_owned()
        }
        _ => outcome(attempt(verb, object)),
    }
}

fn profile(name: &str) -> Profile {
    let text = match name {
        "strict" => STRICT.to_owned(),
        "lax" => format!("{STRICT}{LAX}"),
        "vsock" => return Program::Vsock.profile(),
        other => panic!("no profile {other}"),
    };
    Profile::from_toml(&text).expect("the profiles above are ones")
}

fn show<E: std::error::Error>(result: Result<(), E>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The error number's name matters, not its value.
fn outcome(result: i64) -> String {
    match result {
        -1 => match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::ENOENT) => "ENOENT".to_owned(),
            Some(libc::EACCES) => "EACCES".to_owned(),
            Some(libc::ESRCH) => "ESRCH".to_owned(),
            Some(libc::ENETUNREACH) => "ENETUNREACH".to_owned(),
            Some(libc::EPERM) => "EPERM".to_owned(),
            Some(libc::ENOMEM) => "ENOMEM".to_owned(),
            other => format!("{other:?}"),
        },
        _ => "succeeded".to_owned(),
    }
}

/// Makes one call.
fn attempt(verb: &str, object: &str) -> i64 {
    let path = std::ffi::CString::new(object).expect("no zero bytes");
    let number = object.parse::<i32>().unwrap_or(0);
    let null = std::ptr::null::<libc::c_char>();
    // SAFETY: every pointer handed over is null or to memory that outlives the call; calls that
    // change this process (execve, unshare, mount) are what the tests wait for to fail.
    unsafe {
        match verb {
            "open" => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), 0),
            "socket" => libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0),
            "connect" => connect(),
            "fast-open" => fast_open(),
            "kill" => libc::syscall(libc::SYS_kill, number, libc::SIGKILL),
            "ptrace" => libc::syscall(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0),
            "mount" => libc::syscall(libc::SYS_mount, null, path.as_ptr(), null, 0, null),
            "execve" => libc::syscall(libc::SYS_execve, path.as_ptr(), null, null),
            "unshare" => libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER),
            "clone" => libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0),
            "setuid" => libc::syscall(libc::SYS_setuid, 0),
            "bpf" => libc::syscall(libc::SYS_bpf, 0, 0, 0),
            "io_uring" => libc::syscall(libc::SYS_io_uring_setup, 1, 0),
            // The 32-bit ABI on 64 bits: the same numbers with bit 30.
            "x32" => libc::syscall(libc::SYS_recvfrom | 0x4000_0000, -1, 0, 0, 0, 0, 0),
            "map-data" => map(4096, libc::PROT_READ | libc::PROT_WRITE),
            "map-code" => map(4096, libc::PROT_READ | libc::PROT_EXEC),
            // Costs no memory, but page tables once it is touched.
            "map-addresses" => map(1 << 28, libc::PROT_NONE),
            other => panic!("cannot try {other}"),
        }
    }
}

fn map(length: usize, protection: libc::c_int) -> i64 {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, wherever the kernel likes; nobody uses it.
    unsafe { libc::syscall(libc::SYS_mmap, 0, length, protection, flags, -1, 0) }
}

fn loopback() -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: 2,
        sin_port: 80_u16.to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    }
}

/// Connects a socket without connect(2). Which one does not matter to a filter.
fn fast_open() -> i64 {
    let address = loopback();
    let flags = libc::MSG_FASTOPEN | libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: data and address live until the call returns and have the sizes that are given.
    unsafe {
        libc::syscall(
            libc::SYS_sendto,
            3,
            c"x".as_ptr(),
            1,
            flags,
            &raw const address,
            16,
        )
    }
}

fn connect() -> i64 {
    let address = loopback();
    // SAFETY: the address lives until the calls return and has the size that is given.
    unsafe {
        let socket = libc::syscall(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0);
        libc::syscall(libc::SYS_connect, socket, &raw const address, 16)
    }
}
