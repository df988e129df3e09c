//! What tests have in common: limits, vectors, and how a judgement is looked at.

use attestation_tpm::{
    AkTrust, ExpectedNonce, PcrTable, QuoteSignature, TpmCheck, TpmEvidence, TpmInput, TpmLimits,
    TpmRejection, judge,
};
use attestation_verdict::{Check, Judgement, Rejection};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

pub const NONCE: &[u8] = b"challenge";

pub fn nonce(bytes: &[u8]) -> ExpectedNonce {
    ExpectedNonce::exactly(bytes).expect("1 to 64 bytes")
}

/// Limits that ask for all that genuine evidence of today has.
pub fn limits_json() -> Value {
    json!({
        "allow_without_tee": true,
        "min_rsa_bits": 2048,
        "banks": ["sha256"],
        "quoted_pcrs": [0, 1, 2, 3, 4, 5, 6, 7],
        "pcrs": {},
        "require_event_log": false,
        "unlogged_pcrs": [],
        "require_safe_clock": true,
        "require_secure_boot": false,
        "allow_console": true
    })
}

/// These limits with one other value.
pub fn limits_with(name: &str, value: Value) -> TpmLimits {
    let mut limits = limits_json();
    limits[name] = value;
    serde_json::from_value(limits).expect("limits")
}

pub fn limits() -> TpmLimits {
    serde_json::from_value(limits_json()).expect("limits")
}

/// Evidence that owns its bytes, so that a test can change them.
#[derive(Clone)]
pub struct Sample {
    pub quote: Vec<u8>,
    pub signature: Vec<u8>,
    pub bare: bool,
    pub pcrs: PcrTable,
    pub sent_ak: Option<Vec<u8>>,
    pub hcl_report: Option<Vec<u8>>,
    pub event_log: Option<Vec<u8>>,
}

impl Sample {
    pub fn evidence(&self) -> TpmEvidence<'_> {
        TpmEvidence {
            quote: &self.quote,
            signature: match self.bare {
                true => QuoteSignature::Bare(&self.signature),
                false => QuoteSignature::Tagged(&self.signature),
            },
            pcrs: &self.pcrs,
            sent_ak: self.sent_ak.as_deref(),
            hcl_report: self.hcl_report.as_deref(),
            event_log: self.event_log.as_deref(),
        }
    }

    pub fn judged(
        &self,
        trust: AkTrust<'_>,
        expected: &ExpectedNonce,
        limits: &TpmLimits,
    ) -> Judgement<TpmRejection> {
        judge(&TpmInput {
            evidence: self.evidence(),
            trust,
            expected,
            reference: None,
            limits,
        })
    }
}

/// The codes of all reasons to refuse, in order.
pub fn codes(judgement: &Judgement<TpmRejection>) -> Vec<&'static str> {
    judgement.rejections().map(Rejection::code).collect()
}

/// Fails unless this is the only check that failed, and for this reason alone.
#[track_caller]
pub fn assert_refused_for(judgement: &Judgement<TpmRejection>, code: &str) {
    assert_eq!(codes(judgement), [code], "{:#?}", judgement.record());
    assert!(!judgement.accepted());
}

#[track_caller]
pub fn assert_accepted(judgement: &Judgement<TpmRejection>) {
    assert!(judgement.accepted(), "{:#?}", judgement.record());
    assert_eq!(judgement.record().checks.len(), TpmCheck::ALL.len());
}

/// Others' evidence, beside the repository.
pub fn vectors() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
