//! A verifier over a pair of sockets: real TLS, appraisal, log and release; only HTTP is rough.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use attestation_envelope::{Entropy, TeeKey};
use attestation_evidence::{
    Attestation, CertChain, Challenge, ErrorBody, Nonce, RuntimeData, Tee, TeePublicKey,
    VerifierPins,
};
use attestation_ledger::{
    AuditRecord, Entry, Hash, LogProof, MemoryNodes, SigningKey, TreeHead, VerifyingKey,
    inclusion_proof, root,
};
use attestation_release::Release;
use attestation_verify::test_support::{NOW, Scene, SimulatedTee, policy, reference, session};
use attestation_verify::{AppraisalInput, SimulatedTrust, appraise};
use measured_boot_snp_abi::simulated::{Endorsements, Request, Response, body_length};
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use ring::digest::{SHA256, digest};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use zeroize::Zeroizing;

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
}

impl MockVerifier {
    pub fn new(reference: [u8; 48], mischief: Mischief) -> Self {
        let tls_key = KeyPair::generate().unwrap();
        Self {
            tls_key,
            tee: Arc::new(SimulatedTee::generate()),
            reference,
            mischief,
        }
    }

    pub fn log_key(&self) -> VerifyingKey {
        log_key().verifying_key()
    }

    pub fn pins(&self) -> VerifierPins {
        let spki = digest(&SHA256, &self.tls_key.subject_public_key_info());
        let pins = json!({
            "version": 1,
            "tls_spki_sha256": hex::encode(spki),
            "log_key": self.log_key().to_string(),
            "verifier_vsock_port": 8443,
            "server_name": NAME,
            "resource": RESOURCE,
        });
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

struct Service {
    trust: SimulatedTrust,
    reference: [u8; 48],
    mischief: Mischief,
    release: Option<Value>,
}

struct Answer {
    status: u16,
    headers: &'static str,
    body: String,
}

impl Answer {
    fn ok(body: String) -> Self {
        Self {
            status: 200,
            headers: "",
            body,
        }
    }
}

impl Service {
    fn serve(mut self, mut client: impl Read + Write) -> io::Result<()> {
        loop {
            let (path, cookie, body) = read_request(&mut client)?;
            let answer = match path.as_str() {
                "/kbs/v0/auth" => self.auth(),
                // Without the session of the challenge there is nothing to be had.
                _ if cookie != "kbs-session-id=0f0f" => panic!("cookie {cookie:?}"),
                "/kbs/v0/attest" => self.attest(&body),
                "/kbs/v0/resource/default/disk/data" => match self.mischief {
                    Mischief::HangUpAfterVerdict => return Ok(()),
                    Mischief::EndlessAnswer => return endless_answer(&mut client),
                    _ => Answer::ok(self.release.take().unwrap().to_string()),
                },
                other => panic!("{other}"),
            };
            write!(
                client,
                "HTTP/1.1 {} -\r\n{}content-length: {}\r\n\r\n{}",
                answer.status,
                answer.headers,
                answer.body.len(),
                answer.body
            )?;
            client.flush()?;
        }
    }

    fn auth(&self) -> Answer {
        let headers = match self.mischief {
            Mischief::NoCookie => "",
            _ => "set-cookie: kbs-session-id=0f0f; Secure; HttpOnly; SameSite=Strict\r\n",
        };
        let status = if self.mischief == Mischief::BareStatus {
            503
        } else {
            200
        };
        let body = if status == 200 {
            Challenge::new(nonce()).to_json()
        } else {
            String::new()
        };
        Answer {
            status,
            headers,
            body,
        }
    }

    fn attest(&mut self, body: &[u8]) -> Answer {
        let attestation = Attestation::from_json(body).unwrap();
        let key = attestation.runtime_data.tee_pubkey.clone();
        let input = AppraisalInput {
            tee: Tee::Simulated,
            primary_evidence: attestation.tee_evidence.primary_evidence.get().to_owned(),
            additional_evidence: attestation.tee_evidence.additional_evidence,
            runtime_data: RuntimeData {
                nonce: nonce(),
                tee_pubkey: key,
            },
            session: session(nonce()),
            simulated: self.trust.clone(),
            policy: policy(),
            references: vec![reference(self.reference)],
            now: NOW,
        };
        let verdict = appraise(&input);
        if let Err(rejections) = verdict.accepted() {
            let body = ErrorBody::new("AttestationFailed", rejections[0].to_string()).to_json();
            return Answer {
                status: 401,
                headers: "",
                body,
            };
        }
        self.release = Some(self.make_release(&input));
        Answer::ok(r#"{"token":"t"}"#.to_owned())
    }

    /// The answer to the request for the resource, honest up to the mischief.
    fn make_release(&self, input: &AppraisalInput) -> Value {
        let to_this_guest = |resource: &str| wrap(input, resource);
        let to_another = wrap(&another_guests_input(), RESOURCE);
        let release = match self.mischief {
            Mischief::ReleaseToAnotherKey => wrap(&another_guests_input(), RESOURCE),
            Mischief::AnotherResource => to_this_guest("default/disk/other"),
            _ => to_this_guest(RESOURCE),
        };
        let records = [&to_another, &release].map(record);
        let [proof_of_another, proof] = [0, 1].map(|index| prove(&records, index));
        let body = release
            .commit(&proof, &log_key().verifying_key())
            .unwrap()
            .to_json();
        let mut body: Value = serde_json::from_str(&body).unwrap();
        match self.mischief {
            Mischief::ProofOfAnotherEntry => {
                body["release_proof"] = proof_of_another.to_string().into();
            }
            Mischief::NoProof => {
                body.as_object_mut().unwrap().remove("release_proof");
            }
            Mischief::ChangedJwe => {
                let ciphertext = body["ciphertext"].as_str().unwrap();
                let first = if ciphertext.starts_with('A') {
                    "B"
                } else {
                    "A"
                };
                body["ciphertext"] = format!("{first}{}", &ciphertext[1..]).into();
            }
            _ => {}
        }
        body
    }
}

fn another_guests_input() -> AppraisalInput {
    let key: TeePublicKey = TeeKey::from_entropy(&Zeroizing::new([0x33; 32]))
        .unwrap()
        .public();
    Scene::new([1; 48], nonce(), key).input
}

fn wrap(input: &AppraisalInput, resource: &str) -> Release {
    let verdict = appraise(input);
    let accepted = verdict.accepted().unwrap();
    let entropy = Entropy::from_bytes(&Zeroizing::new([0x55; Entropy::LENGTH]));
    Release::wrap(&accepted, resource.parse().unwrap(), SECRET, entropy).unwrap()
}

fn record(release: &Release) -> AuditRecord {
    release.record(NOW, "0f0f", 0, 1)
}

/// Logs the records and proves that of `index`.
fn prove(records: &[AuditRecord], index: u64) -> LogProof {
    let mut nodes = MemoryNodes::default();
    let mut entries = Vec::new();
    for record in records {
        let entry = Entry::new(record.clone()).unwrap();
        nodes.push(Hash::leaf(entry.as_bytes()));
        entries.push(entry.as_bytes().to_vec());
    }
    let size = nodes.size();
    let head = TreeHead {
        size,
        root: root(&nodes, size).unwrap(),
    };
    LogProof {
        extra: Some(entries.swap_remove(usize::try_from(index).unwrap())),
        index,
        path: inclusion_proof(&nodes, index, size).unwrap(),
        checkpoint: head.sign(&log_key()),
    }
}

/// Path, cookie and body of one request.
fn read_request(client: &mut impl Read) -> io::Result<(String, String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let header = |name: &str| {
        let mut values = head.lines().filter_map(|line| line.split_once(": "));
        values
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.to_owned())
    };
    assert_eq!(header("host").as_deref(), Some(NAME));
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    client.read_exact(&mut body)?;
    Ok((path, header("cookie").unwrap_or_default(), body))
}

fn endless_answer(client: &mut impl Write) -> io::Result<()> {
    write!(
        client,
        "HTTP/1.1 200 -\r\ntransfer-encoding: chunked\r\n\r\n"
    )?;
    loop {
        write!(client, "1000\r\n{}\r\n", " ".repeat(0x1000))?;
    }
}
