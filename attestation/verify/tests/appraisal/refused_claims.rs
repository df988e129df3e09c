//! Evidence that is refused for the TEE it claims or the session it came in.
//!
//! Each test spoils one thing and sees that every other check passes.

use attestation_evidence::{Nonce, Tee, TeePublicKey, report_data_binding};
use attestation_verify::test_support::{NOW, Scene, offset, session};
use attestation_verify::{
    Check, CheckResult, IssuedSession, NonceState, Rejection, Session, SimulatedTrust, appraise,
};

#[test]
fn simulated_evidence_is_refused_unless_the_verifier_was_started_for_it() {
    let scene = Scene::any().with_input(|input| input.simulated = SimulatedTrust::Refused);
    assert_eq!(
        scene.refused_by(Check::TeeAllowed, &[Check::CertificateChain]),
        Rejection::SimulatedNotAllowed
    );
}

#[test]
fn simulated_evidence_is_refused_unless_the_policy_names_it() {
    for accept_tee in [vec![], vec![Tee::Snp, Tee::Tdx]] {
        let scene = Scene::any().with_input(|input| input.policy.accept_tee = accept_tee);
        assert_eq!(
            scene.refused_only_by(Check::TeeAllowed),
            Rejection::TeeNotInPolicy {
                tee: Tee::Simulated,
                policy: "demo".to_owned()
            }
        );
    }
}

/// The evidence is genuine simulated evidence; called `snp` it must not even be read.
#[test]
fn hardware_claim_is_refused_as_unsupported_and_never_judged_as_simulated() {
    for tee in [Tee::Snp, Tee::Tdx] {
        let scene = Scene::any().with_input(|input| {
            input.tee = tee;
            input.policy.accept_tee = vec![Tee::Simulated, Tee::Snp, Tee::Tdx];
            input.references[0].tee = tee;
        });
        let verdict = appraise(&scene.input);
        assert_eq!(verdict.rejections(), [Rejection::TeeNotSupported { tee }]);
        for outcome in verdict.checks() {
            let expected = match outcome.name {
                Check::TeeAllowed => CheckResult::Fail,
                Check::Nonce | Check::AdditionalEvidence => CheckResult::Pass,
                _ => CheckResult::NotChecked,
            };
            assert_eq!(outcome.result, expected, "{}", outcome.name);
        }
        assert!(!verdict.record().simulated);
    }
}

#[test]
fn evidence_in_an_unknown_session_is_refused() {
    let scene = Scene::any().with_input(|input| input.session = Session::Unknown);
    assert_eq!(
        scene.refused_only_by(Check::Nonce),
        Rejection::SessionUnknown
    );
}

/// A replay of the whole attestation in its own session.
#[test]
fn evidence_for_a_burned_nonce_is_refused() {
    let scene = Scene::any().with_input(|input| {
        input.session = Session::Issued(IssuedSession {
            nonce: input.runtime_data.nonce,
            state: NonceState::Burned,
            expires_at: NOW + 300,
        });
    });
    assert_eq!(scene.refused_only_by(Check::Nonce), Rejection::NonceBurned);
}

#[test]
fn evidence_for_an_expired_nonce_is_refused() {
    let scene = Scene::any().with_input(|input| input.now = NOW + 300);
    assert_eq!(
        scene.refused_only_by(Check::Nonce),
        Rejection::NonceExpired {
            expired_at: NOW + 300,
            now: NOW + 300
        }
    );
}

/// A replay of the whole attestation in a later session.
#[test]
fn evidence_for_another_sessions_nonce_is_refused() {
    let scene =
        Scene::any().with_input(|input| input.session = session(Nonce::from_bytes([5; 32])));
    assert_eq!(
        scene.refused_only_by(Check::Nonce),
        Rejection::NonceOfAnotherSession
    );
}

/// A captured report, offered with this session's nonce.
#[test]
fn report_of_an_earlier_session_is_refused() {
    let scene = Scene::any().with_input(|input| {
        input.runtime_data.nonce = Nonce::from_bytes([5; 32]);
        input.session = session(Nonce::from_bytes([5; 32]));
    });
    assert_eq!(
        scene.refused_only_by(Check::Binding),
        Rejection::BindingMismatch
    );
}

/// A genuine guest's report, offered with the attacker's key.
#[test]
fn report_bound_to_another_key_is_refused() {
    let scene = Scene::any().with_input(|input| {
        input.runtime_data.tee_pubkey = TeePublicKey::from_coordinates([6; 32], [7; 32]);
    });
    assert_eq!(
        scene.refused_only_by(Check::Binding),
        Rejection::BindingMismatch
    );
}

#[test]
fn report_whose_report_data_differs_in_its_padding_is_refused() {
    let scene = Scene::any().with_report(|report| report[offset::REPORT_DATA + 63] = 1);
    assert_eq!(
        scene.refused_only_by(Check::Binding),
        Rejection::BindingMismatch
    );
}

#[test]
fn additional_evidence_is_refused_even_where_the_report_binds_it() {
    let additional = r#"{"device":"unknown"}"#;
    let binding = report_data_binding(&Scene::any().input.runtime_data, additional);
    let scene = Scene::any()
        .with_report(|report| {
            report[offset::REPORT_DATA..offset::REPORT_DATA + 64].copy_from_slice(&binding);
        })
        .with_input(|input| input.additional_evidence = additional.to_owned());
    assert_eq!(
        scene.refused_only_by(Check::AdditionalEvidence),
        Rejection::AdditionalEvidenceUnsupported
    );
}

#[test]
fn replay_foreign_key_and_foreign_nonce_are_told_apart() {
    let reasons = [
        Rejection::NonceBurned.to_string(),
        Rejection::BindingMismatch.to_string(),
        Rejection::NonceOfAnotherSession.to_string(),
    ];
    assert!(reasons[0].contains("already used"));
    assert!(reasons[1].contains("another key"));
    assert!(reasons[2].contains("another session"));
}
