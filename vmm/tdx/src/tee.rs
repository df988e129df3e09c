//! The back end.

use vmm_kvm::{Vcpu, Vm, VmKind};
use vmm_launch::{EvidencePath, Guest, PageRun, Parameters, Tee, TeeError, Told};

use crate::LaunchError;
use crate::calls::OnKvm;
use crate::launch::{Beginning, begin, finish, load};

const NAME: &str = "tdx";
/// What RCX and R8 hold at first: by convention the address of a TD HOB, of which our shim has none.
const NO_HOB: u64 = 0;

/// Intel TDX, by the kernel's own interface.
#[derive(Debug, Default)]
pub struct Tdx {
    /// Of [`Tee::create`], for what comes later.
    memory_bytes: u64,
    calls: CallInfo,
}

/// R11 and R12 of GetTdVmCallInfo's leaf 1, of KVM's capabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallInfo {
    /// What KVM answers itself.
    pub kernel: [u64; 2],
    /// What it hands on.
    pub user: [u64; 2],
}

impl Tdx {
    /// Before anything is asked of the kernel.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Which calls of the guest this host knows: empty before [`Tee::create`].
    #[must_use]
    pub fn call_info(&self) -> CallInfo {
        self.calls
    }
}

impl Tee for Tdx {
    fn name(&self) -> &'static str {
        NAME
    }

    fn vm_kind(&self) -> VmKind {
        VmKind::Tdx
    }

    fn takes_registers(&self) -> bool {
        false
    }

    fn create(&mut self, vm: &Vm, parameters: &Parameters) -> Result<(), TeeError> {
        let beginning = Beginning {
            td: &parameters.td,
            may_debug: parameters.policy.debug_allowed(),
            cpuid: &parameters.cpuid,
            vcpus: parameters.vcpus,
            memory_bytes: parameters.memory_bytes,
        };
        let host = begin(&mut OnKvm { vm, vcpu: None }, &beginning)
            .map_err(|error| failed("its beginning".to_owned(), error))?;
        self.memory_bytes = parameters.memory_bytes;
        self.calls = CallInfo {
            kernel: host.kernel_calls,
            user: host.user_calls,
        };
        Ok(())
    }

    fn add_vcpu(&mut self, vcpu: &Vcpu) -> Result<(), TeeError> {
        vcpu.tdx_init(NO_HOB)
            .map_err(|error| failed(format!("vCPU {}", vcpu.index()), error.into()))
    }

    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        let mut calls = on(guest);
        pages.iter().try_for_each(|run| {
            load(&mut calls, run, self.memory_bytes)
                .map_err(|error| failed(format!("{} at {:#x}", run.component, run.gpa), error))
        })
    }

    /// Neither KVM nor the module tell MRTD to the host.
    fn finish(
        &mut self,
        guest: Guest<'_>,
        _manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        finish(&mut on(guest)).map_err(|error| failed("its end".to_owned(), error))?;
        Ok(Told::Nothing)
    }

    fn evidence_path(&self) -> EvidencePath {
        EvidencePath::Processor
    }
}

/// Memory is added on the first vCPU: which one does not matter to the module.
fn on(guest: Guest<'_>) -> OnKvm<'_> {
    OnKvm {
        vm: guest.vm,
        vcpu: guest.vcpus.first(),
    }
}

fn failed(step: String, error: LaunchError) -> TeeError {
    TeeError::Step {
        tee: NAME,
        step,
        source: Box::new(error),
    }
}
