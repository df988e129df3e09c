//! Evidence in, verdict out, the verdict in the log before anybody hears of it.

use std::sync::PoisonError;

use attestation_audit::record_verdict;
use attestation_evidence::{Attestation, Nonce, Tee};
use attestation_ledger::{AuditRecord, Entry};
use attestation_verify::{
    AppraisalInput, IssuedSession, NonceState, Outcome, Policy, ReferenceValue, Session, Verdict,
    VerdictRecord, appraise,
};
use serde::Serialize;

use super::{Accepted, Failure, SESSION_SECONDS, Service, UNKNOWN_SESSION};
use crate::problem::Problem;
use crate::store::{OpenedSession, Reading, Writing};

/// An accepted attestation.
#[derive(Debug)]
pub struct Attested {
    /// The signed token that tells others of the verdict.
    pub token: String,
}

/// A verdict, the policy it was given under, its place in the log, and its time.
struct Judged {
    verdict: Verdict,
    policy: Policy,
    index: u64,
    now: u64,
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
    pub fn burn(&self, session: &str) -> Result<OpenedSession, Problem> {
        self.commit(|writing| Ok(writing.burn(session)?))?
            .ok_or(UNKNOWN_SESSION)
            .map_err(|problem| self.refuse("attest", session, problem))
    }

    /// Appraises the evidence in `body`; `opened` is what [`Service::burn`] answered.
    pub fn attest(
        &self,
        session: &str,
        opened: &OpenedSession,
        body: &[u8],
    ) -> Result<Attested, Problem> {
        let judged = self
            .judge(session, opened, body)
            .map_err(|problem| self.refuse("attest", session, problem))?;
        let Judged {
            verdict,
            policy,
            index,
            now,
        } = judged;
        let record = verdict.record();
        self.journal_verdict(session, &record, index);
        match verdict.accepted() {
            Ok(accepted) => {
                let token = self.note(self.keys.token.issue(&record, session, index, now))?;
                let until = now.saturating_add(SESSION_SECONDS);
                self.remember(
                    session,
                    Accepted {
                        verdict: accepted,
                        policy,
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

    fn judge(&self, session: &str, opened: &OpenedSession, body: &[u8]) -> Result<Judged, Problem> {
        let attestation = Attestation::from_json(body)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        self.commit(|writing| {
            // The log's order is the order of its times: read inside of the one transaction.
            let now = self.clock.now();
            let input = self.input(&writing.reading(), opened, attestation, now)?;
            let verdict = appraise(&input);
            let index = self.log_verdict(writing, session, &input, &verdict)?;
            Ok(Judged {
                verdict,
                policy: input.policy,
                index,
                now,
            })
        })
    }

    /// All that the appraisal depends on, of this one moment of the store.
    fn input(
        &self,
        reading: &Reading<'_>,
        opened: &OpenedSession,
        attestation: Attestation,
        now: u64,
    ) -> Result<AppraisalInput, Failure> {
        let state = if opened.burned_before {
            NonceState::Burned
        } else {
            NonceState::Fresh
        };
        Ok(AppraisalInput {
            tee: opened
                .tee
                .parse()
                .map_err(|_| reading.torn("a session has an unknown tee"))?,
            primary_evidence: attestation.tee_evidence.primary_evidence.get().to_owned(),
            additional_evidence: attestation.tee_evidence.additional_evidence,
            runtime_data: attestation.runtime_data,
            session: Session::Issued(IssuedSession {
                nonce: Nonce::from_bytes(opened.nonce),
                state,
                expires_at: opened.expires,
            }),
            simulated: self.settings.simulated.clone(),
            policy: self.policy(reading)?,
            references: references(reading)?,
            now,
        })
    }

    fn policy(&self, reading: &Reading<'_>) -> Result<Policy, Failure> {
        let name = &self.settings.policy;
        policy_named(reading, name)?.ok_or_else(|| {
            let text =
                format!("no policy `{name}` is registered: `cloister-verifier put policy FILE`");
            Problem::NotReady(text).into()
        })
    }

    fn log_verdict(
        &self,
        writing: &Writing<'_>,
        session: &str,
        input: &AppraisalInput,
        verdict: &Verdict,
    ) -> Result<u64, Failure> {
        let recording = record_verdict(session, input, verdict);
        for blob in &recording.blobs {
            writing.put_blob(blob)?;
        }
        let entry = Entry::new(AuditRecord::Verdict(Box::new(recording.record)))?;
        Ok(writing.append(&entry, &self.keys.log)?.index)
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

/// The policy that this name means now.
pub(super) fn policy_named(reading: &Reading<'_>, name: &str) -> Result<Option<Policy>, Failure> {
    let Some(document) = reading.policy(name)? else {
        return Ok(None);
    };
    let policy = Policy::from_json(&document);
    Ok(Some(
        policy.map_err(|_| reading.torn("a policy is damaged"))?,
    ))
}

/// The reference value that this name means now.
pub(super) fn reference_named(
    reading: &Reading<'_>,
    name: &str,
) -> Result<Option<ReferenceValue>, Failure> {
    let Some(document) = reading.reference(name)? else {
        return Ok(None);
    };
    let reference = ReferenceValue::from_json(&document);
    Ok(Some(reference.map_err(|_| {
        reading.torn("a reference value is damaged")
    })?))
}

fn references(reading: &Reading<'_>) -> Result<Vec<ReferenceValue>, Failure> {
    let parse = |document: Vec<u8>| ReferenceValue::from_json(&document);
    let parsed: Result<_, _> = reading.references()?.into_iter().map(parse).collect();
    Ok(parsed.map_err(|_| reading.torn("a reference value is damaged"))?)
}
