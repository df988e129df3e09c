//! A TEE that answers at once, so that what is left is the VMM's own work.

use vmm_kvm::{PageBuffer, Vm, VmKind};
use vmm_launch::{EvidencePath, Guest, PageRun, Parameters, Tee, TeeError, Told};

/// Takes every page as the SNP back end does, page-aligned, and forgets it.
#[derive(Debug, Default)]
pub struct Silent {
    /// Bytes of pages taken.
    pub bytes: usize,
}

impl Tee for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn default_vm_kind(&self) -> VmKind {
        VmKind::Plain
    }

    /// This host's KVM may not carry out the planned registers and CPUID; they are a few calls.
    fn takes_registers(&self) -> bool {
        false
    }

    fn create(&mut self, _vm: &Vm, _parameters: &Parameters) -> Result<(), TeeError> {
        Ok(())
    }

    fn add_pages(&mut self, _guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError> {
        for run in pages {
            let count = usize::try_from(run.count).unwrap_or(usize::MAX);
            let buffer = PageBuffer::new(run.bytes, count);
            self.bytes += buffer.map_or(0, |buffer| buffer.bytes().len());
        }
        Ok(())
    }

    fn finish(
        &mut self,
        _guest: Guest<'_>,
        _manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError> {
        Ok(Told::Nothing)
    }

    fn evidence_path(&self) -> EvidencePath {
        EvidencePath::Processor
    }
}
