//! What is kept of evidence: enough to judge it again, and no more than a bound.

use crate::support::{Guest, Place, expect_error, files_of};
use attestation_audit::{Anchors, Conclusion, MAX_EVIDENCE_BYTES, audit};
use attestation_evidence::{
    Attestation, Nonce, RuntimeData, SimulatedEvidence, report_data_binding,
};
use attestation_judge::test_support::init_data;
use attestation_service::export;

/// What the guest sends, with `manifest` in its evidence.
fn with_manifest(guest: &Guest<'_>, nonce: Nonce, manifest: Vec<u8>) -> String {
    let plain = Attestation::from_json(guest.attestation(nonce).as_bytes()).unwrap();
    let text = plain.tee_evidence.primary_evidence.get();
    let mut evidence = SimulatedEvidence::from_json(text).unwrap();
    evidence.manifest = Some(manifest);
    let whole = Attestation::new(plain.runtime_data, evidence.to_json());
    whole.unwrap().to_json()
}

#[test]
fn manifest_that_no_check_looks_at_is_not_kept_and_the_verdict_replays() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let body = with_manifest(&guest, opened.nonce, vec![7; 1 << 20]);
    assert_eq!(guest.send_attestation(&opened.cookie, body).status, 200);

    verifier.stop();
    let out = place.data_dir.with_extension("bundle");
    export(&place.data_dir, &out).unwrap();
    let files = files_of(&out);
    let longest = files.values().map(Vec::len).max();
    assert!(longest < Some(MAX_EVIDENCE_BYTES), "{longest:?}");
    let log_key = place.pins.log_key.parse().unwrap();
    let anchors = Anchors {
        simulated_roots: &[place.tee.ark()],
        ..Anchors::hardware_alone(&log_key)
    };
    let report = audit(&files, &anchors).unwrap();
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert_eq!(report.counts.accepted, 1);
}

/// As Trustee's clients send it: what the guest was started with, which its report binds, or the attempt is refused.
#[test]
fn init_data_that_the_report_binds_is_accepted_and_the_verdict_replays() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let (sent, host_data) = init_data("a = \"b\"");
    let send = |host_data: [u8; 32]| {
        let opened = guest.auth();
        let runtime = RuntimeData {
            nonce: opened.nonce,
            tee_pubkey: guest.key.public(),
        };
        let binding = report_data_binding(&runtime, "");
        let mut report = place.tee.report(&guest.digest, &binding);
        report[0xC0..0xE0].copy_from_slice(&host_data);
        place.tee.sign(&mut report);
        let plain = Attestation::new(runtime, place.tee.evidence(report).to_json());
        let plain = plain.unwrap().to_json();
        let whole = plain.replace(r#""init-data":null"#, &format!(r#""init-data":{sent}"#));
        assert_ne!(whole, plain);
        guest.send_attestation(&opened.cookie, whole)
    };

    assert_eq!(send(host_data).status, 200);
    let detail = expect_error(&send([1; 32]), 401, "AttestationFailed");
    assert!(detail.contains("HOST_DATA is "), "{detail}");

    verifier.stop();
    let out = place.data_dir.with_extension("bundle");
    export(&place.data_dir, &out).unwrap();
    let log_key = place.pins.log_key.parse().unwrap();
    let anchors = Anchors {
        simulated_roots: &[place.tee.ark()],
        ..Anchors::hardware_alone(&log_key)
    };
    let report = audit(&files_of(&out), &anchors).unwrap();
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert_eq!((report.counts.accepted, report.counts.refused), (1, 1));
}

/// Whoever reaches the port can send anything: what is kept of it is bounded.
#[test]
fn evidence_longer_than_the_bound_is_refused_and_leaves_nothing_in_the_log() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let before = verifier.log_size();
    let long = "x".repeat(MAX_EVIDENCE_BYTES);
    let honest = guest.attestation(Nonce::from_bytes([1; 32]));
    let bodies = [
        honest.replace(
            r#""additional_evidence":"""#,
            &format!(r#""additional_evidence":"{long}""#),
        ),
        honest.replace(r#""manifest":null"#, &format!(r#""manifest":"{long}!""#)),
    ];
    for body in bodies {
        assert!(body.len() > honest.len());
        let opened = guest.auth();
        let answer = guest.send_attestation(&opened.cookie, body);
        let detail = expect_error(&answer, 413, "PayloadTooLarge");
        assert!(
            detail.contains("262144 at most") && detail.contains("manifest"),
            "{detail}"
        );
        let again = guest.attest(&opened);
        let detail = expect_error(&again, 401, "AttestationFailed");
        assert!(detail.contains("already used"), "{detail}");
    }
    assert_eq!(verifier.log_size(), before + 2, "only the second attempts");
}
