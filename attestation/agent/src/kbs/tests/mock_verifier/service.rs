//! What it answers, and what it does wrong.

use std::io::{self, Read, Write};

use attestation_envelope::{Entropy, TeeKey};
use attestation_evidence::{Attestation, Challenge, ErrorBody, RuntimeData, Tee, TeePublicKey};
use attestation_judge::test_support::{Input, NOW, SIMULATED, Scene, reference, session};
use attestation_judge::{Collateral, Protocol, SimulatedTrust, Trust};
use attestation_ledger::{
    AuditRecord, Entry, Hash, LogProof, MemoryNodes, TreeHead, inclusion_proof, root,
};
use attestation_release::{Circumstances, Release};
use serde_json::Value;
use zeroize::Zeroizing;

use super::http::{endless_answer, read_request};
use super::{Mischief, RESOURCE, SECRET, log_key, nonce};

pub struct Service {
    pub trust: SimulatedTrust,
    pub reference: [u8; 48],
    pub mischief: Mischief,
    pub prefix: String,
    pub release: Option<Value>,
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
    pub fn serve(mut self, mut client: impl Read + Write) -> io::Result<()> {
        loop {
            let (path, cookie, body) = read_request(&mut client)?;
            let answer = match path.strip_prefix(&self.prefix).unwrap() {
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
        let input = Input {
            tee: Tee::Simulated,
            primary_evidence: attestation.tee_evidence.primary_evidence.get().to_owned(),
            additional_evidence: attestation.tee_evidence.additional_evidence,
            runtime_data: RuntimeData {
                nonce: nonce(),
                tee_pubkey: key,
            },
            init_data: None,
            protocol: Protocol::Kbs,
            session: session(nonce()),
            trust: Trust {
                simulated: self.trust.clone(),
                ..Trust::default()
            },
            collateral: Collateral::default(),
            seen: None,
            policy: SIMULATED.to_owned(),
            references: vec![reference(self.reference)],
            now: NOW,
        };
        let verdict = input.verdict();
        if !verdict.is_accepted() {
            let reasons = verdict.record().rejections;
            let reason = format!("{}: {}", reasons[0].check, reasons[0].reason);
            let body = ErrorBody::new("AttestationFailed", reason).to_json();
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
    fn make_release(&self, input: &Input) -> Value {
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

fn another_guests_input() -> Input {
    let key: TeePublicKey = TeeKey::from_entropy(&Zeroizing::new([0x33; 32]))
        .unwrap()
        .public();
    Scene::new([1; 48], nonce(), key).input
}

fn wrap(input: &Input, resource: &str) -> Release {
    let accepted = input.verdict().accepted().unwrap();
    let entropy = Entropy::from_bytes(&Zeroizing::new([0x55; Entropy::LENGTH]));
    Release::wrap(&accepted, resource.parse().unwrap(), SECRET, entropy).unwrap()
}

fn record(release: &Release) -> AuditRecord {
    release.record(&Circumstances {
        time: NOW,
        tenant: "default",
        session: "0f0f",
        verdict_index: 0,
        secret_version: 1,
    })
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
