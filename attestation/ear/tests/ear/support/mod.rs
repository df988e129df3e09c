//! Verdicts of each kind, keys, and tokens that a test may spoil.

use attestation_appraisal::{EarKey, VerifierId, signed};
use attestation_ear::{EarClaims, Expected, Issue, JwkSet, TokenError, issue, verify};
use attestation_evidence::{Nonce, SampleEvidence, Tee, report_data_binding};
use attestation_judge::test_support::{NOW, Scene, init_data, parsed, reference};
use attestation_judge::{References, SampleTrust, VendorRoot, Verdict, judge};
use attestation_snp::Product;
use attestation_snp::test_support::{Scene as SnpScene, offset};
use attestation_verdict::ExpectedData;
use p256::pkcs8::{EncodePrivateKey, LineEnding};
use serde_json::Value;
use std::sync::Arc;

pub const SAMPLE: &str = include_str!("../../../../../policies/appraisal/sample.rego");
pub const STRICT: &str = include_str!("../../../../../policies/appraisal/strict.rego");
pub const ISSUER: &str = "verifier.example";
pub const TENANT: &str = "acme";
pub const LIFETIME: u64 = 300;

pub const EXPECTED: Expected = Expected {
    issuer: ISSUER,
    tenant: TENANT,
};

pub fn key_pem(seed: u8) -> String {
    let key = p256::SecretKey::from_slice(&[seed; 32]).expect("a scalar");
    key.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string()
}

/// A key on P-256, as Trustee's tokens are signed by.
pub fn key(seed: u8) -> EarKey {
    EarKey::from_pkcs8_pem(&key_pem(seed)).expect("a key")
}

pub fn key_p384() -> EarKey {
    let key = p384::SecretKey::from_slice(&[9; 48]).expect("a scalar");
    let pem = key.to_pkcs8_pem(LineEnding::LF).expect("PEM");
    EarKey::from_pkcs8_pem(&pem).expect("a key")
}

pub fn keys() -> JwkSet {
    JwkSet::of([key(7).public().clone(), key_p384().public().clone()])
}

pub fn nonce() -> Nonce {
    Nonce::from_bytes([4; 32])
}

/// An accepted verdict on simulated evidence.
pub fn simulated() -> Verdict {
    Scene::any().input.verdict()
}

/// The same of a guest that was started with these files as init data.
pub fn simulated_with_init_data(data: &str) -> Verdict {
    let (sent, host_data) = init_data(data);
    let scene = Scene::any().with_report(|report| report[0xC0..0xE0].copy_from_slice(&host_data));
    let scene = scene.with_input(|input| input.init_data = Some(sent));
    scene.input.verdict()
}

/// An accepted verdict on the sample attester's evidence.
pub fn sample() -> Verdict {
    let mut input = Scene::any().input;
    let ExpectedData::Exactly(bound) = input.case().exchange.expected() else {
        panic!("a session binds");
    };
    input.tee = Tee::Sample;
    input.trust.sample = SampleTrust::Allowed;
    input.policy = SAMPLE.to_owned();
    input.references[0].tee = Tee::Sample;
    input.references[0].launch_digest = None;
    let evidence = SampleEvidence {
        report_data: bound[..48].to_vec(),
        svn: "1".to_owned(),
    };
    input.primary_evidence = evidence.to_json();
    input.verdict()
}

/// An accepted verdict on a made SNP report under a named root.
pub fn snp() -> Verdict {
    let mut scene = SnpScene::new(Product::Milan);
    let input = Scene::any().input;
    let bound = report_data_binding(&input.runtime_data, "");
    scene.report[offset::REPORT_DATA..offset::REPORT_DATA + 64].copy_from_slice(&bound);
    scene.chip.sign(&mut scene.report);
    let mut value = reference(scene.report[0x90..0xC0].try_into().expect("48 bytes"));
    value.tee = Tee::Snp;
    let mut case = input.case();
    case.tee = Tee::Snp;
    case.evidence = hex(scene.report.as_slice());
    case.policy = parsed(STRICT);
    case.references = Arc::new(References::new([value]));
    case.collateral.vek = scene.vek.clone();
    case.collateral.chain = scene.chain.clone();
    case.trust.amd = VendorRoot::Named(scene.chip.ark.clone());
    judge(&case)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn verifier() -> VerifierId {
    VerifierId {
        developer: "https://cloister.example".to_owned(),
        build: "cloister-verifier 0.1.0".to_owned(),
    }
}

pub fn of<'a>(verdict: &'a Verdict, verifier: &'a VerifierId) -> Issue<'a> {
    Issue {
        verdict,
        nonce: nonce(),
        issuer: ISSUER,
        verifier,
        tenant: TENANT,
        session: "5f2a",
        log_origin: "verifier.example/log",
        log_index: 41,
        issued_at: NOW,
        lifetime: LIFETIME,
        id: [6; 16],
    }
}

pub fn token(verdict: &Verdict, key: &EarKey) -> String {
    let token = issue(&of(verdict, &verifier()), key).expect("an accepted verdict");
    token.as_str().to_owned()
}

/// The claims of a token, as the verifier that issued it reads them.
pub fn claims(token: &str) -> Result<EarClaims, TokenError> {
    verify(token, &keys(), NOW, &EXPECTED)
}

/// A token whose claims were changed, signed anew.
pub fn forged(key: &EarKey, change: impl FnOnce(&mut Value)) -> String {
    let good = token(&simulated(), key);
    let json = key.public().verify_signed(&good).expect("its own token");
    let mut claims: Value = serde_json::from_slice(&json).expect("JSON");
    change(&mut claims);
    signed(&claims, key)
        .expect("a key in memory")
        .as_str()
        .to_owned()
}
