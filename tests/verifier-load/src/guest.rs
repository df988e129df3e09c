//! A guest, from its first connection to its secret.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use attestation_envelope::{Expected, TeeKey, open};
use attestation_evidence::{
    Attestation, Challenge, Request as Ask, RuntimeData, Tee as Kind, VerifierPins,
};
use attestation_pinned_http::{Answer, HttpClient, Request, connect};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::{RESOURCE, SECRET, Tee};

/// Whoever is not answered within this has no verifier.
const PATIENCE: Duration = Duration::from_secs(20);

/// A guest on loopback.
pub struct Guest<'a> {
    /// Its secure processor.
    pub tee: &'a Tee,
    /// The verifier that it trusts.
    pub pins: &'a VerifierPins,
    /// Where that is.
    pub address: SocketAddr,
}

/// What a guest was at when something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// TCP and TLS.
    Connect,
    /// A nonce.
    Challenge,
    /// Evidence, which was sent.
    Attest,
    /// The secret, which was asked for.
    Secret,
}

impl Guest<'_> {
    /// Connects, attests, gets the secret, checks its proof, and opens it: the index of the release in the log.
    ///
    /// # Errors
    /// Anything else than the secret comes of it; the stage says how far it came.
    pub fn handshake(&self) -> std::result::Result<u64, (Stage, anyhow::Error)> {
        let http = self.connect().map_err(|error| (Stage::Connect, error))?;
        let (challenge, cookie) = self.ask(&http).map_err(|error| (Stage::Challenge, error))?;
        let key = own_key().map_err(|error| (Stage::Challenge, error))?;
        self.attest(&http, &challenge, &cookie, &key)
            .map_err(|error| (Stage::Attest, error))?;
        self.fetch(&http, &cookie, &key)
            .map_err(|error| (Stage::Secret, error))
    }

    /// A TLS connection to the verifier.
    ///
    /// # Errors
    /// There is none.
    pub fn connect(&self) -> Result<HttpClient> {
        let socket = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let stream = connect(socket, &self.pins.server_name, self.pins.tls_spki_sha256)?;
        Ok(HttpClient::over(stream, &self.pins.server_name))
    }

    /// Asks for a challenge: it and the session's cookie.
    ///
    /// # Errors
    /// There is no challenge.
    pub fn ask(&self, http: &HttpClient) -> Result<(Challenge, String)> {
        let body = Ask::new(Kind::Simulated).to_json();
        let answer = expect(post(http, "/kbs/v0/auth", None, &body)?)?;
        let cookie = answer.set_cookies.first().context("there is no cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok((Challenge::from_json(&answer.body)?, cookie))
    }

    fn attest(
        &self,
        http: &HttpClient,
        challenge: &Challenge,
        cookie: &str,
        key: &TeeKey,
    ) -> Result<()> {
        let runtime = RuntimeData {
            nonce: challenge.nonce,
            tee_pubkey: key.public(),
        };
        let evidence = self.tee.evidence(&runtime)?.to_json();
        let body = Attestation::new(runtime, evidence)?.to_json();
        expect(post(http, "/kbs/v0/attest", Some(cookie), &body)?).map(|_| ())
    }

    fn fetch(&self, http: &HttpClient, cookie: &str, key: &TeeKey) -> Result<u64> {
        let path = format!("/kbs/v0/resource/{RESOURCE}");
        let answer = http.send(&Request {
            method: "GET",
            path: &path,
            cookie: Some(cookie),
            body: None,
        })?;
        let expected = Expected {
            resource: RESOURCE.parse()?,
            tee: Kind::Simulated,
            log_key: self.pins.log_key.parse()?,
        };
        let opened = open(&expect(answer)?.body, key, &expected)?;
        ensure!(opened.secret.as_slice() == SECRET, "it is another secret");
        Ok(opened.log_index)
    }
}

fn own_key() -> Result<TeeKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    let drawn = SystemRandom::new().fill(bytes.as_mut_slice());
    drawn.ok().context("there is no entropy")?;
    Ok(TeeKey::from_entropy(&bytes)?)
}

fn post(http: &HttpClient, path: &str, cookie: Option<&str>, body: &str) -> Result<Answer> {
    let body = Some(body.as_bytes());
    Ok(http.send(&Request {
        method: "POST",
        path,
        cookie,
        body,
    })?)
}

fn expect(answer: Answer) -> Result<Answer> {
    if answer.status != 200 {
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        bail!("status {}: {body}", answer.status);
    }
    Ok(answer)
}
