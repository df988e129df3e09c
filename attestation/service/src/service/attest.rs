//! Evidence in, verdict out, the verdict in the log before anybody hears of it.

use std::sync::PoisonError;

use attestation_audit::VERDICT_SECONDS;
use attestation_evidence::{Nonce, Tee};
use attestation_verify::{Outcome, VerdictRecord};
use serde::Serialize;

use super::judge::Judged;
use super::{Accepted, REMEMBERED_SECONDS, Service, UNKNOWN_SESSION};
use crate::challenge::{Challenge, SessionCookie};
use crate::problem::Problem;

/// An accepted attestation.
#[derive(Debug)]
pub struct Attested {
    /// The signed token that tells others of the verdict.
    pub token: String,
}

/// What was known of a session when an attempt used up its nonce.
#[derive(Debug, PartialEq, Eq)]
pub struct OpenedSession {
    /// The session's name, which is not its cookie.
    pub name: String,
    /// The nonce that evidence must bind.
    pub nonce: Nonce,
    /// The claimed TEE.
    pub tee: String,
    /// From this second on the nonce is void.
    pub expires: u64,
    /// Whether an earlier attempt had burned it.
    pub burned_before: bool,
}

/// What the operator's log says of a verdict.
#[derive(Serialize)]
struct VerdictLine<'a> {
    session: &'a str,
    tee: Tee,
    simulated: bool,
    outcome: Outcome,
    reasons: Vec<&'a str>,
    policy: &'a str,
    reference: Option<&'a str>,
    launch_digest: Option<&'a str>,
    log_index: u64,
}

impl Service {
    /// Burns the session's nonce. Committed on its own, before the evidence is even read: whatever
    /// comes of the attempt, a crash included, this nonce is used.
    pub fn burn(&self, cookie: &SessionCookie) -> Result<OpenedSession, Problem> {
        let name = cookie.session_name();
        self.burn_named(cookie, name.clone())
            .map_err(|problem| self.refuse("attest", &name, problem))
    }

    fn burn_named(&self, cookie: &SessionCookie, name: String) -> Result<OpenedSession, Problem> {
        let (challenge, nonce) = self.opened(cookie)?;
        let forget_at = challenge.expires.saturating_add(REMEMBERED_SECONDS);
        let fresh = self.commit(|writing| {
            let reading = writing.reading();
            if reading.generation()? != self.generation {
                return Err(Problem::Restored.into());
            }
            let now = self.moment(&reading)?;
            writing.forget_attempts(now)?;
            Ok(writing.burn(&name, forget_at)?)
        })?;
        Ok(OpenedSession {
            name,
            nonce,
            tee: challenge.tee,
            expires: challenge.expires,
            burned_before: !fresh,
        })
    }

    /// The challenge that a cookie carries, if this verifier handed it out.
    pub(super) fn opened(&self, cookie: &SessionCookie) -> Result<(Challenge, Nonce), Problem> {
        let now = self.clock.now();
        self.keys
            .challenge
            .open(&self.generation, cookie)
            .filter(|(challenge, _)| now < challenge.expires.saturating_add(REMEMBERED_SECONDS))
            .ok_or(UNKNOWN_SESSION)
    }

    /// Appraises the evidence in `body`; `opened` is what [`Service::burn`] answered.
    pub fn attest(&self, opened: &OpenedSession, body: &[u8]) -> Result<Attested, Problem> {
        let session = opened.name.as_str();
        let Judged {
            verdict,
            rules,
            now,
            index,
        } = self
            .judge(opened, body)
            .map_err(|problem| self.refuse("attest", session, problem))?;
        let record = verdict.record();
        self.journal_verdict(session, &record, index);
        match verdict.accepted() {
            Ok(accepted) => {
                let token = self.note(self.keys.token.issue(
                    self.log_key().name(),
                    &record,
                    session,
                    index,
                    now,
                ))?;
                let until = now.saturating_add(VERDICT_SECONDS);
                self.remember(
                    session,
                    Accepted {
                        verdict: accepted,
                        policy: rules.policy.clone(),
                        index,
                        until,
                    },
                    now,
                );
                Ok(Attested { token })
            }
            Err(_) => Err(Problem::Refused(record.rejections)),
        }
    }

    fn remember(&self, session: &str, accepted: Accepted, now: u64) {
        let mut sessions = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, accepted| now < accepted.until);
        sessions.insert(session.to_owned(), accepted);
    }

    fn journal_verdict(&self, session: &str, record: &VerdictRecord, log_index: u64) {
        let line = VerdictLine {
            session,
            tee: record.tee,
            simulated: record.simulated,
            outcome: record.outcome,
            reasons: record
                .rejections
                .iter()
                .map(|one| one.reason.as_str())
                .collect(),
            policy: &record.policy,
            reference: record.reference.as_deref(),
            launch_digest: record.launch_digest.as_deref(),
            log_index,
        };
        self.journal.info("verdict", &line);
    }
}
