//! Made SNP reports under a named root, as whole cases.

use crate::support::{STRICT, asked, codes, failed};
use attestation_evidence::{Nonce, RuntimeData, Tee, TeePublicKey, report_data_binding};
use attestation_judge::test_support::{NOW, parsed, reference, session};
use attestation_judge::{Attempt, Case, Freshness, Protocol, References, VendorRoot, judge};
use attestation_snp::Product;
use attestation_snp::test_support::{Scene, offset};
use attestation_verdict::ExpectedData;
use std::sync::Arc;

/// A guest on a made chip answers a session; the chip's root is named.
fn case() -> Case {
    case_with(|_| ())
}

/// The same, of a report that was changed before the chip signed it.
pub fn case_with(change: impl FnOnce(&mut [u8])) -> Case {
    let mut scene = Scene::new(Product::Milan);
    let runtime_data = RuntimeData {
        nonce: Nonce::from_bytes([4; 32]),
        tee_pubkey: TeePublicKey::from_coordinates([2; 32], [3; 32]),
    };
    let bound = report_data_binding(&runtime_data, "");
    scene.report[offset::REPORT_DATA..offset::REPORT_DATA + 64].copy_from_slice(&bound);
    change(scene.report.as_mut_slice());
    scene.chip.sign(&mut scene.report);
    let launch_digest = scene.report[0x90..0xC0].try_into().expect("48 bytes");
    let mut case = asked(
        Tee::Snp,
        scene.report.as_slice(),
        ExpectedData::Unbound,
        NOW,
    );
    case.exchange.freshness = Freshness::Session(Attempt {
        session: session(runtime_data.nonce),
        runtime_data,
        protocol: Protocol::Kbs,
    });
    let mut value = reference(launch_digest);
    value.tee = Tee::Snp;
    case.references = Arc::new(References::new([value]));
    case.collateral.vek = scene.vek.clone();
    case.collateral.chain = scene.chain.clone();
    case.trust.amd = VendorRoot::Named(scene.chip.ark.clone());
    case
}

#[test]
fn report_in_a_session_is_accepted_and_its_status_is_no_better_than_its_root() {
    let verdict = judge(&case());
    let accepted = verdict.accepted();
    assert!(accepted.is_some(), "{:?}", verdict.record().rejections);
    let document: serde_json::Value = serde_json::from_str(&verdict.document()).expect("JSON");
    assert_eq!(document["named_root"], true);
    assert_eq!(document["appraisal"]["status"], "warning");
}

#[test]
fn report_under_a_root_that_nobody_named_is_refused() {
    let mut case = case();
    case.trust.amd = VendorRoot::BuiltIn;
    assert!(failed(&judge(&case)).contains(&"chain".to_owned()));
}

#[test]
fn root_that_is_no_certificate_is_refused_by_name() {
    let mut case = case();
    case.trust.amd = VendorRoot::Named(b"root".to_vec());
    assert!(codes(&judge(&case)).contains(&"root_unreadable".to_owned()));
}

#[test]
fn launch_of_another_tees_reference_value_is_refused() {
    let mut case = case();
    let mut value = case.references.values()[0].as_ref().clone();
    value.tee = Tee::Simulated;
    case.references = Arc::new(References::new([value]));
    assert_eq!(failed(&judge(&case)), ["launch_digest", "reference"]);
}

#[test]
fn policy_that_denies_named_roots_refuses() {
    let mut case = case();
    let denies = STRICT.replace(
        "# --- tests",
        "deny contains {\"code\": \"named_root\", \"reason\": \"a root was named\"} if input.named_root\n\n# --- tests",
    );
    case.policy = parsed(&denies);
    assert_eq!(codes(&judge(&case)), ["named_root"]);
}

#[test]
fn equal_cases_get_equal_documents_and_other_collateral_another() {
    let case = case();
    let document = judge(&case).document();
    assert!(judge(&case.clone()).document() == document);
    let mut seen = case.clone();
    seen.seen = Some(attestation_certificates::Seen::default());
    assert!(
        judge(&seen).document() != document,
        "what was seen takes part"
    );
    let mut later = case;
    later.now += 1;
    assert!(judge(&later).document() != document);
}
