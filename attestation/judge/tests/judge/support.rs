//! What every test asks of a verdict, and cases of a relying party's.

use attestation_evidence::Tee;
use attestation_judge::test_support::parsed;
use attestation_judge::{
    Case, Collateral, Exchange, Expected, Freshness, ReferenceValue, References, Trust, Verdict,
    judge,
};
use attestation_verdict::{CheckResult, ExpectedData};
use std::path::Path;
use std::sync::Arc;

pub const STRICT: &str = include_str!("../../../../policies/appraisal/strict.rego");

/// The names of the checks that failed.
pub fn failed(verdict: &Verdict) -> Vec<String> {
    let checks = verdict.record().checks.into_iter();
    let failed = checks.filter(|check| check.result == CheckResult::Fail);
    failed.map(|check| check.name).collect()
}

/// The code of each reason.
pub fn codes(verdict: &Verdict) -> Vec<String> {
    let rejections = verdict.record().rejections.into_iter();
    rejections.map(|rejection| rejection.code).collect()
}

pub fn reason(verdict: &Verdict, check: &str) -> String {
    let record = verdict.record();
    let found = record.check(check);
    found
        .unwrap_or_else(|| panic!("{check} is listed"))
        .reason
        .clone()
}

/// A relying party asks about evidence, by the strict policy.
pub fn asked(tee: Tee, evidence: &[u8], expected: ExpectedData, now: u64) -> Case {
    Case {
        tee,
        evidence: String::from_utf8(evidence.to_vec()).unwrap_or_else(|_| hex::encode(evidence)),
        exchange: Exchange {
            additional_evidence: String::new(),
            init_data: None,
            freshness: Freshness::Caller(Expected(expected)),
        },
        trust: Trust::default(),
        collateral: Collateral::default(),
        seen: None,
        policy: parsed(STRICT),
        references: Arc::new(References::default()),
        now,
    }
}

/// Judges it after a first look at what was launched: a reference value of that is added.
pub fn judged_with_its_own_launch(mut case: Case) -> Verdict {
    let first = judge(&case);
    if let Some(launch) = first.launch() {
        let mut value: ReferenceValue = attestation_judge::test_support::reference([0; 48]);
        value.name = "own".to_owned();
        value.tee = launch.tee;
        value.launch_digest = launch.digest;
        (value.not_before, value.not_after) = (0, u64::MAX);
        case.references = Arc::new(References::new([value]));
    }
    judge(&case)
}

/// The bytes of a vector, if it is there.
pub fn vector(name: &str) -> Option<Vec<u8>> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let path = vectors.join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(std::fs::read(path).expect("it can be read"))
}
