//! A watched system call and what becomes of it.

use nix::libc::user_regs_struct;
use nix::unistd::Pid;

use super::TraceeMemory;

/// A watched system call of the program.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The thread that makes it.
    pub thread: Pid,
    /// Its number.
    pub number: i64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

impl Call {
    pub(super) fn new(thread: Pid, registers: &user_regs_struct) -> Self {
        Self {
            thread,
            number: registers.orig_rax.cast_signed(),
            arguments: [
                registers.rdi,
                registers.rsi,
                registers.rdx,
                registers.r10,
                registers.r8,
                registers.r9,
            ],
        }
    }

    /// The request of an `ioctl`; the kernel takes 32 bits of it.
    #[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
    pub fn request(&self) -> Option<u32> {
        (self.number == nix::libc::SYS_ioctl).then_some(self.arguments[1] as u32)
    }

    /// The descriptor of an `ioctl`; the kernel takes 32 bits of it.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "as the kernel does"
    )]
    pub fn descriptor(&self) -> i32 {
        self.arguments[0] as i32
    }

    /// The argument of an `ioctl`.
    pub fn argument(&self) -> u64 {
        self.arguments[2]
    }

    /// The memory of the thread that makes it.
    pub fn memory(&self) -> TraceeMemory {
        TraceeMemory(self.thread)
    }
}

/// A call that the real kernel is to carry out in place of the program's. The program's own seccomp filter
/// judges it as if the program had made it.
#[derive(Clone, Copy, Debug)]
pub struct Substitute {
    /// Its number.
    pub number: i64,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// What becomes of a call that begins.
#[derive(Clone, Copy, Debug)]
pub enum Enter {
    /// The real kernel carries it out.
    Pass,
    /// The real kernel carries it out, and [`Kernel::leave`] sees its result.
    Watch,
    /// The real kernel never sees it; this is its result (an error as a negative number).
    Answer(i64),
    /// The real kernel carries out another one, and [`Kernel::leave`] sees its result.
    Replace(Substitute),
}

/// What becomes of a call that ends.
#[derive(Clone, Copy, Debug)]
pub enum Leave {
    /// The program gets the real result.
    Keep,
    /// The program gets this result.
    Answer(i64),
    /// The real kernel carries out one more, and [`Kernel::leave`] sees its result.
    Again(Substitute),
}

/// What answers in the kernel's place.
pub trait Kernel {
    /// A watched call begins.
    fn enter(&mut self, call: &Call) -> Enter;

    /// A call that was watched or replaced ends, with the real kernel's result. `call` is the program's own.
    fn leave(&mut self, call: &Call, result: i64) -> Leave;
}
