//! A guest that speaks the protocol over real TLS: for the tests of this and other crates.
//!
//! It panics where a test cannot go on.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on fails"
)]

pub mod openapi;
pub mod people;

use std::net::TcpStream;

use attestation_envelope::{Expected, Opened, TeeKey};
use attestation_evidence::{
    Attestation, Challenge, ErrorBody, Nonce, Request as AuthRequest, RuntimeData, Tee,
    TeePublicKey, VerifierPins, report_data_binding,
};
use attestation_judge::test_support::{SimulatedTee, policy_with};
use attestation_pinned_http::TlsStream;
use zeroize::Zeroizing;

use crate::{Answer, Client, Request};

/// The shipped policy for simulated evidence, under the name `demo`.
pub fn policy() -> String {
    policy_named("demo")
}

/// The same under another name.
pub fn policy_named(name: &str) -> String {
    policy_with(r#""name": "simulated""#, &format!(r#""name": "{name}""#))
}

/// The policy `demo` that takes no guest whose policy allows SMT, which every simulated guest's does.
pub fn policy_without_smt() -> String {
    policy().replace(r#""allow_smt": true"#, r#""allow_smt": false"#)
}

/// The secret that guests ask for.
pub const RESOURCE: &str = "default/disk/data";

/// A guest that the reference value allows, until a test spoils it.
pub struct Guest<'a> {
    client: Client,
    /// What stands before the paths that it asks: nothing, or `/t/TENANT`.
    below: String,
    tee: &'a SimulatedTee,
    /// The key that its evidence binds.
    pub key: TeeKey,
    /// What its reports say was launched.
    pub digest: [u8; 48],
}

/// An open session.
#[derive(Clone)]
pub struct OpenedSession {
    /// `NAME=VALUE`, as the `Cookie` header has it.
    pub cookie: String,
    /// The challenge's nonce.
    pub nonce: Nonce,
}

impl<'a> Guest<'a> {
    /// A guest that was launched with `digest` on `tee` and made its key of these bytes.
    pub fn new(client: Client, tee: &'a SimulatedTee, key: [u8; 32], digest: [u8; 48]) -> Self {
        let key = TeeKey::from_entropy(&Zeroizing::new(key)).unwrap();
        Self {
            client,
            below: String::new(),
            tee,
            key,
            digest,
        }
    }

    /// The same guest, of this tenant.
    #[must_use]
    pub fn of(mut self, tenant: &str) -> Self {
        self.below = format!("/t/{tenant}");
        self
    }

    /// Opens a session.
    pub fn auth(&self) -> OpenedSession {
        let answer = self.post(
            "/kbs/v0/auth",
            None,
            AuthRequest::new(Tee::Simulated).to_json(),
        );
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        let cookie = answer.set_cookies.first().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        OpenedSession {
            cookie,
            nonce: Challenge::from_json(&answer.body).unwrap().nonce,
        }
    }

    /// What this guest sends to answer `nonce`.
    pub fn attestation(&self, nonce: Nonce) -> String {
        self.attestation_for(nonce, self.key.public())
    }

    /// What it sends to have secrets wrapped to another key than its own.
    pub fn attestation_for(&self, nonce: Nonce, tee_pubkey: TeePublicKey) -> String {
        let runtime = RuntimeData { nonce, tee_pubkey };
        let report = self
            .tee
            .report(&self.digest, &report_data_binding(&runtime, ""));
        let evidence = self.tee.evidence(report).to_json();
        Attestation::new(runtime, evidence).unwrap().to_json()
    }

    /// Answers the challenge of a session.
    pub fn attest(&self, opened: &OpenedSession) -> Answer {
        self.send_attestation(&opened.cookie, self.attestation(opened.nonce))
    }

    /// Sends any body as an attestation.
    pub fn send_attestation(&self, cookie: &str, body: String) -> Answer {
        self.post("/kbs/v0/attest", Some(cookie), body)
    }

    /// Asks for a secret.
    pub fn resource(&self, cookie: &str, resource: &str) -> Answer {
        let path = format!("{}/kbs/v0/resource/{resource}", self.below);
        let request = Request {
            method: "GET",
            path: &path,
            cookie: Some(cookie),
            body: None,
        };
        self.client.send(&request).unwrap()
    }

    /// Auth, attest, ask, open: the secret and its log index.
    pub fn fetch(&self, pins: &VerifierPins) -> (Vec<u8>, u64) {
        let opened = self.auth();
        assert_eq!(self.attest(&opened).status, 200);
        let answer = self.resource(&opened.cookie, RESOURCE);
        assert_eq!(
            answer.status,
            200,
            "{}",
            String::from_utf8_lossy(&answer.body)
        );
        let release = self.open(&answer.body, pins);
        (release.secret.to_vec(), release.log_index)
    }

    /// Opens a released secret as the agent does: proof first.
    pub fn open(&self, body: &[u8], pins: &VerifierPins) -> Opened {
        let expected = Expected {
            resource: RESOURCE.parse().unwrap(),
            tee: Tee::Simulated,
            log_key: pins.log_key.parse().unwrap(),
        };
        attestation_envelope::open(body, &self.key, &expected).unwrap()
    }

    fn post(&self, path: &str, cookie: Option<&str>, body: String) -> Answer {
        let path = format!("{}{path}", self.below);
        let body = Some(body.as_bytes());
        self.client
            .send(&Request {
                method: "POST",
                path: &path,
                cookie,
                body,
            })
            .unwrap()
    }
}

/// A bare TLS connection to the server at `url`, for requests that no client would send.
pub fn connect(url: &str, pins: &VerifierPins) -> TlsStream<TcpStream> {
    let socket = TcpStream::connect(url.strip_prefix("https://").unwrap()).unwrap();
    attestation_pinned_http::connect(socket, &pins.server_name, pins.tls_spki_sha256).unwrap()
}

/// The kind of an error answer, such as `AttestationFailed`, and its detail.
pub fn error_of(answer: &Answer) -> (u16, String, String) {
    let body = ErrorBody::from_json(&answer.body).unwrap();
    let kind = body.kind.rsplit('/').next().unwrap().to_owned();
    (answer.status, kind, body.detail)
}

/// Asserts an error's status and kind, and returns its detail.
#[track_caller]
pub fn expect_error(answer: &Answer, status: u16, kind: &str) -> String {
    let (found_status, found_kind, detail) = error_of(answer);
    assert_eq!(
        (found_status, found_kind.as_str()),
        (status, kind),
        "{detail}"
    );
    detail
}
