//! The whole protocol against a verifier that appraises, logs and releases with the real crates.

mod mock_verifier;

use attestation_envelope::OpenError;
use attestation_ledger::{LogProofError, SigningKey};
use zeroize::Zeroizing;

use super::*;
use mock_verifier::{Mischief, MockVerifier, SECRET};

const LAUNCH_DIGEST: [u8; 48] = [0x1d; 48];

struct Guest {
    verifier: MockVerifier,
    expected: Expected,
}

impl Guest {
    /// A guest that boots what its verifier expects.
    fn new(mischief: Mischief) -> Self {
        let verifier = MockVerifier::new(LAUNCH_DIGEST, mischief);
        let expected = Expected {
            resource: verifier.pins().resource,
            tee: attestation_evidence::Tee::Simulated,
            log_key: verifier.log_key(),
        };
        Self { verifier, expected }
    }

    fn boot(&self, launch_digest: [u8; 48]) -> Result<Opened, KbsError> {
        let pins = self.verifier.pins();
        let mut source = self.verifier.evidence_source(launch_digest);
        let stream = self.verifier.connect();
        let stream = pinned_http::connect(stream, &pins.server_name, pins.tls_spki_sha256).unwrap();
        let http = HttpClient::over(stream, &pins.server_name);
        let key = TeeKey::from_entropy(&Zeroizing::new([0x77; 32])).unwrap();
        attest(&http, &pins.prefix(), &mut source, &key)?.fetch(&self.expected)
    }
}

fn outcome(mischief: Mischief) -> Result<Opened, KbsError> {
    Guest::new(mischief).boot(LAUNCH_DIGEST)
}

/// The reason for which a release was refused before it was decrypted.
fn refused_release(mischief: Mischief) -> OpenError {
    match outcome(mischief) {
        Err(KbsError::Release(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// A mock of a tenant's answers below its paths alone.
#[test]
fn guest_of_a_tenant_asks_below_its_paths() {
    let mut guest = Guest::new(Mischief::None);
    guest.verifier.tenant = Some("acme");
    assert!(guest.boot(LAUNCH_DIGEST).is_ok());
}

#[test]
fn release_logged_and_for_this_key_opened() {
    let opened = outcome(Mischief::None).unwrap();
    assert_eq!(opened.secret.as_slice(), SECRET);
    assert_eq!(opened.log_index, 1);
}

#[test]
fn release_with_proof_of_another_entry_refused() {
    let refused = refused_release(Mischief::ProofOfAnotherEntry);
    assert!(matches!(refused, OpenError::OtherRecipient), "{refused:?}");
}

#[test]
fn release_without_proof_refused() {
    let refused = refused_release(Mischief::NoProof);
    assert!(matches!(refused, OpenError::Body(_)), "{refused:?}");
}

#[test]
fn release_under_another_log_key_refused() {
    let mut guest = Guest::new(Mischief::None);
    let name = guest.expected.log_key.name().to_owned();
    guest.expected.log_key = SigningKey::from_seed(&name, &[2; 32])
        .unwrap()
        .verifying_key();
    let refused = guest.boot(LAUNCH_DIGEST);
    let Err(KbsError::Release(OpenError::Proof(LogProofError::Checkpoint(_)))) = refused else {
        panic!("{refused:?}");
    };
}

#[test]
fn release_to_another_key_refused() {
    let refused = refused_release(Mischief::ReleaseToAnotherKey);
    assert!(matches!(refused, OpenError::OtherRecipient), "{refused:?}");
}

#[test]
fn release_with_changed_jwe_refused_before_decryption() {
    let refused = refused_release(Mischief::ChangedJwe);
    assert!(matches!(refused, OpenError::OtherJwe), "{refused:?}");
}

#[test]
fn release_of_another_resource_refused() {
    let refused = refused_release(Mischief::AnotherResource);
    assert!(
        matches!(refused, OpenError::OtherResource { .. }),
        "{refused:?}"
    );
}

#[test]
fn evidence_of_another_launch_refused_in_the_verifiers_words() {
    let refused = Guest::new(Mischief::None).boot([0xee; 48]);
    let Err(KbsError::Refused(reason)) = refused else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("launch digest"), "{reason}");
}

#[test]
fn verifier_that_hangs_up_between_verdict_and_release_is_no_answer() {
    let refused = outcome(Mischief::HangUpAfterVerdict);
    assert!(matches!(refused, Err(KbsError::Http(_))), "{refused:?}");
}

#[test]
fn verifier_without_session_refused() {
    let refused = outcome(Mischief::NoCookie);
    assert!(matches!(refused, Err(KbsError::NoSession)), "{refused:?}");
}

/// What becomes of an answer with this status, whose body names this kind of error.
fn answered(status: u16, kind: &str) -> KbsError {
    let body = attestation_evidence::ErrorBody::new(kind, "its words").to_json();
    accepted(Answer {
        status,
        set_cookies: Vec::new(),
        body: body.into_bytes(),
    })
    .unwrap_err()
}

#[test]
fn judgement_is_the_verifiers_refusal() {
    for (status, kind) in [
        (401, "AttestationFailed"),
        (403, "PolicyDeny"),
        (400, "UnsupportedTee"),
    ] {
        let error = answered(status, kind);
        assert!(
            matches!(&error, KbsError::Refused(reason) if reason == "its words"),
            "{kind}: {error:?}"
        );
    }
}

#[test]
fn answer_that_judges_nothing_is_the_verifiers_failure() {
    for (status, kind) in [
        (400, "InvalidRequest"),
        (401, "TokenNotFound"),
        (404, "ResourceNotFound"),
        (408, "RequestTimeout"),
        (500, "InternalError"),
        (503, "TooManySessions"),
        (503, "LogUnavailable"),
        (503, "NotReady"),
    ] {
        let error = answered(status, kind);
        assert!(matches!(error, KbsError::Failed(_)), "{kind}: {error:?}");
        assert_eq!(error.to_string(), "the verifier failed: its words");
    }
}

#[test]
fn answer_without_a_reason_is_a_failure_that_names_the_status() {
    let refused = outcome(Mischief::BareStatus);
    let Err(KbsError::Failed(reason)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(reason, "status 503 without a reason");
}

#[test]
fn answer_without_end_refused_at_the_limit() {
    let refused = outcome(Mischief::EndlessAnswer);
    let Err(KbsError::Http(error)) = refused else {
        panic!("{refused:?}")
    };
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("limit: 1048576"), "{cause}");
}

#[test]
fn cookie_with_attributes_is_sent_back_without_them() {
    let sent = |text: &str| session_cookie(&["a=b".to_owned(), text.to_owned()]);
    let cookie = sent("kbs-session-id=0f-1; Secure; HttpOnly; SameSite=Strict");
    assert_eq!(cookie.as_deref(), Some("kbs-session-id=0f-1"));
    for unusable in [
        "kbs-session-id=",
        "kbs-session-id",
        "kbs-session-id=a b",
        "kbs-session-idx=1",
    ] {
        assert_eq!(sent(unusable), None, "{unusable}");
    }
    assert_eq!(
        sent(&format!("kbs-session-id={}", "a".repeat(COOKIE_LIMIT))),
        None
    );
}
