//! Watches which system calls a confined process really makes, for tests that look for unused rules.
//!
//! The process is traced from outside: it is the production program under its production filter, and
//! nothing in it knows. A call that its filter forbids still kills it.

use std::io;
use std::mem::{size_of, zeroed};
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::mpsc;
use std::thread::JoinHandle;

use libc::{c_int, c_void, pid_t};
use policies_profiles::{Profile, Rule};

use crate::{Child, Exit, syscalls};

/// A traced process.
#[derive(Debug)]
pub struct Observer {
    tracer: JoinHandle<io::Result<Observed>>,
}

/// What a process did from when it was observed until it ended.
#[derive(Clone, Debug)]
pub struct Observed {
    /// How it ended.
    pub exit: Exit,
    calls: Vec<Call>,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    number: i64,
    arguments: [u64; 6],
}

impl Observer {
    /// Traces a child from now on. Returns when nothing of it can be missed any more.
    pub fn attach(child: Child) -> io::Result<Observer> {
        Self::follow(child.pid.as_raw_nonzero().get(), child)
    }

    /// The same of a program that the standard library started, and that has one thread yet: others are traced from when they
    /// are made. It is waited for by [`Self::finish`] alone.
    pub fn attach_to(child: std::process::Child) -> io::Result<Observer> {
        let pid = pid_t::try_from(child.id()).map_err(io::Error::other)?;
        Self::follow(pid, child)
    }

    fn follow(pid: pid_t, child: impl Send + 'static) -> io::Result<Observer> {
        let (attached, is_attached) = mpsc::channel();
        let tracer = std::thread::spawn(move || {
            // A tracer is a thread: all of this must happen in this one.
            let seized = seize(pid);
            let failed = seized.is_err();
            // The other side waits for this until it comes.
            let _ = attached.send(seized);
            if failed {
                return Err(io::Error::other("not attached"));
            }
            follow(pid, child)
        });
        is_attached.recv().map_err(io::Error::other)??;
        Ok(Observer { tracer })
    }

    /// Waits until the process ends.
    pub fn finish(self) -> io::Result<Observed> {
        self.tracer
            .join()
            .map_err(|_| io::Error::other("the tracer panicked"))?
    }
}

impl Observed {
    /// What the process did since it installed its last seccomp filter: before, no rule held. `None` where it was not seen to
    /// install one.
    pub fn since_filter(&self) -> Option<Observed> {
        let is_filter = |call: &Call| call.number == libc::SYS_seccomp;
        let last = self.calls.iter().rposition(is_filter)?;
        Some(Observed {
            exit: self.exit,
            calls: self.calls[last + 1..].to_vec(),
        })
    }

    /// The rules of a profile that allowed nothing.
    pub fn unused<'a>(&self, profile: &'a Profile) -> Vec<&'a Rule> {
        let mut used = vec![false; profile.rules().len()];
        for call in &self.calls {
            if let Some(name) = syscalls::name(call.number) {
                for rule in profile.allowing(name, &call.arguments) {
                    used[rule] = true;
                }
            }
        }
        let rules = profile.rules().iter().zip(used);
        rules
            .filter(|(_, used)| !used)
            .map(|(rule, _)| rule)
            .collect()
    }

    /// The calls, by name, in their order; for people who write profiles.
    pub fn describe(&self) -> Vec<String> {
        self.calls
            .iter()
            .map(|call| match syscalls::name(call.number) {
                Some(name) => format!("{name}{:x?}", call.arguments),
                None => format!("#{}{:x?}", call.number, call.arguments),
            })
            .collect()
    }
}

fn seize(pid: pid_t) -> io::Result<()> {
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE;
    trace(libc::PTRACE_SEIZE, pid, options)?;
    trace(libc::PTRACE_INTERRUPT, pid, 0)
}

/// Lets all threads of a process run from call to call, until it ends.
fn follow<C>(pid: pid_t, child: C) -> io::Result<Observed> {
    let mut calls = Vec::new();
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes the status to an int that lives here.
        let stopped =
            unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if stopped < 0 {
            return Err(io::Error::last_os_error());
        }
        if let Some(exit) = exit(status) {
            if stopped == pid {
                // Waited for here: there is nothing left that `child` could name.
                drop(child);
                return Ok(Observed { exit, calls });
            }
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        let mut forwarded = 0;
        if signal == libc::SIGTRAP | 0x80 {
            calls.extend(entered(stopped)?);
        } else if signal != libc::SIGTRAP {
            forwarded = signal;
        }
        trace(libc::PTRACE_SYSCALL, stopped, forwarded).or_else(ended_meanwhile)?;
    }
}

fn exit(status: c_int) -> Option<Exit> {
    if libc::WIFEXITED(status) {
        Some(Exit::Code(libc::WEXITSTATUS(status)))
    } else if libc::WIFSIGNALED(status) {
        Some(Exit::Signal(libc::WTERMSIG(status)))
    } else {
        None
    }
}

/// The call that a thread stopped before; `None` if it stopped after.
fn entered(thread: pid_t) -> io::Result<Option<Call>> {
    // SAFETY: all-zero is a valid value of this plain struct.
    let mut info: libc::ptrace_syscall_info = unsafe { zeroed() };
    let size = size_of::<libc::ptrace_syscall_info>();
    // SAFETY: the kernel writes at most `size` bytes to `info`, which is that long.
    let result = unsafe {
        libc::ptrace(
            libc::PTRACE_GET_SYSCALL_INFO,
            thread,
            without_provenance_mut::<c_void>(size),
            (&raw mut info).cast::<c_void>(),
        )
    };
    if result < 0 {
        return ended_meanwhile(io::Error::last_os_error()).map(|()| None);
    }
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return Ok(None);
    }
    // SAFETY: `op` says that the kernel filled in `entry`.
    let entry = unsafe { info.u.entry };
    Ok(Some(Call {
        number: entry.nr.cast_signed(),
        arguments: entry.args,
    }))
}

fn trace(request: libc::c_uint, thread: pid_t, data: c_int) -> io::Result<()> {
    let data = without_provenance_mut::<c_void>(usize::try_from(data).map_err(io::Error::other)?);
    // SAFETY: none of the requests made here take `data` or the address for a pointer into this
    // process.
    let result = unsafe { libc::ptrace(request, thread, null_mut::<c_void>(), data) };
    match result {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A killed thread is gone between its stop and what is asked about it; its end is reported next.
fn ended_meanwhile(error: io::Error) -> io::Result<()> {
    match error.raw_os_error() {
        Some(libc::ESRCH) => Ok(()),
        _ => Err(error),
    }
}
