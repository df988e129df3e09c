//! What a launch asks of the kernel.

use std::os::fd::BorrowedFd;

use vmm_conversion::{PageRange, Visibility};
use vmm_kvm::{KvmError, PageBuffer, SevError, SnpFinish, SnpUpdate, Vm};

/// The kernel's calls, one each. A test puts its own in their place.
pub(crate) trait Calls {
    /// INIT2, with features beside SNP_ACTIVE.
    fn init(&mut self, features: u64) -> Result<(), SevError>;
    /// ENABLE_REQ_CERTS.
    fn enable_certificates(&mut self) -> Result<(), SevError>;
    /// LAUNCH_START.
    fn start(&mut self, policy: u64) -> Result<(), SevError>;
    /// Makes pages private.
    fn make_private(&mut self, pages: PageRange) -> Result<(), KvmError>;
    /// LAUNCH_UPDATE, once.
    fn update(&mut self, update: &mut SnpUpdate, source: &mut PageBuffer) -> Result<(), SevError>;
    /// LAUNCH_FINISH.
    fn finish(&mut self, finish: &SnpFinish<'_>) -> Result<(), SevError>;
}

/// The kernel itself.
pub(crate) struct OnKvm<'a> {
    pub(crate) vm: &'a Vm,
    pub(crate) sev: BorrowedFd<'a>,
}

impl Calls for OnKvm<'_> {
    fn init(&mut self, features: u64) -> Result<(), SevError> {
        self.vm.snp_init(features)
    }

    fn enable_certificates(&mut self) -> Result<(), SevError> {
        self.vm.snp_enable_certificates()
    }

    fn start(&mut self, policy: u64) -> Result<(), SevError> {
        self.vm.snp_start(self.sev, policy)
    }

    fn make_private(&mut self, pages: PageRange) -> Result<(), KvmError> {
        self.vm.set_visibility(pages, Visibility::Private)?;
        Ok(())
    }

    fn update(&mut self, update: &mut SnpUpdate, source: &mut PageBuffer) -> Result<(), SevError> {
        self.vm.snp_update(self.sev, update, source)
    }

    fn finish(&mut self, finish: &SnpFinish<'_>) -> Result<(), SevError> {
        self.vm.snp_finish(self.sev, finish)
    }
}
