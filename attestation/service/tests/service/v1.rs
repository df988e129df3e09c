//! `/v1`: evidence that binds the TLS session, and evidence that a relying party brings.

use crate::support::{DIGEST, Place, RESOURCE, Verifier, expect_error};
use attestation_audit::Conclusion;
use attestation_envelope::TeeKey;
use attestation_evidence::{
    Attestation, Challenge, RuntimeData, TLS_EXPORTER_LABEL, Tee, TlsExporter, report_data_binding,
    report_data_binding_v1,
};
use attestation_pinned_http::HttpClient;
use attestation_service::test_support::connect;
use attestation_service::{Answer, Request};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// A guest's connection, and what only its two ends know.
struct Connection {
    http: HttpClient,
    exporter: TlsExporter,
}

impl Connection {
    fn new(verifier: &Verifier<'_>) -> Self {
        let pins = &verifier.place.pins;
        let stream = connect(&verifier.url, pins);
        let label = TLS_EXPORTER_LABEL.as_bytes();
        let exported = stream.conn.export_keying_material([0; 32], label, None);
        Self {
            exporter: TlsExporter::from_bytes(exported.unwrap()),
            http: HttpClient::over(stream, &pins.server_name),
        }
    }

    fn post(&self, path: &str, cookie: Option<&str>, body: &str) -> Answer {
        let request = Request {
            method: "POST",
            path,
            cookie,
            body: Some(body.as_bytes()),
        };
        self.http.send(&request).unwrap()
    }

    /// Opens a session: its cookie and its runtime data.
    fn challenge(&self) -> (String, RuntimeData) {
        let body = attestation_evidence::Request::new(Tee::Simulated).to_json();
        let answer = self.post("/v1/challenge", None, &body);
        let cookie = answer.set_cookies.first().unwrap();
        assert!(cookie.contains("Path=/v1;"), "{cookie}");
        let key = TeeKey::from_entropy(&Zeroizing::new([7; 32])).unwrap();
        let runtime = RuntimeData {
            nonce: Challenge::from_json(&answer.body).unwrap().nonce,
            tee_pubkey: key.public(),
        };
        (cookie.split(';').next().unwrap().to_owned(), runtime)
    }
}

fn attestation(place: &Place, runtime: RuntimeData, report_data: &[u8; 64]) -> String {
    let report = place.tee.report(&DIGEST, report_data);
    let evidence = place.tee.evidence(report).to_json();
    Attestation::new(runtime, evidence).unwrap().to_json()
}

#[test]
fn guest_whose_evidence_binds_its_tls_session_gets_its_secret() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = Connection::new(&verifier);
    let (cookie, runtime) = guest.challenge();
    let bound = report_data_binding_v1(&runtime, "", &guest.exporter);

    let answer = guest.post(
        "/v1/attest",
        Some(&cookie),
        &attestation(&place, runtime, &bound),
    );

    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(&answer.body)
    );
    let request = Request {
        method: "GET",
        path: &format!("/v1/secrets/{RESOURCE}"),
        cookie: Some(&cookie),
        body: None,
    };
    assert_eq!(guest.http.send(&request).unwrap().status, 200);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn evidence_relayed_through_another_tls_session_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (guest, relay) = (Connection::new(&verifier), Connection::new(&verifier));
    let (cookie, runtime) = guest.challenge();
    let bound = report_data_binding_v1(&runtime, "", &guest.exporter);

    let answer = relay.post(
        "/v1/attest",
        Some(&cookie),
        &attestation(&place, runtime, &bound),
    );

    let detail = expect_error(&answer, 401, "AttestationFailed");
    assert!(detail.contains("binding: "), "{detail}");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn evidence_for_the_other_protocol_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = Connection::new(&verifier);
    for (path, is_v1) in [("/v1/attest", false), ("/kbs/v0/attest", true)] {
        let (cookie, runtime) = guest.challenge();
        let bound = match is_v1 {
            true => report_data_binding_v1(&runtime, "", &guest.exporter),
            false => report_data_binding(&runtime, ""),
        };

        let answer = guest.post(path, Some(&cookie), &attestation(&place, runtime, &bound));

        let detail = expect_error(&answer, 401, "AttestationFailed");
        assert!(detail.contains("binding: "), "{path}: {detail}");
    }
}

fn verify(verifier: &Verifier<'_>, question: &Value) -> Answer {
    let client = verifier.client().with_bearer(&verifier.place.admin_token);
    let body = question.to_string();
    let request = Request {
        method: "POST",
        path: "/v1/verify",
        body: Some(body.as_bytes()),
        cookie: None,
    };
    client.send(&request).unwrap()
}

fn outcome(answer: &Answer) -> (u16, Value) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    (answer.status, body["verdict"]["verdict"].clone())
}

#[test]
fn relying_partys_evidence_is_judged_and_logged_and_opens_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let report = place.tee.report(&DIGEST, &[9; 64]);
    let evidence: Value = serde_json::from_str(&place.tee.evidence(report).to_json()).unwrap();
    let question = |report_data: Option<&str>| json!({"tee": "simulated", "evidence": evidence, "report_data": report_data});
    let before = verifier.log_size();

    let good = verify(&verifier, &question(Some(&"09".repeat(64))));
    assert_eq!(outcome(&good), (200, "accepted".into()));
    let other = verify(&verifier, &question(Some(&"08".repeat(64))));
    assert_eq!(outcome(&other), (200, "refused".into()));

    assert_eq!(verifier.log_size(), before + 2);
    assert_eq!(verifier.entry(before)["session"], Value::Null);
    for wrong in [
        question(Some("09")),
        json!({"tee": "simulated"}),
        json!({"tee": "sgx", "evidence": {}, "report_data": null}),
    ] {
        expect_error(&verify(&verifier, &wrong), 400, "InvalidRequest");
    }
    let stranger = verifier.client();
    let request = Request {
        method: "POST",
        path: "/v1/verify",
        body: Some(b"{}"),
        cookie: None,
    };
    expect_error(&stranger.send(&request).unwrap(), 401, "NotProven");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}
