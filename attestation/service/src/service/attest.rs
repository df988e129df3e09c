//! Evidence in, verdict out, the verdict in the log before anybody hears of it.

use std::sync::PoisonError;

use attestation_audit::{VERDICT_SECONDS, record_verdict};
use attestation_envelope::JweParts;
use attestation_evidence::{Attestation, Nonce, Tee};
use attestation_ledger::{AuditRecord, Entry};
use attestation_verify::{
    AppraisalInput, IssuedSession, NonceState, Outcome, Policy, ReferenceValue, Session, Verdict,
    VerdictRecord, appraise,
};
use serde::Serialize;

use super::{Accepted, Failure, Service, UNKNOWN_SESSION};
use crate::fault::{Moment, pause_thread};
use crate::problem::Problem;
use crate::store::{OpenedSession, Reading, Writing};

/// How often evidence is appraised beside others' work before it gets a turn of its own.
const FREE_ATTEMPTS: usize = 3;

/// An accepted attestation.
#[derive(Debug)]
pub struct Attested {
    /// The signed token that tells others of the verdict.
    pub token: String,
}

/// What an appraisal depends on beside the attempt itself, of one moment of the store.
struct Circumstances {
    now: u64,
    /// Counts what administrators replaced so far.
    replacements: u64,
    policy: Vec<u8>,
    references: Vec<Vec<u8>>,
}

/// A verdict that is ready for the log, which may have gone on since.
struct Judged {
    verdict: Verdict,
    policy: Policy,
    now: u64,
    replacements: u64,
    blobs: Vec<Vec<u8>>,
    entry: Entry,
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
        let (judged, index) = self
            .judge(session, opened, body)
            .map_err(|problem| self.refuse("attest", session, problem))?;
        let Judged {
            verdict,
            policy,
            now,
            ..
        } = judged;
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

    /// Appraises and logs. An appraisal may take long, so it holds nobody up: what it depends on is
    /// read before it, and compared after it, when the verdict has its turn to be written. If that was
    /// overtaken, evidence is appraised anew, and at last with the turn held, so that no flood of
    /// registrations can put an answer off for ever.
    fn judge(
        &self,
        session: &str,
        opened: &OpenedSession,
        body: &[u8],
    ) -> Result<(Judged, u64), Problem> {
        let attestation = Attestation::from_json(body)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        JweParts::check_recipient(&attestation.runtime_data.tee_pubkey)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        let appraised =
            |circumstances| self.appraised(session, opened, &attestation, circumstances);
        for _ in 0..FREE_ATTEMPTS {
            let circumstances = self.consult(|reading| self.circumstances(reading))?;
            let judged = appraised(circumstances).map_err(|failure| self.problem(failure))?;
            pause_thread(self.faults(), Moment::InAppraisal, &self.journal);
            let index = self.commit(|writing| {
                let overtaken = self.is_overtaken(&judged, &writing.reading())?;
                (!overtaken)
                    .then(|| self.log_verdict(writing, &judged))
                    .transpose()
            })?;
            if let Some(index) = index {
                return Ok((judged, index));
            }
        }
        self.commit(|writing| {
            let judged = appraised(self.circumstances(&writing.reading())?)?;
            let index = self.log_verdict(writing, &judged)?;
            Ok((judged, index))
        })
    }

    fn circumstances(&self, reading: &Reading<'_>) -> Result<Circumstances, Failure> {
        let name = &self.settings.policy;
        let policy = reading.policy(name)?.ok_or_else(|| {
            let text =
                format!("no policy `{name}` is registered: `cloister-verifier put policy FILE`");
            Problem::NotReady(text)
        })?;
        Ok(Circumstances {
            now: self.moment(reading)?,
            replacements: self.replacements(),
            policy,
            references: reading.references()?,
        })
    }

    fn appraised(
        &self,
        session: &str,
        opened: &OpenedSession,
        attestation: &Attestation,
        circumstances: Circumstances,
    ) -> Result<Judged, Failure> {
        let replacements = circumstances.replacements;
        let input = self.input(opened, attestation, circumstances)?;
        let verdict = appraise(&input);
        let recording = record_verdict(session, &input, &verdict)
            .map_err(|oversized| Problem::TooLarge(oversized.to_string()))?;
        Ok(Judged {
            verdict,
            policy: input.policy,
            now: input.now,
            replacements,
            blobs: recording.blobs,
            entry: Entry::new(AuditRecord::Verdict(Box::new(recording.record)))?,
        })
    }

    fn input(
        &self,
        opened: &OpenedSession,
        attestation: &Attestation,
        circumstances: Circumstances,
    ) -> Result<AppraisalInput, Failure> {
        let state = if opened.burned_before {
            NonceState::Burned
        } else {
            NonceState::Fresh
        };
        let torn = |what| self.store.torn(what);
        let references: Result<_, _> = circumstances
            .references
            .iter()
            .map(|document| ReferenceValue::from_json(document))
            .collect();
        let evidence = &attestation.tee_evidence;
        Ok(AppraisalInput {
            tee: opened
                .tee
                .parse()
                .map_err(|_| torn("a session has an unknown tee"))?,
            primary_evidence: evidence.primary_evidence.get().to_owned(),
            additional_evidence: evidence.additional_evidence.clone(),
            runtime_data: attestation.runtime_data.clone(),
            session: Session::Issued(IssuedSession {
                nonce: Nonce::from_bytes(opened.nonce),
                state,
                expires_at: opened.expires,
            }),
            simulated: self.settings.simulated.clone(),
            policy: Policy::from_json(&circumstances.policy)
                .map_err(|_| torn("a policy is damaged"))?,
            references: references.map_err(|_| torn("a reference value is damaged"))?,
            now: circumstances.now,
        })
    }

    /// Whether something was replaced since it was read, or the log's time went on beyond the
    /// verdict's: entries are never dated before the one that they follow.
    fn is_overtaken(&self, judged: &Judged, reading: &Reading<'_>) -> Result<bool, Failure> {
        Ok(self.replacements() != judged.replacements || reading.latest_time()? > Some(judged.now))
    }

    fn log_verdict(&self, writing: &Writing<'_>, judged: &Judged) -> Result<u64, Failure> {
        for blob in &judged.blobs {
            writing.put_blob(blob)?;
        }
        Ok(writing.append(&judged.entry, &self.keys.log)?.index)
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
