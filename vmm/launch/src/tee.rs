//! What every TEE must do for a launch.

use measured_boot_plan::{
    CpuidAudience, CpuidEntry, IdFields, LaunchPlan, SignedIdBlock, TdParameters,
};
use measured_boot_snp_abi::{GuestPolicy, PageType};
use thiserror::Error;
use vmm_kvm::{KvmError, RamError, RamLayout, Vcpu, Vm, VmKind};

use crate::Told;

/// What a guest is to be, beside its contents.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The guest policy.
    pub policy: GuestPolicy,
    /// HOST_DATA.
    pub host_data: [u8; 32],
    /// The ID block's fields.
    pub id: IdFields,
    /// The ID block and what authenticates it.
    pub id_block: Option<SignedIdBlock>,
    /// What a TD is created with beside.
    pub td: TdParameters,
    /// SEV_FEATURES of every VMSA.
    pub sev_features: u64,
    /// CPUID leaves of vCPU 0, those of [`Tee::cpuid_audience`]: a TD's are fixed before its first vCPU.
    pub cpuid: Vec<CpuidEntry>,
    /// Number of vCPUs.
    pub vcpus: u32,
    /// Where memory lies.
    pub ram: RamLayout,
}

impl Parameters {
    /// Those of `plan`, for a TEE whose vCPUs get the leaves of `audience`.
    #[must_use]
    pub fn new(plan: &LaunchPlan, audience: CpuidAudience) -> Self {
        Self {
            policy: plan.policy.0,
            host_data: plan.host_data.0,
            id: plan.id.0,
            id_block: plan.id_block.0.clone(),
            td: plan.td.0,
            sev_features: plan.sev_features.0,
            cpuid: plan.cpuid_for(0, audience),
            vcpus: u32::try_from(plan.vcpus.0.len()).unwrap_or(u32::MAX),
            ram: RamLayout::new(&plan.ram()),
        }
    }
}

/// The machine that a launch fills: every vCPU exists, with its CPUID and, where the VMM sets them,
/// its registers.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    /// The VM.
    pub vm: &'a Vm,
    /// Its vCPUs, in index order; at least one.
    pub vcpus: &'a [Vcpu],
}

/// Pages that a launch hands over, and what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRun<'a> {
    /// What they are, for messages.
    pub component: &'static str,
    /// Guest-physical address of the first.
    pub gpa: u64,
    /// Number of pages.
    pub count: u64,
    /// How they are measured.
    pub page_type: PageType,
    /// Their first bytes, at most `count` pages; the rest reads zero. They lie anywhere in this
    /// process: who gives the kernel their address copies them into a [`vmm_kvm::PageBuffer`] first.
    pub bytes: &'a [u8],
}

/// Pages that a back end copies at once.
const PAGES_AT_ONCE: u64 = 1024;

impl<'a> PageRun<'a> {
    /// The same pages in runs of at most 4 MiB: who copies them needs no more memory at a time. Bytes beyond
    /// the pages stay with the last.
    pub fn pieces(self) -> impl Iterator<Item = PageRun<'a>> {
        const PAGE: u64 = 4096;
        let mut left = self.bytes;
        let pieces = self.count.div_ceil(PAGES_AT_ONCE);
        (0..pieces).map(move |piece| {
            let first = piece * PAGES_AT_ONCE;
            let count = PAGES_AT_ONCE.min(self.count - first);
            let room = match piece + 1 == pieces {
                true => left.len(),
                false => usize::try_from(count * PAGE).unwrap_or(usize::MAX),
            };
            let (bytes, later) = left.split_at(left.len().min(room));
            left = later;
            PageRun {
                gpa: self.gpa.saturating_add(first * PAGE),
                count,
                bytes,
                ..self
            }
        })
    }
}

/// How a guest gets its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidencePath {
    /// Over vsock, from a port of the host; the VMM forwards the connection and sees only bytes.
    VsockPort(u32),
    /// From the processor, by instructions of its own.
    Processor,
}

/// A TEE that failed or refused.
#[derive(Debug, Error)]
pub enum TeeError {
    /// It does not measure this launch, so there will be no report.
    #[error("the {tee} TEE refuses this launch: {reason}")]
    Refused {
        /// Which TEE.
        tee: &'static str,
        /// In its own words.
        reason: String,
    },
    /// It failed.
    #[error("the {tee} TEE failed: {reason}")]
    Failed {
        /// Which TEE.
        tee: &'static str,
        /// In its own words.
        reason: String,
    },
    /// The kernel, or the firmware behind it, refused a step of the launch.
    #[error("the {tee} launch failed at {step}")]
    Step {
        /// Which TEE.
        tee: &'static str,
        /// What was asked, on what.
        step: String,
        /// The kernel's and the firmware's answer, and what to do.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is gone, does not keep to its protocol, or was not waited for any longer.
    #[error("the conversation with the {tee} TEE failed")]
    Conversation {
        /// Which TEE.
        tee: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Pages do not fit into memory.
    #[error("{component} cannot be loaded")]
    Load {
        /// What was to be loaded.
        component: &'static str,
        /// Why.
        #[source]
        source: RamError,
    },
    /// KVM did not answer.
    #[error(transparent)]
    Kvm(#[from] KvmError),
}

/// The life of a launch, in this order: create, vCPUs, pages, finish; then evidence.
pub trait Tee {
    /// Its name, as evidence and people are told.
    fn name(&self) -> &'static str;

    /// The kind of VM that it stands beside, unless its caller makes it another: the simulated TEE does not
    /// care whether memory is private.
    fn default_vm_kind(&self) -> VmKind;

    /// Whether the VMM puts registers where the plan has them. A TD's are the module's alone.
    fn takes_registers(&self) -> bool {
        true
    }

    /// Which of the planned CPUID leaves its vCPUs get.
    fn cpuid_audience(&self) -> CpuidAudience {
        match self.default_vm_kind() {
            VmKind::Snp => CpuidAudience::Snp,
            VmKind::Plain | VmKind::SoftwareProtected | VmKind::Tdx => CpuidAudience::Plain,
        }
    }

    /// Begins a guest, before it has any vCPU.
    ///
    /// # Errors
    /// The TEE does not make such a guest.
    fn create(&mut self, vm: &Vm, parameters: &Parameters) -> Result<(), TeeError>;

    /// Takes a new vCPU, which has its CPUID and not yet its registers.
    ///
    /// # Errors
    /// The TEE does not take it.
    fn add_vcpu(&mut self, _vcpu: &Vcpu) -> Result<(), TeeError> {
        Ok(())
    }

    /// Puts pages into the guest's memory and has them measured, in this order.
    ///
    /// # Errors
    /// They do not fit, or the TEE does not take one of them.
    fn add_pages(&mut self, guest: Guest<'_>, pages: &[PageRun<'_>]) -> Result<(), TeeError>;

    /// Ends the measurement; from here on nothing of the guest changes but by itself. `manifest` makes what
    /// explains the digest to verifiers, who must not believe it. It hashes every page, so only a TEE that
    /// hands it on asks for it.
    ///
    /// # Errors
    /// The TEE refuses the whole.
    fn finish(
        &mut self,
        guest: Guest<'_>,
        manifest: &dyn Fn() -> Vec<u8>,
    ) -> Result<Told, TeeError>;

    /// Where the guest's requests for evidence are answered.
    fn evidence_path(&self) -> EvidencePath;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(count: u64, bytes: &[u8]) -> PageRun<'_> {
        PageRun {
            component: "kernel",
            gpa: 0x10_0000,
            count,
            page_type: PageType::Normal,
            bytes,
        }
    }

    #[test]
    fn run_falls_into_pieces_of_at_most_4_mib_that_hold_its_bytes_in_order() {
        let bytes: Vec<u8> = (0..(4 << 20) + 5000_u32)
            .map(|at| at.to_le_bytes()[2])
            .collect();
        let pieces: Vec<_> = run(2049, &bytes).pieces().collect();
        let at = |piece: &PageRun<'_>| (piece.gpa, piece.count, piece.bytes.len());
        let places: Vec<_> = pieces.iter().map(at).collect();
        assert_eq!(
            places,
            [
                (0x10_0000, 1024, 4 << 20),
                (0x50_0000, 1024, 5000),
                (0x90_0000, 1, 0)
            ]
        );
        let joined: Vec<_> = pieces
            .iter()
            .flat_map(|piece| piece.bytes)
            .copied()
            .collect();
        assert_eq!(joined, bytes);
        assert_eq!(run(0, &[]).pieces().count(), 0);
    }

    #[test]
    fn bytes_beyond_the_pages_are_not_lost_silently() {
        let bytes = vec![1; (4 << 20) + 4097];
        let last = run(1025, &bytes).pieces().last().unwrap();
        assert_eq!((last.count, last.bytes.len()), (1, 4097));
    }
}
