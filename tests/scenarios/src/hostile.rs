//! A hostile host that holds genuine evidence, and talks to the verifier itself.
//!
//! It asks the simulated TEE of a genuinely launched guest for reports over data of its own choice
//! (see `ask-report`), so that everything in the evidence is right but the one thing under attack.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use attestation_envelope::TeeKey;
use attestation_evidence::{
    Attestation, CertChain, Challenge, ErrorBody, Nonce, Request, RuntimeData, SimulatedEvidence,
    Tee, TeePublicKey, report_data_binding,
};
use attestation_service::{self as service, Client};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;
use tests_lab::Machine;
use zeroize::Zeroizing;

use crate::guest::Guest;
use crate::programs::text;

/// A session that the hostile host opened with the verifier.
struct Session<'a> {
    client: &'a Client,
    cookie: String,
    nonce: Nonce,
}

/// What the verifier answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// It accepted.
    Accepted,
    /// It refused, for this reason.
    Refused(String),
}

/// An attack's name, the check that is to refuse it, and what the verifier answered.
pub type Attempt = (&'static str, &'static str, Answer);

/// A replay of evidence whose nonce is used up, evidence bound to another key, and evidence of
/// another session: each with everything else in order.
///
/// # Errors
/// When the verifier or the guest does not answer, or when the control is not accepted: then the
/// refusals would prove nothing.
pub fn attacks(machine: &Machine, guest: &Guest, verifier: &Client) -> Result<[Attempt; 3]> {
    let somebody = key()?;
    let first = Session::open(verifier)?;
    let genuine = first.evidence(machine, guest, &somebody, &somebody)?;
    let Answer::Accepted = first.present(&genuine)? else {
        bail!("the verifier refused the genuine evidence that the attacks are made of");
    };
    let replayed = first.present(&genuine)?;

    let second = Session::open(verifier)?;
    let rebound = second.evidence(machine, guest, &somebody, &key()?)?;
    let rebound = second.present(&rebound)?;

    let other = Session::open(verifier)?.present(&genuine)?;
    Ok([
        ("replayed report", "nonce", replayed),
        ("report of another key", "binding", rebound),
        ("nonce of another session", "nonce", other),
    ])
}

/// A key that nobody keeps: no secret could be unwrapped with it, whatever the verifier answers.
fn key() -> Result<TeePublicKey> {
    let mut entropy = Zeroizing::new([0; 32]);
    SystemRandom::new()
        .fill(entropy.as_mut_slice())
        .map_err(|_| anyhow::anyhow!("no random bytes"))?;
    Ok(TeeKey::from_entropy(&entropy)?.public())
}

impl<'a> Session<'a> {
    fn open(client: &'a Client) -> Result<Self> {
        let body = Request::new(Tee::Simulated).to_json();
        let request = service::Request {
            method: "POST",
            path: "/kbs/v0/auth",
            cookie: None,
            body: Some(body.as_bytes()),
        };
        let answer = client.send(&request)?;
        let cookie = answer.set_cookies.first();
        let cookie = cookie.context("the verifier set no cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let nonce = Challenge::from_json(&answer.body)?.nonce;
        Ok(Self {
            client,
            cookie,
            nonce,
        })
    }

    /// Evidence whose report binds `bound` and whose runtime data says `said`.
    fn evidence(
        &self,
        machine: &Machine,
        guest: &Guest,
        bound: &TeePublicKey,
        said: &TeePublicKey,
    ) -> Result<Attestation> {
        let runtime = |key: &TeePublicKey| RuntimeData {
            nonce: self.nonce,
            tee_pubkey: key.clone(),
        };
        let report_data = report_data_binding(&runtime(bound), "");
        let evidence = ask_report(machine, guest, &report_data)?;
        Ok(Attestation::new(runtime(said), evidence.to_json())?)
    }

    fn present(&self, evidence: &Attestation) -> Result<Answer> {
        let body = evidence.to_json();
        let request = service::Request {
            method: "POST",
            path: "/kbs/v0/attest",
            cookie: Some(&self.cookie),
            body: Some(body.as_bytes()),
        };
        let answer = self.client.send(&request)?;
        match answer.status {
            200 => Ok(Answer::Accepted),
            401 => {
                let body: Value = serde_json::from_slice(&answer.body)?;
                Ok(Answer::Refused(text(&body, "/detail")?.to_owned()))
            }
            status => bail!(
                "the verifier answered {status}: {:?}",
                ErrorBody::from_json(&answer.body)
            ),
        }
    }
}

fn ask_report(machine: &Machine, guest: &Guest, report_data: &[u8]) -> Result<SimulatedEvidence> {
    let program = machine.path("bin/ask-report");
    let socket = format!("{}/tee.sock", guest.runtime);
    let mut job = machine.start(&[&program, &socket, &hex::encode(report_data)])?;
    if job.wait(Duration::from_secs(60))? != 0 {
        bail!("ask-report failed:\n{}", job.tail());
    }
    let line = job.lines().first().context("ask-report printed nothing")?;
    let answer: Value = serde_json::from_str(&line.text)?;
    let bytes = |pointer: &str| -> Result<Vec<u8>> { Ok(hex::decode(text(&answer, pointer)?)?) };
    Ok(SimulatedEvidence {
        attestation_report: bytes("/report")?,
        cert_chain: CertChain {
            vcek: bytes("/chain/0")?,
            ask: bytes("/chain/1")?,
            ark: bytes("/chain/2")?,
        },
        manifest: None,
    })
}
