//! The tracer's loop (ptrace(2)).
//!
//! A watched call stops its thread at a seccomp event, where it can be answered or replaced. If its end
//! matters, the thread goes on to its exit stop. For one more call there, the thread is set back to its
//! `syscall` instruction.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{PTRACE_EVENT_SECCOMP, user_regs_struct};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::{Call, Ended, Enter, Kernel, Leave, Substitute};

/// Bytes of the `syscall` instruction.
const SYSCALL_LENGTH: u64 = 2;

/// A call that the real kernel carries out and whose end matters.
struct UnderWay {
    call: Call,
    /// As they were when it began.
    registers: user_regs_struct,
    /// It is one more: its entry stop comes first.
    again: bool,
}

struct Loop<'a, K> {
    kernel: &'a mut K,
    under_way: HashMap<Pid, UnderWay>,
}

/// How long those that outlive the program are accompanied: longer than a guardian waits.
const AFTERMATH: Duration = Duration::from_secs(10);

/// Runs the traced process `leader` to its end, and all that it started to theirs, if they end soon.
pub fn run(leader: Pid, kernel: &mut impl Kernel) -> Result<Ended, Errno> {
    let mut this = Loop {
        kernel,
        under_way: HashMap::new(),
    };
    let ended = loop {
        match next(WaitPidFlag::empty())? {
            WaitStatus::Exited(pid, code) if pid == leader => break Ended::Exited(code),
            WaitStatus::Signaled(pid, signal, _) if pid == leader => break Ended::Signaled(signal),
            // A thread that is killed while it is stopped is gone before it can be told anything.
            stopped => ignore_gone(this.go_on(stopped))?,
        }
    };
    let deadline = Instant::now() + AFTERMATH;
    while Instant::now() < deadline {
        match next(WaitPidFlag::WNOHANG) {
            Err(Errno::ECHILD) => break,
            Ok(WaitStatus::StillAlive) => std::thread::sleep(Duration::from_millis(1)),
            stopped => ignore_gone(this.go_on(stopped?))?,
        }
    }
    Ok(ended)
}

/// What happens next to any traced thread.
fn next(flags: WaitPidFlag) -> Result<WaitStatus, Errno> {
    // Threads of the tests that run beside this one have children of their own.
    let whose = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        match waitpid(None, Some(whose | flags)) {
            Err(Errno::EINTR) => {}
            status => return status,
        }
    }
}

fn ignore_gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::ESRCH) => Ok(()),
        other => other,
    }
}

impl<K: Kernel> Loop<'_, K> {
    fn go_on(&mut self, status: WaitStatus) -> Result<(), Errno> {
        match status {
            WaitStatus::PtraceEvent(thread, _, PTRACE_EVENT_SECCOMP) => self.begins(thread),
            WaitStatus::PtraceSyscall(thread) => self.entered_or_ends(thread),
            WaitStatus::PtraceEvent(thread, ..) => ptrace::cont(thread, None),
            WaitStatus::Stopped(thread, signal) => ptrace::cont(thread, deliverable(signal)),
            WaitStatus::Exited(thread, _) | WaitStatus::Signaled(thread, ..) => {
                self.under_way.remove(&thread);
                Ok(())
            }
            WaitStatus::Continued(_) | WaitStatus::StillAlive => Ok(()),
        }
    }

    fn begins(&mut self, thread: Pid) -> Result<(), Errno> {
        if self.under_way.contains_key(&thread) {
            // One that takes the place of another, or follows it.
            return ptrace::syscall(thread, None);
        }
        let registers = ptrace::getregs(thread)?;
        let call = Call::new(thread, &registers);
        let enter = self.kernel.enter(&call);
        match enter {
            Enter::Pass => return ptrace::cont(thread, None),
            Enter::Answer(result) => {
                let mut skipped = registers;
                skipped.orig_rax = u64::MAX;
                skipped.rax = result.cast_unsigned();
                ptrace::setregs(thread, skipped)?;
                return ptrace::cont(thread, None);
            }
            Enter::Watch => {}
            Enter::Replace(substitute) => {
                let mut replaced = with_arguments(registers, &substitute);
                replaced.orig_rax = substitute.number.cast_unsigned();
                ptrace::setregs(thread, replaced)?;
            }
        }
        let again = false;
        let under_way = UnderWay {
            call,
            registers,
            again,
        };
        self.under_way.insert(thread, under_way);
        ptrace::syscall(thread, None)
    }

    fn entered_or_ends(&mut self, thread: Pid) -> Result<(), Errno> {
        let Some(under_way) = self.under_way.get_mut(&thread) else {
            return ptrace::cont(thread, None);
        };
        if under_way.again {
            under_way.again = false;
            return ptrace::syscall(thread, None);
        }
        let now = ptrace::getregs(thread)?;
        let result = now.rax.cast_signed();
        let leave = self.kernel.leave(&under_way.call, result);
        let before = under_way.registers;
        if let Leave::Again(substitute) = leave {
            let mut again = with_arguments(before, &substitute);
            again.rax = substitute.number.cast_unsigned();
            again.rip = before.rip - SYSCALL_LENGTH;
            ptrace::setregs(thread, again)?;
            under_way.again = true;
            return ptrace::syscall(thread, None);
        }
        self.under_way.remove(&thread);
        let answered = match leave {
            Leave::Answer(result) => result,
            _ => result,
        };
        ptrace::setregs(thread, returned(now, &before, answered))?;
        ptrace::cont(thread, None)
    }
}

fn with_arguments(mut registers: user_regs_struct, call: &Substitute) -> user_regs_struct {
    [
        registers.rdi,
        registers.rsi,
        registers.rdx,
        registers.r10,
        registers.r8,
        registers.r9,
    ] = call.arguments;
    registers
}

/// The program finds its arguments where it left them.
fn returned(mut now: user_regs_struct, before: &user_regs_struct, result: i64) -> user_regs_struct {
    now.rdi = before.rdi;
    now.rsi = before.rsi;
    now.rdx = before.rdx;
    now.r10 = before.r10;
    now.r8 = before.r8;
    now.r9 = before.r9;
    now.rax = result.cast_unsigned();
    now
}

/// A signal's stop hands it on; the stop with which a new thread begins has none.
fn deliverable(signal: Signal) -> Option<Signal> {
    (signal != Signal::SIGTRAP).then_some(signal)
}
