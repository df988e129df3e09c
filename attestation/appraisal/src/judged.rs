//! What the judges found, before a policy is asked.

use crate::{PolicyError, Tee};
use attestation_verdict::{Check, CheckRecord, CheckResult, Judgement, Record, Rejection};
use serde_json::{Map, Value};

/// Why every check of a piece of evidence was left out.
const NO_LIMITS: &str = "the policy gave no limits for this evidence, so that it was not judged";

/// One judgement, or several of evidence that belongs together, with the claims and limits that they were made of.
#[derive(Debug, Clone)]
pub struct Judged {
    parts: Vec<Part>,
    record: Record,
    accepted: bool,
    unanswered: Option<PolicyError>,
    init_data: Option<BoundInitData>,
}

/// What a guest was configured with at its start, and the evidence binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundInitData {
    /// Its digest, in hexadecimal digits.
    pub digest: String,
    /// What it says, where that is short enough to be shown.
    pub claims: Option<Value>,
}

impl BoundInitData {
    /// Where claims have the digest, beside the TEEs.
    pub(crate) const DIGEST: &'static str = "init_data";
    /// Where they have what it says.
    pub(crate) const CLAIMS: &'static str = "init_data_claims";
}

#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub tee: Tee,
    pub claims: Value,
    pub limits: Value,
}

/// Two judgements of one TEE's evidence do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("evidence of {0} is there twice")]
pub struct JudgedTwice(Tee);

impl Judged {
    /// One judgement, with the claims that it was made of and the limits that the policy gave for them.
    pub fn of<R: Rejection>(
        tee: Tee,
        judgement: &Judgement<R>,
        claims: Value,
        limits: Value,
    ) -> Self {
        Self {
            parts: vec![Part {
                tee,
                claims,
                limits,
            }],
            record: judgement.record(),
            accepted: judgement.accepted(),
            unanswered: None,
            init_data: None,
        }
    }

    /// Evidence that could not be judged, since the policy gave no limits for it: no check `C` of it was made. Never
    /// accepted.
    pub fn without_limits<C: Check>(tee: Tee, claims: Value, error: PolicyError) -> Self {
        let not_made = |check: &C| CheckRecord {
            name: check.name().to_owned(),
            result: CheckResult::NotChecked,
            reason: NO_LIMITS.to_owned(),
        };
        Self {
            parts: vec![Part {
                tee,
                claims,
                limits: Value::Null,
            }],
            record: Record {
                checks: C::ALL.iter().map(not_made).collect(),
                rejections: Vec::new(),
            },
            accepted: false,
            unanswered: Some(error),
            init_data: None,
        }
    }

    /// What a record says was judged: accepted where there were limits and nothing failed. For replays alone, whose verdict
    /// is compared with the one that is replayed and releases nothing.
    pub(crate) fn recorded(
        parts: Vec<Part>,
        record: Record,
        unanswered: Option<PolicyError>,
    ) -> Self {
        let refuses = |check: &CheckRecord| check.result == CheckResult::Fail;
        let accepted = unanswered.is_none()
            && !record.checks.is_empty()
            && record.rejections.is_empty()
            && !record.checks.iter().any(refuses);
        Self {
            parts,
            record,
            accepted,
            unanswered,
            init_data: None,
        }
    }

    /// This and the other: accepted where both are. The verdict is called by the TEE that protects the memory.
    ///
    /// # Errors
    /// They are of the same TEE.
    pub fn and(mut self, other: Self) -> Result<Self, JudgedTwice> {
        if let Some(part) = other.parts.iter().find(|part| self.has(part.tee)) {
            return Err(JudgedTwice(part.tee));
        }
        self.parts.extend(other.parts);
        self.record = self.record.and(other.record);
        self.accepted = self.accepted && other.accepted;
        self.unanswered = self.unanswered.or(other.unanswered);
        self.init_data = self.init_data.or(other.init_data);
        Ok(self)
    }

    /// This, with checks that were asked before it: accepted where both are.
    #[must_use]
    pub fn after<R: Rejection>(mut self, before: &Judgement<R>) -> Self {
        self.record = before.record().and(self.record);
        self.accepted &= before.accepted();
        self
    }

    /// This, with checks that were asked after it: accepted where both are.
    #[must_use]
    pub fn then<R: Rejection>(mut self, after: &Judgement<R>) -> Self {
        self.record = self.record.and(after.record());
        self.accepted &= after.accepted();
        self
    }

    /// This, with init data that was found to be what the evidence binds.
    #[must_use]
    pub fn with_init_data(mut self, bound: Option<BoundInitData>) -> Self {
        self.init_data = bound;
        self
    }

    fn has(&self, tee: Tee) -> bool {
        self.parts.iter().any(|part| part.tee == tee)
    }

    /// Whether every judgement accepts.
    pub fn accepted(&self) -> bool {
        self.accepted
    }

    /// Every check so far and its result.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// What the verdict is called by.
    pub fn tee(&self) -> Tee {
        // What protects the memory is what the verdict is called by, whichever was judged first.
        let tees = self.parts.iter().map(|part| part.tee);
        tees.min().unwrap_or(Tee::Tpm)
    }

    /// Whether the evidence of any part proves nothing about hardware.
    pub(crate) fn proves_nothing(&self) -> bool {
        self.parts.iter().any(|part| part.tee.proves_nothing())
    }

    /// What the evidence says, by what signed it, and the init data that it binds.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        let parts = self.parts.iter();
        let mut claims: Map<_, _> = parts
            .map(|part| (part.tee.name().to_owned(), part.claims.clone()))
            .collect();
        if let Some(bound) = &self.init_data {
            let digest = Value::String(bound.digest.clone());
            claims.insert(BoundInitData::DIGEST.to_owned(), digest);
            let said = bound.claims.clone();
            claims.extend(said.map(|said| (BoundInitData::CLAIMS.to_owned(), said)));
        }
        claims
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn unanswered(&self) -> Option<&PolicyError> {
        self.unanswered.as_ref()
    }
}
