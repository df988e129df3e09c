//! Why a vCPU cannot go on.

use std::fmt;
use std::io;

use thiserror::Error;
use vmm_kernel_abi::exit::{MEMORY_FAULT_PRIVATE, MemoryFault};

/// Where a vCPU was, as far as the host may know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At(pub(crate) Option<u64>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rip) => write!(f, " at rip {rip:#x}"),
            None => Ok(()),
        }
    }
}

/// A vCPU that cannot go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Three faults in a row: the guest has no working exception handler.
    #[error("vCPU {vcpu} shut down by a triple fault{at}")]
    TripleFault {
        /// Which vCPU.
        vcpu: u32,
        /// Where.
        at: At,
    },
    /// KVM cannot emulate or deliver something.
    #[error("KVM cannot go on with vCPU {vcpu}{at}: internal error {suberror} ({meaning})")]
    Internal {
        /// Which vCPU.
        vcpu: u32,
        /// Where.
        at: At,
        /// KVM's number.
        suberror: u32,
        /// What the number means.
        meaning: &'static str,
    },
    /// The processor refuses the vCPU's state.
    #[error("the processor refuses to enter vCPU {vcpu}: hardware reason {reason:#x}")]
    Entry {
        /// Which vCPU.
        vcpu: u32,
        /// The hardware's reason.
        reason: u64,
    },
    /// One access faults again and again, although the page is what it takes it for.
    #[error(
        "vCPU {vcpu} does not get on: KVM reports the same fault again and again, {} bytes at {:#x}{}; the host may \
         be out of memory, or a page of it broken: look at dmesg",
        fault.size,
        fault.gpa,
        as_what(fault)
    )]
    SameFault {
        /// Which vCPU.
        vcpu: u32,
        /// As KVM reports it.
        fault: MemoryFault,
    },
    /// An exit that nothing here asked for.
    #[error("vCPU {vcpu} left KVM for a reason that this VMM does not know: {exit}")]
    Unexpected {
        /// Which vCPU.
        vcpu: u32,
        /// The exit.
        exit: String,
    },
    /// KVM gets no thread.
    #[error(
        "vCPU {vcpu} cannot start: KVM makes a thread of its own in this process when a vCPU first runs, and \
         the kernel refused it; raise the limit of processes (pids.max of the cgroup, or RLIMIT_NPROC)"
    )]
    NoThread {
        /// Which vCPU.
        vcpu: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// KVM_RUN failed.
    #[error("KVM_RUN failed on vCPU {vcpu}")]
    Run {
        /// Which vCPU.
        vcpu: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn as_what(fault: &MemoryFault) -> &'static str {
    match fault.flags {
        0 => ", as shared memory",
        MEMORY_FAULT_PRIVATE => ", as private memory",
        _ => "",
    }
}
