//! `POST /kbs/v0/attest`.

use attestation_evidence::{ParseError, RuntimeData, TeeEvidence, from_json};
use serde::{Deserialize, Serialize};

use crate::InitData;

/// One attempt of a guest: `attestation-evidence` has the same without init data, as guests of Cloister's send it.
///
/// Init data that is here has to be compared with what the evidence shows, or refused: it is data of the host's until then.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AttestRequest {
    /// What the guest was configured with.
    #[serde(default)]
    pub init_data: Option<InitData>,
    /// What REPORT_DATA binds.
    pub runtime_data: RuntimeData,
    /// The evidence itself.
    pub tee_evidence: TeeEvidence,
}

impl AttestRequest {
    /// Reads the body. The primary evidence stays text as received.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("attestation", body)
    }
}
