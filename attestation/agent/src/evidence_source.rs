//! Where evidence comes from: the TEE's kernel driver, or the simulated TEE over vsock.

mod configfs_tsm;
mod simulated;

use std::path::PathBuf;

use attestation_evidence::{REPORT_DATA_LENGTH, SimulatedEvidence, Tee};

pub use configfs_tsm::{ConfigfsTsm, TSM_REPORTS};
pub use simulated::Simulated;

/// Something that reports what this guest booted, bound to 64 bytes of the guest's choice.
pub trait EvidenceSource {
    /// What the evidence will claim to be.
    fn tee(&self) -> Tee;

    /// Asks for evidence over `report_data`.
    fn collect(
        &mut self,
        report_data: &[u8; REPORT_DATA_LENGTH],
    ) -> Result<Evidence, EvidenceError>;
}

/// Evidence as its source gave it. The agent judges none of it: that is the verifier's work, and a
/// host that hands out a foreign report shall be refused there, in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Of the simulated TEE.
    Simulated(SimulatedEvidence),
    /// Of a TEE that the kernel has a driver for.
    Hardware {
        /// Which.
        tee: Tee,
        /// The raw report (SNP) or quote (TDX).
        report: Vec<u8>,
        /// Certificates as the host supplied them (SNP), or nothing.
        auxiliary: Vec<u8>,
    },
}

impl Evidence {
    /// The KBS protocol's `primary_evidence`, JSON text.
    pub fn to_primary_evidence(&self) -> Result<String, EvidenceError> {
        match self {
            Self::Simulated(evidence) => Ok(evidence.to_json()),
            Self::Hardware { tee, .. } => Err(EvidenceError::NoWireForm(*tee)),
        }
    }
}

/// Why there is no evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// A file of configfs-tsm.
    #[error("cannot {action} {path}")]
    File {
        action: &'static str,
        path: PathBuf,
        source: std::io::Error,
    },
    /// A driver of a TEE that is not known here.
    #[error("configfs-tsm has provider {0:?}; sev_guest and tdx_guest are known")]
    Provider(String),
    /// The entry's counter is no number.
    #[error("configfs-tsm's generation {0:?} is no number")]
    NoGeneration(String),
    /// Somebody else wrote to the report entry between our write and our read.
    #[error("the report is of generation {found}, ours was {ours}: it may be over other data")]
    Generation { ours: u64, found: u64 },
    /// The report is there, but no format to send it in.
    #[error("this version has no form to send {0} evidence in")]
    NoWireForm(Tee),
    /// The connection to the simulated TEE.
    #[error("cannot {action} the simulated TEE")]
    Connection {
        action: &'static str,
        source: std::io::Error,
    },
    /// The simulated TEE's answer does not parse.
    #[error("the simulated TEE's answer is not understood")]
    Protocol(#[from] measured_boot_snp_abi::simulated::ProtocolError),
    /// The simulated TEE answered something else, or a refusal.
    #[error("the simulated TEE gives no {what}: {reason}")]
    NotGiven { what: &'static str, reason: String },
}
