//! The KBS protocol 0.4.0 as its client: ask for a nonce, show evidence, fetch the secret.

use attestation_envelope::{Expected, OpenError, Opened, TeeKey, open};
use attestation_evidence::{
    Attestation, Challenge, ErrorBody, ParseError, Request, RuntimeData, SESSION_COOKIE, Token,
    error_type, report_data_binding,
};
use attestation_pinned_http::{self as pinned_http, Answer, HttpClient, HttpError};

use crate::evidence_source::{EvidenceError, EvidenceSource};

const AUTH: &str = "/kbs/v0/auth";
const ATTEST: &str = "/kbs/v0/attest";

/// Its evidence, its right to this secret, its kind of TEE (refused before any evidence).
const JUDGEMENTS: [&str; 3] = ["AttestationFailed", "PolicyDeny", "UnsupportedTee"];

/// A cookie of ours is a short random word.
const COOKIE_LIMIT: usize = 256;

/// A verifier that has accepted this guest's evidence, bound to `key`.
pub struct AttestedSession<'a> {
    http: &'a HttpClient,
    prefix: &'a str,
    key: &'a TeeKey,
    cookie: String,
}

/// Why no secret was obtained.
#[derive(Debug, thiserror::Error)]
pub enum KbsError {
    /// The verifier judged and refused; its own words.
    #[error("the verifier refused: {0}")]
    Refused(String),
    /// The verifier answered, but judged nothing: it is busy, broken, or did not understand.
    #[error("the verifier failed: {0}")]
    Failed(String),
    /// There was no answer.
    #[error("the connection to the verifier failed")]
    Http(#[from] HttpError),
    /// An answer is not what the protocol says.
    #[error(transparent)]
    Message(#[from] ParseError),
    /// The answer to the first request carries no usable session.
    #[error("the verifier's answer to {AUTH} sets no usable {SESSION_COOKIE} cookie")]
    NoSession,
    /// There is no evidence to show.
    #[error("no evidence")]
    Evidence(#[from] EvidenceError),
    /// The release does not hold what it must; nothing of it was decrypted.
    #[error("the release is refused")]
    Release(#[from] OpenError),
}

/// Runs the protocol up to the verifier's acceptance, below the paths that begin with `prefix`. The report binds the nonce and
/// `key`.
pub fn attest<'a>(
    http: &'a HttpClient,
    prefix: &'a str,
    source: &mut dyn EvidenceSource,
    key: &'a TeeKey,
) -> Result<AttestedSession<'a>, KbsError> {
    let request = Request::new(source.tee());
    let answer = post(http, &format!("{prefix}{AUTH}"), None, &request.to_json())?;
    let cookie = session_cookie(&answer.set_cookies).ok_or(KbsError::NoSession)?;
    let challenge = Challenge::from_json(&answer.body)?;

    let runtime = RuntimeData {
        nonce: challenge.nonce,
        tee_pubkey: key.public(),
    };
    let evidence = source.collect(&report_data_binding(&runtime, ""))?;
    let attestation = Attestation::new(runtime, evidence.to_primary_evidence()?)?;
    let path = format!("{prefix}{ATTEST}");
    let answer = post(http, &path, Some(&cookie), &attestation.to_json())?;
    Token::from_json(&answer.body)?;
    Ok(AttestedSession {
        http,
        prefix,
        key,
        cookie,
    })
}

impl AttestedSession<'_> {
    /// Fetches a secret. It is decrypted only after its log entry is seen to be in the pinned log and
    /// to be about this resource, this key and this very ciphertext.
    pub fn fetch(&self, expected: &Expected) -> Result<Opened, KbsError> {
        let path = format!("{}/kbs/v0/resource/{}", self.prefix, expected.resource);
        let answer = accepted(self.http.send(&pinned_http::Request {
            method: "GET",
            path: &path,
            cookie: Some(&self.cookie),
            body: None,
        })?)?;
        Ok(open(&answer.body, self.key, expected)?)
    }
}

fn post(
    http: &HttpClient,
    path: &str,
    cookie: Option<&str>,
    json: &str,
) -> Result<Answer, KbsError> {
    accepted(http.send(&pinned_http::Request {
        method: "POST",
        path,
        cookie,
        body: Some(json.as_bytes()),
    })?)
}

/// Any status but 200 ends the boot, but only some are the verifier's judgement.
fn accepted(answer: Answer) -> Result<Answer, KbsError> {
    if answer.status == 200 {
        return Ok(answer);
    }
    let Ok(body) = ErrorBody::from_json(&answer.body) else {
        let reason = format!("status {} without a reason", answer.status);
        return Err(KbsError::Failed(reason));
    };
    Err(match is_judgement(&body) {
        true => KbsError::Refused(body.detail),
        false => KbsError::Failed(body.detail),
    })
}

/// Whether an error is about this guest, and would be the same if the verifier were asked again.
fn is_judgement(error: &ErrorBody) -> bool {
    JUDGEMENTS.iter().any(|name| error.kind == error_type(name))
}

/// `kbs-session-id=VALUE`, to be sent back as it is.
fn session_cookie(set_cookies: &[String]) -> Option<String> {
    let pair = set_cookies
        .iter()
        .filter_map(|text| text.split(';').next())
        .map(str::trim)
        .find(|pair| pair.split('=').next() == Some(SESSION_COOKIE))?;
    let value = pair.split_once('=')?.1;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!value.is_empty() && pair.len() <= COOKIE_LIMIT && value.bytes().all(plain))
        .then(|| pair.to_owned())
}

#[cfg(test)]
mod tests;
