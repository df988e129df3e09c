//! What a token says: draft-ietf-rats-ear, with the names of the profile that Trustee's relying parties know, and ours behind them.

use attestation_appraisal::{TrustTier, TrustVector};
use attestation_evidence::{RuntimeData, Tee, TeePublicKey};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The profile: the claims' names are Trustee's, which are those of the draft before they were changed to underscores.
pub const PROFILE: &str = "tag:github.com,2024:confidential-containers/Trustee";

/// The one submodule: what Trustee calls the TEE of the first CPU.
pub const CPU: &str = "cpu0";

/// Where the annotated evidence has what the guest bound to its report.
const RUNTIME_DATA: &str = "runtime_data_claims";

/// Where it has what init data says, in full.
pub(crate) const INIT_DATA_CLAIMS: &str = "init_data_claims";

/// The claims as they are in the token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    pub eat_profile: String,
    pub iss: String,
    pub iat: u64,
    pub nbf: u64,
    pub exp: u64,
    pub jti: String,
    #[serde(rename = "ear.verifier-id")]
    pub verifier_id: WrittenVerifier,
    pub submods: WrittenSubmodules,
    pub cloister_tenant: String,
    pub cloister_session: String,
    pub cloister_log_origin: String,
    pub cloister_log_index: u64,
    pub cloister_tee: Tee,
    pub cloister_simulated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenVerifier {
    pub developer: String,
    pub build: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSubmodules {
    pub cpu0: WrittenAppraisal,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenAppraisal {
    #[serde(rename = "ear.status")]
    pub status: TrustTier,
    #[serde(rename = "ear.trustworthiness-vector")]
    pub trustworthiness_vector: TrustVector,
    #[serde(rename = "ear.appraisal-policy-id")]
    pub appraisal_policy_id: String,
    #[serde(rename = "ear.veraison.annotated-evidence")]
    pub annotated_evidence: Map<String, Value>,
}

/// The annotated evidence: what the evidence says by what signed it, and what the guest bound to it.
pub(crate) fn annotated(
    mut claims: Map<String, Value>,
    runtime: &RuntimeData,
) -> Map<String, Value> {
    let runtime = serde_json::to_value(runtime).expect("strings under string keys are always JSON");
    claims.insert(RUNTIME_DATA.to_owned(), runtime);
    claims
}

/// What a token says, whose signature and dates were checked. [`verify`](crate::verify()) alone makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct EarClaims {
    written: Written,
    runtime_data: RuntimeData,
    document: Value,
}

impl EarClaims {
    /// Reads the claims; `None` if they are not those of a token of ours.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let written: Written = serde_json::from_slice(json).ok()?;
        let evidence = &written.submods.cpu0.annotated_evidence;
        let runtime_data = serde_json::from_value(evidence.get(RUNTIME_DATA)?.clone()).ok()?;
        let document = serde_json::to_value(&written).ok()?;
        Some(Self {
            written,
            runtime_data,
            document,
        })
    }

    pub(crate) fn written(&self) -> &Written {
        &self.written
    }

    /// Whose guest it is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.written.cloister_tenant
    }

    /// The session in which the verdict was given.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.written.cloister_session
    }

    /// The log that has the verdict.
    #[must_use]
    pub fn log_origin(&self) -> &str {
        &self.written.cloister_log_origin
    }

    /// Where the log has it.
    #[must_use]
    pub fn log_index(&self) -> u64 {
        self.written.cloister_log_index
    }

    /// The TEE that the evidence is from.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.written.cloister_tee
    }

    /// The tier of the whole appraisal.
    #[must_use]
    pub fn status(&self) -> TrustTier {
        self.written.submods.cpu0.status
    }

    /// Which policy appraised: `TENANT/NAME@sha256:DIGEST`.
    #[must_use]
    pub fn appraisal_policy_id(&self) -> &str {
        &self.written.submods.cpu0.appraisal_policy_id
    }

    /// The key that the evidence binds.
    #[must_use]
    pub fn recipient(&self) -> &TeePublicKey {
        &self.runtime_data.tee_pubkey
    }

    /// The token's own name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.written.jti
    }

    /// When it was issued, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn issued_at(&self) -> u64 {
        self.written.iat
    }

    /// The first second in which it is good no more.
    #[must_use]
    pub fn expires_at(&self) -> u64 {
        self.written.exp
    }

    /// All claims as JSON: the `input` of a resource policy.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }
}
