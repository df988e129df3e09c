//! The back end.

use measured_boot_plan::CpuidEntry;
use vmm_kernel_abi::tdx::MAX_CPUID_ENTRIES;
use vmm_kvm::{RamLayout, TdxError, Vcpu, Vm, VmKind};
use vmm_launch::{EvidencePath, Guest, PageRun, Parameters, Tee, TeeError, Told};

use crate::LaunchError;
use crate::calls::OnKvm;
use crate::launch::{Beginning, begin, finish, load};

const NAME: &str = "tdx";
/// What RCX and R8 hold at first: by convention the address of a TD HOB, of which our shim has none.
const NO_HOB: u64 = 0;

/// Intel TDX, by the kernel's own interface.
#[derive(Debug)]
pub struct Tdx {
    is_interrupted: fn() -> bool,
    /// Of [`Tee::create`], for what comes later.
    ram: RamLayout,
    calls: CallInfo,
    /// Of the first vCPU.
    cpuid: Vec<CpuidEntry>,
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
    /// Before anything is asked of the kernel. A launch may be asked for again and again: `is_interrupted`
    /// says whether to give up.
    #[must_use]
    pub fn new(is_interrupted: fn() -> bool) -> Self {
        Self {
            is_interrupted,
            ram: RamLayout::from_zero(0),
            calls: CallInfo::default(),
            cpuid: Vec::new(),
        }
    }

    /// The leaves that the module answers on the first vCPU by itself, whatever KVM was told: empty before
    /// [`Tee::add_vcpu`].
    #[must_use]
    pub fn cpuid(&self) -> &[CpuidEntry] {
        &self.cpuid
    }

    /// Memory is added on the first vCPU: which one does not matter to the module.
    fn on<'a>(&self, vm: &'a Vm, vcpu: Option<&'a Vcpu>) -> OnKvm<'a> {
        OnKvm {
            vm,
            vcpu,
            is_interrupted: self.is_interrupted,
        }
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

    fn default_vm_kind(&self) -> VmKind {
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
            ram: parameters.ram,
        };
        let host = begin(&mut self.on(vm, None), &beginning)
            .map_err(|error| failed("its beginning".to_owned(), error))?;
        self.ram = parameters.ram;
        self.calls = CallInfo {
            kernel: host.kernel_calls,
            user: host.user_calls,
        };
        Ok(())
    }

    fn add_vcpu(&mut self, vcpu: &Vcpu) -> Result<(), TeeError> {
        let of_vcpu =
            |error: TdxError| failed(format!("vCPU {}", vcpu.index()), LaunchError::from(error));
        vcpu.tdx_init(NO_HOB).map_err(of_vcpu)?;
        if vcpu.index() == 0 {
            // The others differ in their number alone.
            self.cpuid = vcpu.tdx_cpuid(MAX_CPUID_ENTRIES).map_err(of_vcpu)?;
        }
        Ok(())
    }

    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        let mut calls = self.on(guest.vm, guest.vcpus.first());
        pages.iter().try_for_each(|run| {
            load(&mut calls, run, self.ram)
                .map_err(|error| failed(format!("{} at {:#x}", run.component, run.gpa), error))
        })
    }

    /// Neither KVM nor the module tell MRTD to the host.
    fn finish(
        &mut self,
        guest: Guest<'_>,
        _manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        let mut calls = self.on(guest.vm, guest.vcpus.first());
        finish(&mut calls).map_err(|error| failed("its end".to_owned(), error))?;
        Ok(Told::Nothing)
    }

    fn evidence_path(&self) -> EvidencePath {
        EvidencePath::Processor
    }
}

fn failed(step: String, error: LaunchError) -> TeeError {
    TeeError::Step {
        tee: NAME,
        step,
        source: Box::new(error),
    }
}
