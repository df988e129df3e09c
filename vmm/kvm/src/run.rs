//! Running a vCPU until something stops the VM.

use std::io;
use std::ops::ControlFlow;

use kvm_ioctls::VcpuExit;
use vmm_kernel_abi::exit::{
    Exit, HYPERCALL, MEMORY_FAULT, MemoryFault, ReqCerts, SNP_REQ_CERTS, SYSTEM_EVENT, TDX,
    TdxCall, set_hypercall_ret, set_req_certs, set_td_vm_call_info, set_tdx_ret,
};

use crate::confidential::{CertificatesAnswer, Confidential};
use crate::run_page::first_bytes;
use crate::{At, RunError, Seat, Vcpu};

/// How often in a row one access may fault before the vCPU is given up. One conversion is enough for an
/// honest guest; two vCPUs that fight for a page, each seeing it otherwise, need a few more.
const SAME_FAULTS: u32 = 64;

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
    /// Who answers what only a guest with private memory asks; `None` where there is none.
    fn confidential(&self) -> Option<&dyn Confidential<Stop = Self::Stop>> {
        None
    }
}

/// What is left to do after KVM_RUN came back and everything that it lent is given back.
enum Next<S> {
    Done(ControlFlow<S>),
    /// A signal, or a vCPU that waits to be started: it just runs again.
    Again,
    /// One of the exits that `vmm-kernel-abi` describes.
    Decode,
    InternalError,
    TripleFault,
    /// Somebody has stopped all vCPUs.
    Stopped,
}

impl Vcpu {
    /// Runs until `bus` stops the VM, whatever becomes of other vCPUs.
    ///
    /// # Errors
    /// The vCPU cannot go on.
    pub fn run<B: Bus>(&mut self, bus: &B) -> Result<B::Stop, RunError> {
        let mut faults = Faults::default();
        loop {
            let next = self.run_once(bus, || true)?;
            if let ControlFlow::Break(stop) = self.step(bus, &mut faults, next)? {
                return Ok(stop);
            }
        }
    }

    /// The same, until somebody stops all vCPUs: then this one's end is `None`.
    ///
    /// # Errors
    /// The vCPU cannot go on.
    pub fn run_until_stopped<B: Bus>(
        &mut self,
        bus: &B,
        seat: &Seat,
    ) -> Result<Option<B::Stop>, RunError> {
        let mut faults = Faults::default();
        while seat.enter() {
            let next = self.run_once(bus, || seat.leave());
            let flow = match next? {
                Next::Stopped => break,
                next => self.step(bus, &mut faults, next)?,
            };
            if let ControlFlow::Break(stop) = flow {
                return Ok(Some(stop));
            }
        }
        Ok(None)
    }

    fn step<B: Bus>(
        &mut self,
        bus: &B,
        faults: &mut Faults,
        next: Next<B::Stop>,
    ) -> Result<ControlFlow<B::Stop>, RunError> {
        match next {
            Next::Done(flow) => {
                *faults = Faults::default();
                Ok(flow)
            }
            Next::Again | Next::Stopped => Ok(ControlFlow::Continue(())),
            Next::Decode => self.confidential(bus, faults),
            Next::InternalError => Err(self.internal_error()),
            Next::TripleFault => Err(RunError::TripleFault {
                vcpu: self.index,
                at: self.at(),
            }),
        }
    }

    /// Goes into the guest once. What brings it out is dealt with only if `goes_on` says so: it is asked
    /// as soon as the vCPU is out.
    fn run_once<B: Bus>(
        &mut self,
        bus: &B,
        goes_on: impl FnOnce() -> bool,
    ) -> Result<Next<B::Stop>, RunError> {
        let vcpu = self.index;
        let left = self.fd.run();
        if !goes_on() {
            return Ok(Next::Stopped);
        }
        let done = match left {
            Ok(VcpuExit::IoOut(port, data)) => bus.port_write(port, data),
            Ok(VcpuExit::MmioWrite(address, data)) => bus.memory_write(address, data),
            Ok(VcpuExit::IoIn(port, data)) => {
                bus.port_read(port, data);
                ControlFlow::Continue(())
            }
            Ok(VcpuExit::MmioRead(address, data)) => {
                bus.memory_read(address, data);
                ControlFlow::Continue(())
            }
            Ok(VcpuExit::Intr) => return Ok(Next::Again),
            // Of a system event kvm-ioctls 0.25 slices KVM's 16 words by KVM's own count, and panics if that is
            // more: a panic here ends the process, without a word by this thread's filter. Only a kernel that
            // has lost its mind says so.
            Ok(
                VcpuExit::Hypercall(_)
                | VcpuExit::SystemEvent(..)
                | VcpuExit::MemoryFault { .. }
                | VcpuExit::Unsupported(TDX | SNP_REQ_CERTS),
            ) => return Ok(Next::Decode),
            Ok(VcpuExit::Shutdown) => return Ok(Next::TripleFault),
            Ok(VcpuExit::InternalError) => return Ok(Next::InternalError),
            Ok(VcpuExit::FailEntry(reason, _)) => return Err(RunError::Entry { vcpu, reason }),
            Ok(exit) => {
                return Err(RunError::Unexpected {
                    vcpu,
                    exit: format!("{exit:?}"),
                });
            }
            Err(errno) => {
                go_on(vcpu, errno.into())?;
                return Ok(Next::Again);
            }
        };
        Ok(Next::Done(done))
    }

    /// An exit of a guest with private memory. Every answer is written, also where it is what KVM put
    /// there: Linux 6.12 leaves the last one's behind.
    fn confidential<B: Bus>(
        &mut self,
        bus: &B,
        faults: &mut Faults,
    ) -> Result<ControlFlow<B::Stop>, RunError> {
        let vcpu = self.index;
        let run = first_bytes(self.fd.get_kvm_run());
        let exit = Exit::decode(run);
        let Some(confidential) = bus.confidential() else {
            return Err(unexpected(vcpu, &exit));
        };
        faults.note(vcpu, &exit)?;
        match exit {
            Exit::Hypercall(call) => Ok(confidential.convert(vcpu, &call).map_continue(|answer| {
                set_hypercall_ret(run, answer.number());
            })),
            Exit::MemoryFault(fault) => Ok(confidential.memory_fault(vcpu, &fault)),
            Exit::SystemEvent(event) => Ok(ControlFlow::Break(confidential.ended(vcpu, &event))),
            Exit::Tdx(call) => {
                answer_tdx(run, vcpu, call, confidential);
                Ok(ControlFlow::Continue(()))
            }
            Exit::SnpReqCerts(request) => {
                self.certificates(&request, confidential)?;
                Ok(ControlFlow::Continue(()))
            }
            Exit::Other(_) => Err(unexpected(vcpu, &exit)),
        }
    }

    /// Completes the exit before anything else happens, so that the certificates can be let go
    /// (Linux 7.0, Documentation/virt/kvm/api.rst, KVM_EXIT_SNP_REQ_CERTS).
    fn certificates<S>(
        &mut self,
        request: &ReqCerts,
        confidential: &dyn Confidential<Stop = S>,
    ) -> Result<(), RunError> {
        let vcpu = self.index;
        let answer = confidential.certificates(vcpu, request);
        let (pages, ret) = answer.numbers(request.npages);
        set_req_certs(first_bytes(self.fd.get_kvm_run()), pages, ret);
        if answer != CertificatesAnswer::Done {
            return Ok(());
        }
        self.fd.set_kvm_immediate_exit(1);
        let completed = self.fd.run().map(|exit| format!("{exit:?}"));
        self.fd.set_kvm_immediate_exit(0);
        confidential.certificates_fetched(vcpu);
        match completed.map_err(io::Error::from) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(source) => Err(RunError::Run { vcpu, source }),
            Ok(exit) => Err(RunError::Unexpected { vcpu, exit }),
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
            at: self.at(),
            suberror,
            meaning,
        }
    }

    /// Where the vCPU is, unless only its processor knows.
    fn at(&self) -> At {
        if self.check_state_is_open().is_err() {
            return At(None);
        }
        At(self.fd.get_regs().ok().map(|registers| registers.rip))
    }
}

fn answer_tdx<S>(
    run: &mut [u8; vmm_kernel_abi::exit::RUN_BYTES],
    vcpu: u32,
    call: TdxCall,
    confidential: &dyn Confidential<Stop = S>,
) {
    let status = match call {
        TdxCall::GetQuote { gpa, size } => confidential.tdx_quote(vcpu, gpa, size),
        TdxCall::GetTdVmCallInfo { leaf } => {
            let (status, registers) = confidential.tdx_call_info(leaf);
            set_td_vm_call_info(run, registers);
            status
        }
        TdxCall::SetupEventNotify { vector } => confidential.tdx_event_notify(vcpu, vector),
        // KVM has put an answer there that suits a VMM which does not know the call.
        TdxCall::Unknown { .. } => return,
    };
    set_tdx_ret(run, status);
}

fn unexpected(vcpu: u32, exit: &Exit) -> RunError {
    let number = match exit {
        Exit::Hypercall(_) => HYPERCALL,
        Exit::SystemEvent(_) => SYSTEM_EVENT,
        Exit::MemoryFault(_) => MEMORY_FAULT,
        Exit::Tdx(_) => TDX,
        Exit::SnpReqCerts(_) => SNP_REQ_CERTS,
        Exit::Other(number) => *number,
    };
    RunError::Unexpected {
        vcpu,
        exit: format!("exit {number}, {exit:?}"),
    }
}

/// Counts an access that faults again and again, with nothing in between.
#[derive(Default)]
struct Faults {
    last: Option<MemoryFault>,
    times: u32,
}

impl Faults {
    fn note(&mut self, vcpu: u32, exit: &Exit) -> Result<(), RunError> {
        let Exit::MemoryFault(fault) = *exit else {
            *self = Self::default();
            return Ok(());
        };
        if self.last != Some(fault) {
            *self = Self {
                last: Some(fault),
                times: 0,
            };
        }
        self.times += 1;
        match self.times > SAME_FAULTS {
            true => Err(RunError::SameFault { vcpu, fault }),
            false => Ok(()),
        }
    }
}

/// After a failed KVM_RUN: a signal, or a vCPU that waited for its start-up interrupt, just runs again.
///
/// The first vCPU never waits for one (Documentation/virt/kvm/api.rst, KVM_GET_MP_STATE). To it EAGAIN
/// means that KVM's own thread cannot be had, and running again would do so for ever.
fn go_on(vcpu: u32, source: io::Error) -> Result<(), RunError> {
    match source.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        io::ErrorKind::WouldBlock if vcpu != 0 => Ok(()),
        io::ErrorKind::WouldBlock => Err(RunError::NoThread { vcpu, source }),
        _ => Err(RunError::Run { vcpu, source }),
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
