//! Running a vCPU until something stops the VM.

use std::io;
use std::ops::ControlFlow;

use kvm_ioctls::VcpuExit;
use thiserror::Error;

use crate::Vcpu;

/// What the guest reaches outside memory. Every number handed over is the guest's and hostile.
pub trait Bus {
    /// Why the VM stops.
    type Stop;
    /// The guest reads a port.
    fn port_read(&self, port: u16, data: &mut [u8]);
    /// The guest writes a port.
    fn port_write(&self, port: u16, data: &[u8]) -> ControlFlow<Self::Stop>;
    /// The guest reads an address without memory.
    fn memory_read(&self, address: u64, data: &mut [u8]);
    /// The guest writes an address without memory.
    fn memory_write(&self, address: u64, data: &[u8]) -> ControlFlow<Self::Stop>;
}

/// A vCPU that cannot go on.
#[derive(Debug, Error)]
pub enum RunError {
    /// Three faults in a row: the guest has no working exception handler.
    #[error("vCPU {vcpu} shut down by a triple fault at rip {rip:#x}")]
    TripleFault {
        /// Which vCPU.
        vcpu: u32,
        /// Where.
        rip: u64,
    },
    /// KVM cannot emulate or deliver something.
    #[error(
        "KVM cannot go on with vCPU {vcpu} at rip {rip:#x}: internal error {suberror} ({meaning})"
    )]
    Internal {
        /// Which vCPU.
        vcpu: u32,
        /// Where.
        rip: u64,
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

impl Vcpu {
    /// Runs until `bus` stops the VM.
    ///
    /// # Errors
    /// The vCPU cannot go on.
    pub fn run<B: Bus>(&mut self, bus: &B) -> Result<B::Stop, RunError> {
        loop {
            if let ControlFlow::Break(stop) = self.step(bus)? {
                return Ok(stop);
            }
        }
    }

    fn step<B: Bus>(&mut self, bus: &B) -> Result<ControlFlow<B::Stop>, RunError> {
        let vcpu = self.index;
        match self.fd.run() {
            Ok(VcpuExit::IoOut(port, data)) => Ok(bus.port_write(port, data)),
            Ok(VcpuExit::MmioWrite(address, data)) => Ok(bus.memory_write(address, data)),
            Ok(VcpuExit::IoIn(port, data)) => {
                bus.port_read(port, data);
                Ok(ControlFlow::Continue(()))
            }
            Ok(VcpuExit::MmioRead(address, data)) => {
                bus.memory_read(address, data);
                Ok(ControlFlow::Continue(()))
            }
            Ok(VcpuExit::Intr) => Ok(ControlFlow::Continue(())),
            Ok(VcpuExit::Shutdown) => Err(RunError::TripleFault {
                vcpu,
                rip: self.rip(),
            }),
            Ok(VcpuExit::InternalError) => Err(self.internal_error()),
            Ok(VcpuExit::FailEntry(reason, _)) => Err(RunError::Entry { vcpu, reason }),
            Ok(exit) => Err(RunError::Unexpected {
                vcpu,
                exit: format!("{exit:?}"),
            }),
            Err(errno) => go_on(vcpu, errno.into()),
        }
    }

    fn internal_error(&mut self) -> RunError {
        // SAFETY: KVM_RUN returned with exit reason KVM_EXIT_INTERNAL_ERROR (kvm-ioctls' variant
        // `InternalError`), for which the kernel fills this member of the union.
        let suberror = unsafe { self.fd.get_kvm_run().__bindgen_anon_1.internal.suberror };
        let meaning = match suberror {
            1 => "an instruction that it cannot emulate",
            2 => "two events at once",
            3 => "an event could not be delivered",
            4 => "an unexpected exit reason",
            _ => "unknown",
        };
        RunError::Internal {
            vcpu: self.index,
            rip: self.rip(),
            suberror,
            meaning,
        }
    }

    /// Zero where even the registers cannot be read.
    fn rip(&self) -> u64 {
        self.fd.get_regs().map_or(0, |registers| registers.rip)
    }
}

/// After a failed KVM_RUN: a signal, or a vCPU that waited for its start-up interrupt, just runs again.
///
/// The first vCPU never waits for one (Documentation/virt/kvm/api.rst, KVM_GET_MP_STATE). To it EAGAIN
/// means that KVM's own thread cannot be had, and running again would do so for ever.
fn go_on<S>(vcpu: u32, source: io::Error) -> Result<ControlFlow<S>, RunError> {
    match source.kind() {
        io::ErrorKind::Interrupted => Ok(ControlFlow::Continue(())),
        io::ErrorKind::WouldBlock if vcpu != 0 => Ok(ControlFlow::Continue(())),
        io::ErrorKind::WouldBlock => Err(RunError::NoThread { vcpu, source }),
        _ => Err(RunError::Run { vcpu, source }),
    }
}
