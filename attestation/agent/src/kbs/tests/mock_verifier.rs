//! A verifier over a pair of sockets: real TLS, appraisal, log and release; only HTTP is rough.

mod http;
mod service;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use attestation_evidence::{CertChain, Nonce, VerifierPins};
use attestation_judge::SimulatedTrust;
use attestation_judge::test_support::SimulatedTee;
use attestation_ledger::{SigningKey, VerifyingKey};
use measured_boot_snp_abi::simulated::{Endorsements, Request, Response, body_length};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use ring::digest::{SHA256, digest};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use self::service::Service;
use crate::evidence_source::Simulated;

pub const SECRET: &[u8] = b"the disk's secret";

const NAME: &str = "cloister-verifier";
const RESOURCE: &str = "default/disk/data";

/// What this verifier does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    None,
    ProofOfAnotherEntry,
    NoProof,
    ReleaseToAnotherKey,
    ChangedJwe,
    AnotherResource,
    HangUpAfterVerdict,
    NoCookie,
    BareStatus,
    EndlessAnswer,
}

pub struct MockVerifier {
    tls_key: KeyPair,
    tee: Arc<SimulatedTee>,
    reference: [u8; 48],
    mischief: Mischief,
    /// Whose guests it serves.
    pub tenant: Option<&'static str>,
}

impl MockVerifier {
    pub fn new(reference: [u8; 48], mischief: Mischief) -> Self {
        let tls_key = KeyPair::generate().unwrap();
        Self {
            tls_key,
            tee: Arc::new(SimulatedTee::generate()),
            reference,
            mischief,
            tenant: None,
        }
    }

    pub fn log_key(&self) -> VerifyingKey {
        log_key().verifying_key()
    }

    pub fn pins(&self) -> VerifierPins {
        let spki = digest(&SHA256, &self.tls_key.subject_public_key_info());
        let mut pins = json!({
            "version": 1,
            "tls_spki_sha256": hex::encode(spki),
            "log_key": self.log_key().to_string(),
            "verifier_vsock_port": 8443,
            "server_name": NAME,
            "resource": RESOURCE,
        });
        if let Some(tenant) = self.tenant {
            pins["tenant"] = json!(tenant);
        }
        VerifierPins::from_json(pins.to_string().as_bytes()).unwrap()
    }

    /// The simulated TEE of a guest that booted `launch_digest`, under the root trusted here.
    pub fn evidence_source(
        &self,
        launch_digest: [u8; 48],
    ) -> Simulated<impl FnMut() -> io::Result<UnixStream> + use<>> {
        let tee = Arc::clone(&self.tee);
        Simulated::new(move || {
            let (ours, theirs) = UnixStream::pair()?;
            let tee = Arc::clone(&tee);
            thread::spawn(move || answer_reports(&tee, &launch_digest, theirs));
            Ok(ours)
        })
    }

    /// The guest's end of a new connection.
    pub fn connect(&self) -> UnixStream {
        let certificate = CertificateParams::new([NAME.to_owned()])
            .unwrap()
            .self_signed(&self.tls_key)
            .unwrap();
        let key = PrivatePkcs8KeyDer::from(self.tls_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let service = Service {
            trust: SimulatedTrust::Allowed {
                ark: self.tee.ark().to_vec(),
            },
            reference: self.reference,
            mischief: self.mischief,
            prefix: self.pins().prefix(),
            release: None,
        };
        thread::spawn(move || service.serve(StreamOwned::new(connection, theirs)));
        ours
    }
}

/// Plays the simulated TEE until the guest hangs up.
fn answer_reports(
    tee: &SimulatedTee,
    launch_digest: &[u8; 48],
    mut guest: UnixStream,
) -> io::Result<()> {
    loop {
        let mut header = [0; 4];
        guest.read_exact(&mut header)?;
        let mut body = vec![0; body_length(header).unwrap()];
        guest.read_exact(&mut body)?;
        let response = match Request::from_body(&body).unwrap() {
            Request::Report { report_data } => {
                let report = tee.report(launch_digest, &report_data);
                Response::Report(Box::new(report.try_into().unwrap()))
            }
            Request::Endorsements => {
                let CertChain { vcek, ask, ark } = tee.chain().clone();
                Response::Endorsements(Endorsements { vcek, ask, ark })
            }
            Request::Manifest => Response::Manifest(Vec::new()),
        };
        guest.write_all(&response.to_frame().unwrap())?;
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_seed("cloister-verifier.test/log", &[1; 32]).unwrap()
}

fn nonce() -> Nonce {
    Nonce::from_bytes([0x6a; 32])
}
