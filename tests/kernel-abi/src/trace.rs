//! Stops a program at system calls, and answers them in the kernel's place.
//!
//! The program is started by [`Program::start`] through a launcher that puts it under a seccomp filter,
//! which stops it at the calls named in [`Watched`] and at no other. Threads and processes that it starts
//! inherit the filter, and so are traced with it. One thread does it all: ptrace answers only the thread that
//! attached.

mod call;
mod event_loop;
mod memory;
mod program;
mod watched;

pub use call::{Call, Enter, Kernel, Leave, Substitute};
pub use memory::{Memory, MemoryError, TraceeMemory};
pub use program::{Ended, Program};
pub use watched::{Watched, install_filter};
