//! What every TEE must do for a launch.

use measured_boot_digest::LaunchDigest;
use measured_boot_plan::{IdFields, LaunchPlan};
use measured_boot_snp_abi::{GuestPolicy, PageType};
use thiserror::Error;
use vmm_kvm::{KvmError, Vcpu};

/// What a guest is to be, beside its contents.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// The guest policy.
    pub policy: GuestPolicy,
    /// HOST_DATA.
    pub host_data: [u8; 32],
    /// The ID block's fields.
    pub id: IdFields,
    /// Bytes of memory, from guest-physical address 0.
    pub memory_bytes: u64,
}

impl From<&LaunchPlan> for Parameters {
    fn from(plan: &LaunchPlan) -> Self {
        Self {
            policy: plan.policy.0,
            host_data: plan.host_data.0,
            id: plan.id.0,
            memory_bytes: plan.memory_bytes.0,
        }
    }
}

/// Pages that lie in guest memory and are to be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRun {
    /// Guest-physical address of the first.
    pub gpa: u64,
    /// Number of pages.
    pub count: u64,
    /// How they are measured.
    pub page_type: PageType,
}

/// Who can read a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The guest alone.
    Private,
    /// Guest and host.
    Shared,
}

/// How a guest gets its evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidencePath {
    /// Over vsock, from a port of the host; the VMM forwards the connection and sees only bytes.
    VsockPort(u32),
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
    /// It is gone, does not keep to its protocol, or was not waited for any longer.
    #[error("the conversation with the {tee} TEE failed")]
    Conversation {
        /// Which TEE.
        tee: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It has no such thing.
    #[error("the {tee} TEE cannot {what}")]
    Unsupported {
        /// Which TEE.
        tee: &'static str,
        /// What was asked.
        what: &'static str,
    },
    /// KVM did not answer.
    #[error(transparent)]
    Kvm(#[from] KvmError),
}

/// The life of a launch: create, pages, vCPUs, finish; then conversions and evidence.
pub trait Tee {
    /// Its name, as evidence and people are told.
    fn name(&self) -> &'static str;

    /// Begins a guest.
    ///
    /// # Errors
    /// The TEE does not make such a guest.
    fn create(&mut self, parameters: &Parameters) -> Result<(), TeeError>;

    /// Measures pages that lie in guest memory, in this order.
    ///
    /// # Errors
    /// The TEE does not take one of them.
    fn add_pages(&mut self, pages: &[PageRun]) -> Result<(), TeeError>;

    /// Measures a vCPU in the state that it has.
    ///
    /// # Errors
    /// The TEE does not take it, or KVM does not tell its state.
    fn add_vcpu(&mut self, vcpu: &Vcpu) -> Result<(), TeeError>;

    /// Ends the measurement: what was launched, in the TEE's own words. `manifest` explains the
    /// digest to verifiers, who must not believe it.
    ///
    /// # Errors
    /// The TEE refuses the whole.
    fn finish(&mut self, manifest: &[u8]) -> Result<LaunchDigest, TeeError>;

    /// Makes pages of a running guest private or shared.
    ///
    /// # Errors
    /// The TEE has no such distinction.
    fn convert(&mut self, gpa: u64, pages: u64, to: Visibility) -> Result<(), TeeError>;

    /// Where the guest's requests for evidence are answered.
    fn evidence_path(&self) -> EvidencePath;
}
