//! One attempt, from its body to its verdict's place in the log.

use std::sync::Arc;

use attestation_access::TenantName;
use attestation_audit::{OversizedEvidence, Received, Recording, record_verdict};
use attestation_envelope::JweParts;
use attestation_evidence::Tee;
use attestation_judge::{
    Attempt as Answered, Case, Exchange, Freshness, IssuedSession, NonceState, Protocol, Session,
    Trust, Verdict, judge,
};
use attestation_kbs_protocol::AttestRequest;
use attestation_ledger::{AuditRecord, Entry};
use attestation_store::{Reading, Writing};

use super::attest::OpenedSession;
use super::collateral::Found;
use super::rules::Rules;
use super::{Failure, Service};
use crate::fault::{Moment, pause_thread};
use crate::problem::Problem;

/// How often evidence is appraised beside others' work before it gets a turn of its own.
const FREE_ATTEMPTS: usize = 3;

/// A verdict and its place in the log.
pub(super) struct Judged {
    pub verdict: Verdict,
    /// As of when.
    pub now: u64,
    /// The index of its entry.
    pub index: u64,
}

/// What a client sent, and in which session.
struct Attempt<'a> {
    tenant: &'a TenantName,
    session: Option<&'a str>,
    tee: Tee,
    evidence: String,
    exchange: Exchange,
    received: Received,
    found: Found,
}

/// A verdict that is ready for the log, which may have gone on since.
struct Appraised<'a> {
    attempt: &'a Attempt<'a>,
    verdict: Verdict,
    /// By which it was given.
    rules: Arc<Rules>,
    now: u64,
    blobs: Vec<Vec<u8>>,
    entry: Entry,
}

impl Service {
    /// Judges and logs. A judgement may take long, so it is made beside others' work: what it
    /// depends on is looked up before it, and compared after it, when the verdict has its turn to be
    /// written. If that was overtaken, evidence is judged anew, and at last with the turn held, so
    /// that no flood of registrations can put an answer off for ever.
    pub(super) fn judge(
        &self,
        opened: &OpenedSession,
        protocol: Protocol,
        body: &[u8],
    ) -> Result<Judged, Problem> {
        let mut attempt = read_attempt(opened, protocol, body)?;
        attempt.found = self.collateral_for(attempt.tee, &attempt.evidence)?;
        let judged = self.judge_attempt(&attempt)?;
        if judged.verdict.is_accepted() {
            self.confirm(&attempt.found);
        }
        Ok(judged)
    }

    /// Judges and logs evidence that a relying party has, which belongs to no session.
    pub(super) fn judge_for(
        &self,
        tenant: &TenantName,
        tee: Tee,
        evidence: String,
        exchange: Exchange,
    ) -> Result<Judged, Problem> {
        let received = Received::new(tee, &evidence, &exchange).map_err(too_large)?;
        let found = self.collateral_for(tee, &evidence)?;
        self.judge_attempt(&Attempt {
            tenant,
            session: None,
            tee,
            evidence,
            exchange,
            received,
            found,
        })
    }

    fn judge_attempt(&self, attempt: &Attempt<'_>) -> Result<Judged, Problem> {
        let trust = &self.settings.trust;
        for _ in 0..FREE_ATTEMPTS {
            let (now, rules) =
                self.consult(|reading| self.circumstances(attempt.tenant, reading))?;
            let appraised = attempt
                .judge(trust, now, rules)
                .map_err(|failure| self.problem(failure))?;
            pause_thread(self.faults(), Moment::InAppraisal, &self.journal);
            let index = self.commit(|writing| {
                let overtaken = appraised.is_overtaken(&writing.reading())?;
                (!overtaken).then(|| appraised.log(writing)).transpose()
            })?;
            if let Some(index) = index {
                return Ok(appraised.logged_at(index));
            }
        }
        self.commit(|writing| {
            let reading = writing.reading();
            let now = self.moment(&reading)?;
            let rules = self.rules_in_turn(attempt.tenant, &reading)?;
            let appraised = attempt.judge(trust, now, rules)?;
            let index = appraised.log(writing)?;
            Ok(appraised.logged_at(index))
        })
    }

    fn circumstances(
        &self,
        tenant: &TenantName,
        reading: &Reading<'_>,
    ) -> Result<(u64, Arc<Rules>), Failure> {
        Ok((self.moment(reading)?, self.rules(tenant, reading)?))
    }
}

/// All that can be refused without a judgement, before there is one.
fn read_attempt<'a>(
    opened: &'a OpenedSession,
    protocol: Protocol,
    body: &[u8],
) -> Result<Attempt<'a>, Problem> {
    let attestation = AttestRequest::from_json(body)
        .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
    JweParts::check_recipient(&attestation.runtime_data.tee_pubkey)
        .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
    let sent = attestation.tee_evidence;
    let evidence = sent.primary_evidence.get().to_owned();
    let exchange = Exchange {
        additional_evidence: sent.additional_evidence,
        init_data: attestation.init_data.map(|it| it.to_json()),
        freshness: Freshness::Session(Answered {
            session: Session::Issued(IssuedSession {
                nonce: opened.nonce,
                state: match opened.burned_before {
                    true => NonceState::Burned,
                    false => NonceState::Fresh,
                },
                expires_at: opened.expires,
            }),
            runtime_data: attestation.runtime_data,
            protocol,
        }),
    };
    let received = Received::new(opened.tee, &evidence, &exchange).map_err(too_large)?;
    Ok(Attempt {
        tenant: &opened.tenant,
        session: Some(&opened.name),
        tee: opened.tee,
        evidence,
        exchange,
        received,
        found: Found::default(),
    })
}

impl<'a> Attempt<'a> {
    fn judge(
        &'a self,
        trust: &Trust,
        now: u64,
        rules: Arc<Rules>,
    ) -> Result<Appraised<'a>, Failure> {
        let case = Case {
            tee: self.tee,
            evidence: self.evidence.clone(),
            exchange: self.exchange.clone(),
            trust: trust.clone(),
            collateral: self.found.collateral.clone(),
            seen: self.found.seen.clone(),
            policy: Arc::clone(&rules.policy),
            references: Arc::clone(&rules.references),
            now,
        };
        let verdict = judge(&case);
        let Recording { record, blobs } = record_verdict(
            self.tenant.as_str(),
            self.session,
            &case,
            &verdict,
            &self.received,
        );
        Ok(Appraised {
            attempt: self,
            verdict,
            rules,
            now,
            blobs,
            entry: Entry::new(AuditRecord::Verdict(Box::new(record)))?,
        })
    }
}

impl Appraised<'_> {
    /// Whether a rule was replaced since, or the log's time went on beyond the verdict's: entries are
    /// never dated before the one that they follow. That the clock alone went on changes nothing.
    fn is_overtaken(&self, reading: &Reading<'_>) -> Result<bool, Failure> {
        let replaced = reading.revision(self.attempt.tenant.as_str())? != self.rules.revision;
        Ok(replaced || reading.latest_time()? > Some(self.now))
    }

    /// Logs it, and says beside the session where: whichever replica is asked for a secret finds it there.
    fn log(&self, writing: &Writing<'_>) -> Result<u64, Failure> {
        for blob in &self.blobs {
            writing.put_blob(blob)?;
        }
        let index = writing.append(&self.entry)?.index;
        if let Some(session) = self.attempt.session
            && self.verdict.is_accepted()
        {
            writing.set_verdict(session, index)?;
        }
        Ok(index)
    }

    fn logged_at(self, index: u64) -> Judged {
        Judged {
            verdict: self.verdict,
            now: self.now,
            index,
        }
    }
}

fn too_large(oversized: OversizedEvidence) -> Problem {
    Problem::TooLarge(oversized.to_string())
}
