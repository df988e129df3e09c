//! One attempt, from its body to its verdict's place in the log.

use std::sync::Arc;

use attestation_audit::{Exchange, OversizedEvidence, Received, Recording, record_verdict};
use attestation_envelope::JweParts;
use attestation_evidence::{Attestation, Tee};
use attestation_ledger::{AuditRecord, Entry};
use attestation_store::{Reading, Writing};
use attestation_verify::{
    AppraisalInput, IssuedSession, NonceState, Session, SimulatedTrust, Verdict, appraise,
};

use super::attest::OpenedSession;
use super::rules::Rules;
use super::{Failure, Service, TENANT};
use crate::fault::{Moment, pause_thread};
use crate::problem::Problem;

/// How often evidence is appraised beside others' work before it gets a turn of its own.
const FREE_ATTEMPTS: usize = 3;

/// A verdict and its place in the log.
pub(super) struct Judged {
    pub verdict: Verdict,
    /// By which it was given.
    pub rules: Arc<Rules>,
    /// As of when.
    pub now: u64,
    /// The index of its entry.
    pub index: u64,
}

/// What a client sent, and in which session.
struct Attempt<'a> {
    session: &'a str,
    tee: Tee,
    primary_evidence: String,
    exchange: Exchange,
    received: Received,
}

/// A verdict that is ready for the log, which may have gone on since.
struct Appraised<'a> {
    verdict: Verdict,
    rules: Arc<Rules>,
    now: u64,
    blobs: Vec<&'a [u8]>,
    entry: Entry,
}

impl Service {
    /// Appraises and logs. An appraisal may take long, so it is made beside others' work: what it
    /// depends on is looked up before it, and compared after it, when the verdict has its turn to be
    /// written. If that was overtaken, evidence is appraised anew, and at last with the turn held, so
    /// that no flood of registrations can put an answer off for ever.
    pub(super) fn judge(&self, opened: &OpenedSession, body: &[u8]) -> Result<Judged, Problem> {
        let attempt = self
            .read_attempt(opened, body)
            .map_err(|failure| self.problem(failure))?;
        for _ in 0..FREE_ATTEMPTS {
            let (now, rules) = self.consult(|reading| self.circumstances(reading))?;
            let appraised = attempt
                .appraise(&self.settings.simulated, now, rules)
                .map_err(|failure| self.problem(failure))?;
            pause_thread(self.faults(), Moment::InAppraisal, &self.journal);
            let index = self.commit(|writing| {
                let overtaken = self.is_overtaken(&appraised, &writing.reading())?;
                (!overtaken)
                    .then(|| self.log_verdict(writing, &appraised))
                    .transpose()
            })?;
            if let Some(index) = index {
                return Ok(appraised.logged_at(index));
            }
        }
        self.commit(|writing| {
            let reading = writing.reading();
            let (now, rules) = (self.moment(&reading)?, self.rules_in_turn(&reading)?);
            let appraised = attempt.appraise(&self.settings.simulated, now, rules)?;
            let index = self.log_verdict(writing, &appraised)?;
            Ok(appraised.logged_at(index))
        })
    }

    /// All that can be refused without an appraisal, before there is one.
    fn read_attempt<'a>(
        &self,
        opened: &'a OpenedSession,
        body: &[u8],
    ) -> Result<Attempt<'a>, Failure> {
        let attestation = Attestation::from_json(body)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        JweParts::check_recipient(&attestation.runtime_data.tee_pubkey)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        let tee = opened.tee.parse().map_err(|_| Problem::Internal)?;
        let primary_evidence = attestation.tee_evidence.primary_evidence.get().to_owned();
        let exchange = Exchange {
            additional_evidence: attestation.tee_evidence.additional_evidence,
            runtime_data: attestation.runtime_data,
            session: Session::Issued(IssuedSession {
                nonce: opened.nonce,
                state: if opened.burned_before {
                    NonceState::Burned
                } else {
                    NonceState::Fresh
                },
                expires_at: opened.expires,
            }),
        };
        let received = Received::new(tee, &primary_evidence, &exchange).map_err(too_large)?;
        Ok(Attempt {
            session: &opened.name,
            tee,
            primary_evidence,
            exchange,
            received,
        })
    }

    fn circumstances(&self, reading: &Reading<'_>) -> Result<(u64, Arc<Rules>), Failure> {
        Ok((self.moment(reading)?, self.rules(reading)?))
    }

    /// Whether a rule was replaced since, or the log's time went on beyond the verdict's: entries are
    /// never dated before the one that they follow. That the clock alone went on changes nothing.
    fn is_overtaken(
        &self,
        appraised: &Appraised<'_>,
        reading: &Reading<'_>,
    ) -> Result<bool, Failure> {
        let replaced = reading.revision(TENANT)? != appraised.rules.revision;
        Ok(replaced || reading.latest_time()? > Some(appraised.now))
    }

    fn log_verdict(
        &self,
        writing: &Writing<'_>,
        appraised: &Appraised<'_>,
    ) -> Result<u64, Failure> {
        for blob in &appraised.blobs {
            writing.put_blob(blob)?;
        }
        Ok(writing.append(TENANT, &appraised.entry)?.index)
    }
}

impl Attempt<'_> {
    fn appraise(
        &self,
        simulated: &SimulatedTrust,
        now: u64,
        rules: Arc<Rules>,
    ) -> Result<Appraised<'_>, Failure> {
        let input = AppraisalInput {
            tee: self.tee,
            primary_evidence: self.primary_evidence.clone(),
            additional_evidence: self.exchange.additional_evidence.clone(),
            runtime_data: self.exchange.runtime_data.clone(),
            session: self.exchange.session.clone(),
            simulated: simulated.clone(),
            policy: rules.policy.clone(),
            references: rules.references.clone(),
            now,
        };
        let verdict = appraise(&input);
        let recording = record_verdict(
            self.session,
            &input,
            &verdict,
            &self.received,
            &rules.digests,
        );
        let Recording { record, blobs } = recording;
        Ok(Appraised {
            verdict,
            rules,
            now,
            blobs,
            entry: Entry::new(AuditRecord::Verdict(Box::new(record)))?,
        })
    }
}

impl Appraised<'_> {
    fn logged_at(self, index: u64) -> Judged {
        Judged {
            verdict: self.verdict,
            rules: self.rules,
            now: self.now,
            index,
        }
    }
}

fn too_large(oversized: OversizedEvidence) -> Problem {
    Problem::TooLarge(oversized.to_string())
}
