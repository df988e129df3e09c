//! The simulated TEE: a confined process of its own, driven over its control socket.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixListener;

use measured_boot_digest::LaunchDigest;
use measured_boot_snp_abi::simulated::SIMULATED_TEE_PORT;
use rustix::event::PollFlags;
use rustix::fs::{MemfdFlags, memfd_create};
use vmm_channel::{Channel, Patience};
use vmm_kvm::{GuestRam, RamPart, Vcpu, Vm, VmKind};
use vmm_wire::{IdFields, MemoryRange, Pages, TeeReply, TeeRequest};

use crate::{EvidencePath, Guest, PageRun, Parameters, Tee, TeeError, Told};

const NAME: &str = "simulated";
/// Runs of pages in one message: some 50 bytes of JSON each, far below the message limit.
const RUNS_AT_ONCE: usize = 256;

/// What `cloister-simulated-tee init` made, opened.
#[derive(Debug)]
pub struct Keys {
    /// `vcek.key`.
    pub vcek_key: File,
    /// `vcek.der`.
    pub vcek: File,
    /// `ask.der`.
    pub ask: File,
    /// `ark.der`.
    pub ark: File,
}

/// The process, from this side.
#[derive(Debug)]
pub struct Simulated {
    control: Channel<TeeRequest, TeeReply>,
    patience: Patience,
}

impl Simulated {
    /// Hands the confined process what it needs: the guest's memory, its keys, and the socket on
    /// which it will answer the guest. `patience` is for each of its answers, now and later: it hashes
    /// as long as it takes.
    ///
    /// # Errors
    /// It does not take them.
    pub fn configure(
        control: Channel<TeeRequest, TeeReply>,
        ram: &GuestRam,
        keys: &Keys,
        listener: &UnixListener,
        patience: Patience,
    ) -> Result<Self, TeeError> {
        let tee = Self { control, patience };
        let descriptors = [
            ram.file(),
            keys.vcek_key.as_fd(),
            keys.vcek.as_fd(),
            keys.ask.as_fd(),
            keys.ark.as_fd(),
            listener.as_fd(),
        ];
        tee.send(&TeeRequest::Configure {}, &descriptors)?;
        match tee.receive()? {
            TeeReply::Started => Ok(tee),
            other => Err(unwelcome(other)),
        }
    }

    /// Sends a request. A TEE that refused earlier has ended, and its last words say why.
    fn send(&self, request: &TeeRequest, descriptors: &[BorrowedFd<'_>]) -> Result<(), TeeError> {
        self.wait_until(PollFlags::OUT)?;
        let Err(error) = self.control.send(request, descriptors) else {
            return Ok(());
        };
        match self.control.receive() {
            Ok(last) => Err(unwelcome(last.message)),
            Err(_) => Err(conversation(error)),
        }
    }

    fn send_vcpu(&self, vcpu: &Vcpu) -> Result<(), TeeError> {
        let index = vcpu.index();
        let entries = vcpu.cpuid()?;
        let vcpu_cpuid = TeeRequest::Cpuid {
            vcpu: index,
            entries,
        };
        self.send(&vcpu_cpuid, &[])?;
        let registers = Box::new(vcpu.registers()?);
        self.send(&TeeRequest::Vcpu { index, registers }, &[])
    }

    fn receive(&self) -> Result<TeeReply, TeeError> {
        self.wait_until(PollFlags::IN)?;
        Ok(self.control.receive().map_err(conversation)?.message)
    }

    /// Until the TEE has said something, or takes something.
    fn wait_until(&self, ready: PollFlags) -> Result<(), TeeError> {
        let control = self.control.as_fd();
        self.patience.wait_for(control, ready).map_err(conversation)
    }
}

impl Tee for Simulated {
    fn name(&self) -> &'static str {
        NAME
    }

    fn default_vm_kind(&self) -> VmKind {
        // All its memory is shared: nothing is encrypted.
        VmKind::Plain
    }

    fn create(&mut self, _vm: &Vm, parameters: &Parameters) -> Result<(), TeeError> {
        let request = TeeRequest::Begin {
            policy: parameters.policy.bits(),
            host_data: parameters.host_data,
            id: IdFields {
                family_id: parameters.id.family_id,
                image_id: parameters.id.image_id,
                guest_svn: parameters.id.guest_svn,
            },
            memory: parameters.ram.parts().map(range_to_wire).collect(),
        };
        self.send(&request, &[])
    }

    /// The process reads the guest's memory itself, once the bytes are there.
    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        for run in pages {
            let component = run.component;
            let written = guest.vm.ram().write(run.gpa, run.bytes);
            written.map_err(|source| TeeError::Load { component, source })?;
        }
        for runs in pages.chunks(RUNS_AT_ONCE) {
            let runs = runs.iter().map(to_wire).collect();
            self.send(&TeeRequest::Pages(runs), &[])?;
        }
        Ok(())
    }

    fn finish(
        &mut self,
        guest: Guest<'_>,
        manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        // Only now, when nothing more is set: what is handed over is the state that will run.
        for vcpu in guest.vcpus {
            self.send_vcpu(vcpu)?;
        }
        let manifest = memory_file(&manifest()).map_err(conversation)?;
        self.send(&TeeRequest::Finish {}, &[manifest.as_fd()])?;
        match self.receive()? {
            TeeReply::Measured { launch_digest } => Ok(Told::Digest(LaunchDigest(launch_digest))),
            other => Err(unwelcome(other)),
        }
    }

    fn evidence_path(&self) -> EvidencePath {
        EvidencePath::VsockPort(SIMULATED_TEE_PORT)
    }
}

fn range_to_wire(part: RamPart) -> MemoryRange {
    MemoryRange {
        gpa: part.start,
        bytes: part.bytes,
    }
}

fn to_wire(run: &PageRun<'_>) -> Pages {
    Pages {
        gpa: run.gpa,
        count: run.count,
        page_type: run.page_type.number(),
    }
}

fn unwelcome(reply: TeeReply) -> TeeError {
    match reply {
        TeeReply::Refused { reason } => TeeError::Refused { tee: NAME, reason },
        TeeReply::Failed { reason } => TeeError::Failed { tee: NAME, reason },
        TeeReply::Started | TeeReply::Measured { .. } => TeeError::Failed {
            tee: NAME,
            reason: "it answered out of turn".to_owned(),
        },
    }
}

fn conversation(source: impl std::error::Error + Send + Sync + 'static) -> TeeError {
    TeeError::Conversation {
        tee: NAME,
        source: Box::new(source),
    }
}

fn memory_file(content: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create(c"manifest", MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    file.rewind()?;
    Ok(file)
}
