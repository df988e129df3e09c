//! What a launch asks of the kernel.

use vmm_conversion::{PageRange, Visibility};
use vmm_kvm::{
    KvmError, PageBuffer, TdxCapabilities, TdxError, TdxParameters, TdxRegion, Vcpu, Vm,
};

/// The kernel's calls, one each. A test puts its own in their place.
pub(crate) trait Calls {
    /// Whether somebody wants the launch stopped.
    fn is_interrupted(&self) -> bool;
    /// The clocks that a TD has.
    fn clocks(&mut self) -> Result<(), KvmError>;
    /// The most vCPUs of this VM.
    fn most_vcpus(&mut self) -> u32;
    /// CAPABILITIES, with room for so many CPUID entries.
    fn capabilities(&mut self, room: u32) -> Result<TdxCapabilities, TdxError>;
    /// INIT_VM.
    fn init_vm(&mut self, parameters: &TdxParameters) -> Result<(), TdxError>;
    /// Makes pages of RAM private.
    fn make_private(&mut self, pages: PageRange) -> Result<(), KvmError>;
    /// Makes private memory outside of RAM.
    fn add_private(&mut self, pages: PageRange) -> Result<(), KvmError>;
    /// INIT_MEM_REGION, once.
    fn init_memory(
        &mut self,
        region: &mut TdxRegion,
        source: &PageBuffer,
        is_measured: bool,
    ) -> Result<(), TdxError>;
    /// FINALIZE_VM.
    fn finalize(&mut self) -> Result<(), TdxError>;
}

/// The kernel itself.
pub(crate) struct OnKvm<'a> {
    pub(crate) vm: &'a Vm,
    /// The vCPU on which memory is filled, once there is one.
    pub(crate) vcpu: Option<&'a Vcpu>,
    pub(crate) is_interrupted: fn() -> bool,
}

impl Calls for OnKvm<'_> {
    fn is_interrupted(&self) -> bool {
        (self.is_interrupted)()
    }

    fn clocks(&mut self) -> Result<(), KvmError> {
        self.vm.tdx_clocks()
    }

    fn most_vcpus(&mut self) -> u32 {
        self.vm.most_vcpus()
    }

    fn capabilities(&mut self, room: u32) -> Result<TdxCapabilities, TdxError> {
        self.vm.tdx_capabilities(room)
    }

    fn init_vm(&mut self, parameters: &TdxParameters) -> Result<(), TdxError> {
        self.vm.tdx_init(parameters)
    }

    fn make_private(&mut self, pages: PageRange) -> Result<(), KvmError> {
        self.vm.set_visibility(pages, Visibility::Private)?;
        Ok(())
    }

    fn add_private(&mut self, pages: PageRange) -> Result<(), KvmError> {
        // It stays until the VM ends.
        let _slot = self.vm.add_private_slot(pages.start(), pages.bytes())?;
        Ok(())
    }

    fn init_memory(
        &mut self,
        region: &mut TdxRegion,
        source: &PageBuffer,
        is_measured: bool,
    ) -> Result<(), TdxError> {
        let vcpu = self.vcpu.ok_or(TdxError::NoVcpu)?;
        vcpu.tdx_init_memory(region, source, is_measured)
    }

    fn finalize(&mut self) -> Result<(), TdxError> {
        self.vm.tdx_finalize()
    }
}
