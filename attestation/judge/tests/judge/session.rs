//! What is refused before a report is looked at, whatever the TEE.

use crate::support::{STRICT, asked, codes, failed};
use attestation_evidence::{Nonce, Tee, TlsExporter, report_data_binding_v1};
use attestation_judge::test_support::{NOW, Scene, session};
use attestation_judge::{
    CaseRejection as Rejection, Freshness, IssuedSession, NonceState, Protocol, Session,
    SimulatedTrust, judge,
};
use attestation_verdict::ExpectedData;

#[test]
fn evidence_in_an_unknown_session_is_refused() {
    let scene = Scene::any().with_input(|input| input.session = Session::Unknown);
    assert_eq!(scene.refused_only_by("nonce"), Rejection::SessionUnknown);
}

#[test]
fn evidence_for_a_burned_nonce_is_refused() {
    let scene = Scene::any().with_input(|input| {
        input.session = Session::Issued(IssuedSession {
            nonce: input.runtime_data.nonce,
            state: NonceState::Burned,
            expires_at: NOW + 300,
        });
    });
    assert_eq!(scene.refused_only_by("nonce"), Rejection::NonceBurned);
}

#[test]
fn evidence_for_an_expired_nonce_is_refused() {
    for (now, refused) in [(NOW + 299, false), (NOW + 300, true), (NOW + 301, true)] {
        let scene = Scene::any().with_input(|input| input.now = now);
        let verdict = scene.input.verdict();
        assert_eq!(
            codes(&verdict).contains(&"nonce_expired".to_owned()),
            refused
        );
        assert_eq!(verdict.accepted().is_none(), refused);
    }
}

#[test]
fn evidence_for_another_sessions_nonce_is_refused() {
    let scene =
        Scene::any().with_input(|input| input.session = session(Nonce::from_bytes([9; 32])));
    assert_eq!(
        scene.refused_only_by("nonce"),
        Rejection::NonceOfAnotherSession
    );
}

#[test]
fn additional_evidence_is_refused_even_where_the_report_binds_it() {
    for additional in [r#"{"gpu":1}"#, "x", "[]"] {
        let mut scene = Scene::any();
        scene.input.additional_evidence = additional.to_owned();
        let ExpectedData::Exactly(bound) = scene.input.case().exchange.expected() else {
            panic!("a session binds");
        };
        let scene = scene.with_report(|report| report[0x50..0x90].copy_from_slice(&bound));
        assert_eq!(
            scene.refused_only_by("additional_evidence"),
            Rejection::AdditionalEvidenceUnsupported
        );
    }
}

#[test]
fn simulated_evidence_is_refused_unless_the_verifier_was_started_for_it() {
    let scene = Scene::any().with_input(|input| input.trust.simulated = SimulatedTrust::Refused);
    assert_eq!(
        scene.refused_by("tee_allowed", &["certificate_chain"]),
        Rejection::SimulatedNotAllowed
    );
}

/// The verifier's word and the policy's are both needed; strict has no limits for it.
#[test]
fn simulated_evidence_is_refused_unless_the_policy_has_limits_for_it() {
    let scene = Scene::any().with_input(|input| input.policy = STRICT.to_owned());
    let verdict = scene.input.verdict();
    assert_eq!(failed(&verdict), ["policy"]);
    assert_eq!(codes(&verdict), ["policy_unanswered"]);
    assert!(verdict.accepted().is_none());
}

#[test]
fn hardware_claim_is_never_judged_as_simulated() {
    for tee in [
        Tee::Snp,
        Tee::Tdx,
        Tee::AzSnpVtpm,
        Tee::AzTdxVtpm,
        Tee::Sample,
    ] {
        let scene = Scene::any().with_input(|input| input.tee = tee);
        let verdict = scene.input.verdict();
        assert!(failed(&verdict).contains(&"evidence".to_owned()), "{tee}");
        assert!(verdict.accepted().is_none());
    }
}

fn over_v1(scene: Scene, exporter: u8) -> Scene {
    let exporter = TlsExporter::from_bytes([exporter; 32]);
    scene.with_input(|input| input.protocol = Protocol::V1 { exporter })
}

#[test]
fn evidence_of_v1_binds_the_tls_session_and_no_other() {
    let scene = over_v1(Scene::any(), 7);
    let exporter = TlsExporter::from_bytes([7; 32]);
    let bound = report_data_binding_v1(&scene.input.runtime_data, "", &exporter);
    let scene = scene.with_report(|report| report[0x50..0x90].copy_from_slice(&bound));
    assert!(scene.input.verdict().accepted().is_some());
    let relayed = over_v1(scene, 8);
    assert_eq!(
        relayed.refused_only_by("binding"),
        attestation_judge::SimulatedRejection::BindingMismatch
    );
    // Evidence of the other protocol is none of this one, nor the reverse.
    assert_eq!(
        failed(&over_v1(Scene::any(), 7).input.verdict())[0],
        "binding"
    );
    let kbs = relayed.with_input(|input| input.protocol = Protocol::Kbs);
    assert_eq!(failed(&kbs.input.verdict())[0], "binding");
}

#[test]
fn relying_partys_case_has_no_nonce_and_no_release() {
    let scene = Scene::any();
    let of_session = scene.input.case();
    let mut case = asked(
        Tee::Simulated,
        scene.input.primary_evidence.as_bytes(),
        of_session.exchange.expected(),
        NOW,
    );
    (case.trust, case.policy) = (of_session.trust, of_session.policy);
    case.references = of_session.references;
    let verdict = judge(&case);
    assert!(verdict.is_accepted(), "{:?}", verdict.record());
    assert!(verdict.accepted().is_none());
    let Freshness::Caller(expected) = &mut case.exchange.freshness else {
        panic!("a relying party asks");
    };
    expected.0 = ExpectedData::Exactly([0; 64]);
    assert_eq!(failed(&judge(&case))[0], "binding");
}
