//! Evidence in, verdict out, the verdict in the log before anybody hears of it.

use attestation_access::TenantName;
use attestation_ear::Issue;
use attestation_evidence::{Nonce, Tee};
use attestation_judge::{Protocol, Verdict};
use attestation_ledger::Outcome;
use attestation_metrics::{AttestationOutcome, Label};
use serde::Serialize;

use super::judge::Judged;
use super::{REMEMBERED_SECONDS, Service, UNKNOWN_SESSION};
use crate::challenge::{Challenge, SessionCookie};
use crate::entropy;
use crate::problem::Problem;
use crate::token::TOKEN_SECONDS;

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
    /// Whose guest it is.
    pub tenant: TenantName,
    /// The nonce that evidence must bind.
    pub nonce: Nonce,
    /// The claimed TEE.
    pub tee: Tee,
    /// From this second on the nonce is void.
    pub expires: u64,
    /// Whether an earlier attempt had burned it.
    pub burned_before: bool,
}

/// What the operator's log says of a verdict.
#[derive(Serialize)]
struct VerdictLine<'a> {
    tenant: &'a TenantName,
    session: Option<&'a str>,
    tee: Tee,
    simulated: bool,
    outcome: Outcome,
    reasons: Vec<&'a str>,
    policy: &'a str,
    reference: Option<&'a str>,
    launch_digest: Option<String>,
    log_index: u64,
}

impl Service {
    /// Burns the session's nonce. Committed on its own, before the evidence is even read: whatever
    /// comes of the attempt, a crash included, this nonce is used.
    pub fn burn(
        &self,
        tenant: &TenantName,
        cookie: &SessionCookie,
    ) -> Result<OpenedSession, Problem> {
        let name = cookie.session_name();
        self.admit_attempt(tenant)
            .and_then(|()| self.burn_named(tenant, cookie, name.clone()))
            .map_err(|problem| self.refuse("attest", &name, problem))
    }

    fn admit_attempt(&self, tenant: &TenantName) -> Result<(), Problem> {
        let quotas = self.quotas(tenant)?;
        Ok(self.throttle.attempt(tenant, &quotas)?)
    }

    fn burn_named(
        &self,
        tenant: &TenantName,
        cookie: &SessionCookie,
        name: String,
    ) -> Result<OpenedSession, Problem> {
        let (challenge, nonce) = self.opened(tenant, cookie)?;
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
        self.metrics.nonce_burned(fresh);
        Ok(OpenedSession {
            name,
            tenant: challenge.tenant,
            nonce,
            tee: challenge.tee,
            expires: challenge.expires,
            burned_before: !fresh,
        })
    }

    /// The challenge that a cookie carries, if this verifier handed it out, and to this tenant's guest.
    pub(super) fn opened(
        &self,
        tenant: &TenantName,
        cookie: &SessionCookie,
    ) -> Result<(Challenge, Nonce), Problem> {
        let now = self.clock.now();
        self.keys
            .challenge
            .open(&self.generation, cookie)
            .filter(|(challenge, _)| challenge.tenant == *tenant)
            .filter(|(challenge, _)| now < challenge.expires.saturating_add(REMEMBERED_SECONDS))
            .ok_or(UNKNOWN_SESSION)
    }

    /// Judges the evidence in `body`; `opened` is what [`Service::burn`] answered.
    pub fn attest(
        &self,
        opened: &OpenedSession,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Attested, Problem> {
        self.metrics.attestation_requested();
        let judged = self.judge(opened, protocol, body).map_err(|problem| {
            self.metrics.attestation_failed();
            self.refuse("attest", &opened.name, problem)
        });
        let Judged {
            verdict,
            now,
            index,
        } = judged?;
        let outcome = match verdict.is_accepted() {
            true => AttestationOutcome::Accepted,
            false => AttestationOutcome::Refused,
        };
        let tenant = Label::Known(opened.tenant.as_str());
        self.metrics.attested(verdict.tee(), tenant, outcome);
        self.journal_verdict(&opened.tenant, Some(&opened.name), &verdict, index);
        if !verdict.is_accepted() {
            return Err(Problem::Refused(verdict.record().rejections));
        }
        let log_key = self.log_key();
        let issued = self.keys.token.issue(&Issue {
            verdict: &verdict,
            nonce: opened.nonce,
            issuer: log_key.name(),
            verifier: self.keys.token.verifier(),
            tenant: opened.tenant.as_str(),
            session: &opened.name,
            log_origin: log_key.name(),
            log_index: index,
            issued_at: now,
            lifetime: TOKEN_SECONDS,
            id: self.note(entropy::random())?,
        });
        let token = self.note(issued)?;
        Ok(Attested { token })
    }

    pub(super) fn journal_verdict(
        &self,
        tenant: &TenantName,
        session: Option<&str>,
        verdict: &Verdict,
        log_index: u64,
    ) {
        let record = verdict.record();
        let rejections = record.rejections.iter();
        let line = VerdictLine {
            tenant,
            session,
            tee: verdict.tee(),
            simulated: verdict.tee().is_simulated(),
            outcome: match verdict.is_accepted() {
                true => Outcome::Accepted,
                false => Outcome::Refused,
            },
            reasons: rejections.map(|one| one.reason.as_str()).collect(),
            policy: verdict.policy(),
            reference: verdict.reference(),
            launch_digest: launch_digest(verdict),
            log_index,
        };
        self.journal.info("verdict", &line);
    }
}

/// In hexadecimal; none of evidence that cannot be read or measures nothing.
fn launch_digest(verdict: &Verdict) -> Option<String> {
    verdict.launch()?.digest.map(hex::encode)
}
