//! Makes tokens, of accepted verdicts alone.

use attestation_appraisal::{EarToken, Sign, SignError, VerifierId, signed};
use attestation_evidence::encoding::base64url_encode;
use attestation_evidence::{Nonce, RuntimeData};
use attestation_judge::Verdict;

use crate::claims::{
    INIT_DATA_CLAIMS, PROFILE, Written, WrittenAppraisal, WrittenSubmodules, WrittenVerifier,
    annotated,
};
use crate::verify::LONGEST_TOKEN;

/// The longest that a token may live, in seconds. A key is published that much longer than it signs.
pub const LONGEST_LIFE: u64 = 3600;

/// What a token is made of.
#[derive(Debug, Clone, Copy)]
pub struct Issue<'a> {
    /// The verdict, which the log has.
    pub verdict: &'a Verdict,
    /// The nonce of its session, which the evidence binds together with the key.
    pub nonce: Nonce,
    /// Who issues: `iss`.
    pub issuer: &'a str,
    /// Which software appraised.
    pub verifier: &'a VerifierId,
    /// Whose guest it is.
    pub tenant: &'a str,
    /// The session's name.
    pub session: &'a str,
    /// The log's origin.
    pub log_origin: &'a str,
    /// Where the log has the verdict.
    pub log_index: u64,
    /// Now, in seconds since 1970-01-01 UTC.
    pub issued_at: u64,
    /// How long the token is good, in seconds: 1 to [`LONGEST_LIFE`].
    pub lifetime: u64,
    /// Random bytes by which this token is told from any other.
    pub id: [u8; 16],
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A verdict that refuses, or answers a relying party, gets none.
    #[error("a token stands for an accepted verdict of a session, which this is not")]
    NotAccepted,
    /// No time at all, or longer than keys are published.
    #[error("a token lives 1 to {LONGEST_LIFE} seconds, not {0}")]
    Lifetime(u64),
    /// The time is not one that can be added to.
    #[error("the time {0} is none that a token can be issued at")]
    Time(u64),
    /// What the evidence says does not fit into a header of HTTP.
    #[error("the token has {0} bytes, where {LONGEST_TOKEN} are allowed")]
    TooLong(usize),
    /// The key gave no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

/// A token that says what the verdict says, and where the log has it.
///
/// # Errors
/// [`IssueError`].
pub fn issue(issue: &Issue<'_>, key: &(impl Sign + ?Sized)) -> Result<EarToken, IssueError> {
    let mut written = written(issue)?;
    let token = encoded(&written, key)?;
    if token.as_str().len() <= LONGEST_TOKEN {
        return Ok(token);
    }
    // Its digest says which it was; the log has the verdict, and the verdict has it whole.
    let evidence = &mut written.submods.cpu0.annotated_evidence;
    if evidence.remove(INIT_DATA_CLAIMS).is_none() {
        return Err(IssueError::TooLong(token.as_str().len()));
    }
    let token = encoded(&written, key)?;
    match token.as_str().len() {
        0..=LONGEST_TOKEN => Ok(token),
        length => Err(IssueError::TooLong(length)),
    }
}

fn encoded(written: &Written, key: &(impl Sign + ?Sized)) -> Result<EarToken, SignError> {
    let claims = serde_json::to_value(written).expect("plain data is always JSON");
    signed(&claims, key)
}

fn written(issue: &Issue<'_>) -> Result<Written, IssueError> {
    let accepted = issue.verdict.accepted().ok_or(IssueError::NotAccepted)?;
    if !(1..=LONGEST_LIFE).contains(&issue.lifetime) {
        return Err(IssueError::Lifetime(issue.lifetime));
    }
    let exp = issue.issued_at.checked_add(issue.lifetime);
    let runtime_data = RuntimeData {
        nonce: issue.nonce,
        tee_pubkey: accepted.recipient().clone(),
    };
    Ok(Written {
        eat_profile: PROFILE.to_owned(),
        iss: issue.issuer.to_owned(),
        iat: issue.issued_at,
        nbf: issue.issued_at,
        exp: exp.ok_or(IssueError::Time(issue.issued_at))?,
        jti: base64url_encode(&issue.id),
        verifier_id: WrittenVerifier {
            developer: issue.verifier.developer.clone(),
            build: issue.verifier.build.clone(),
        },
        submods: WrittenSubmodules {
            cpu0: appraisal(issue, &runtime_data),
        },
        cloister_tenant: issue.tenant.to_owned(),
        cloister_session: issue.session.to_owned(),
        cloister_log_origin: issue.log_origin.to_owned(),
        cloister_log_index: issue.log_index,
        cloister_tee: accepted.tee(),
        cloister_simulated: accepted.tee().is_simulated(),
    })
}

fn appraisal(issue: &Issue<'_>, runtime_data: &RuntimeData) -> WrittenAppraisal {
    let appraised = issue.verdict.appraised();
    let (policy, digest) = (issue.verdict.policy(), issue.verdict.policy_digest());
    WrittenAppraisal {
        status: appraised.appraisal().status(),
        trustworthiness_vector: appraised.appraisal().trust_vector().clone(),
        appraisal_policy_id: format!("{}/{policy}@{digest}", issue.tenant),
        annotated_evidence: annotated(appraised.claims(), runtime_data),
    }
}
