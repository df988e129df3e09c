//! What all of it comes to.

use crate::{Appraisal, EarKey, EarToken, Files, Judged, Policy, Tee, TrustTier, TrustVector};
use crate::{VerifierId, canonical, ear};
use attestation_verdict::{CheckRecord, ExpectedData, Record, RejectionRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The version of a verdict's document. Another member, or another meaning of one, is another version.
pub(crate) const VERSION: u64 = 1;

/// What a verdict rests on besides evidence and policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// What REPORT_DATA had to bind.
    pub binding: ExpectedData,
    /// The time that it was judged at, in seconds since 1970.
    pub judged_at: u64,
    /// Whether the caller named a root to be trusted in the place of the vendor's, which is built in: then nothing says
    /// that the hardware is genuine.
    pub named_root: bool,
    /// Every file that took part, the policy's apart, whose digest a verdict has anyway.
    pub files: Files,
}

impl Context {
    pub(crate) fn binding_value(&self) -> Value {
        match &self.binding {
            ExpectedData::Exactly(data) => {
                json!({"kind": "exactly", "report_data": hex::encode(data)})
            }
            ExpectedData::Unbound => json!({"kind": "unbound"}),
        }
    }
}

/// Judgement and appraisal. [`Verdict::of`] alone makes one; nothing reads one from bytes.
#[derive(Debug, Clone)]
pub struct Verdict {
    judged: Judged,
    appraisal: Appraisal,
    context: Context,
    policy_name: String,
    policy_digest: String,
}

impl Verdict {
    /// Asks the policy, and joins what it says with what was judged.
    pub fn of(judged: Judged, policy: &Policy, context: Context) -> Self {
        Self {
            appraisal: policy.appraise(&judged, &context),
            judged,
            context,
            policy_name: policy.about().name.clone(),
            policy_digest: policy.digest().to_owned(),
        }
    }

    /// Whether judgement and policy accept.
    pub fn accepted(&self) -> bool {
        self.judged.accepted() && self.appraisal.accepted()
    }

    /// What the evidence is of.
    pub fn tee(&self) -> Tee {
        self.judged.tee()
    }

    /// Every check and every reason to refuse; `policy` is the last.
    pub fn record(&self) -> Record {
        self.judged.record().clone().and(self.appraisal.record())
    }

    /// What it rests on besides evidence and policy.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// What the policy made of it.
    pub fn appraisal(&self) -> &Appraisal {
        &self.appraisal
    }

    /// What the evidence says, by what signed it, and the init data that it binds (`init_data`, `init_data_claims`): for an
    /// accepted verdict, what is so.
    pub fn claims(&self) -> Map<String, Value> {
        self.judged.claims()
    }

    /// The verdict as one JSON document, the same bytes for the same verdict: members in the order of their names.
    pub fn to_json(&self) -> String {
        canonical::text(&json!(self.document()))
    }

    /// The verdict as an EAR token of this verifier.
    pub fn ear(&self, key: &EarKey, verifier: &VerifierId) -> EarToken {
        ear::token(&self.document(), key, verifier)
    }

    pub(crate) fn document(&self) -> Document {
        let record = self.record();
        let limits = self.judged.parts().iter();
        let limits = limits.map(|part| (part.tee.name().to_owned(), part.limits.clone()));
        Document {
            version: VERSION,
            verdict: if self.accepted() {
                Outcome::Accepted
            } else {
                Outcome::Refused
            },
            tee: self.tee(),
            binding: self.context.binding_value(),
            judged_at: self.context.judged_at,
            named_root: self.context.named_root,
            files: self.context.files.clone(),
            checks: record.checks,
            rejections: record.rejections,
            claims: self.claims(),
            limits: limits.collect(),
            appraisal: AppraisalDocument {
                status: self.appraisal.status(),
                trust_vector: self.appraisal.trust_vector().clone(),
                policy_name: self.policy_name.clone(),
                policy_digest: self.policy_digest.clone(),
                input_digest: self.appraisal.input_digest.clone(),
                engine: Policy::engine(),
            },
        }
    }
}

/// Accepted or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Accepted,
    Refused,
}

/// A verdict as data, which proves nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// [`VERSION`].
    pub version: u64,
    pub verdict: Outcome,
    pub tee: Tee,
    pub binding: Value,
    pub judged_at: u64,
    pub named_root: bool,
    pub files: Files,
    pub checks: Vec<CheckRecord>,
    pub rejections: Vec<RejectionRecord>,
    pub claims: Map<String, Value>,
    /// By TEE: what the judge held the evidence to, null if the policy gave none.
    pub limits: Map<String, Value>,
    pub appraisal: AppraisalDocument,
}

impl Document {
    pub fn accepted(&self) -> bool {
        self.verdict == Outcome::Accepted
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppraisalDocument {
    pub status: TrustTier,
    pub trust_vector: TrustVector,
    pub policy_name: String,
    pub policy_digest: String,
    /// Of what was found, put to the policy or not.
    pub input_digest: String,
    pub engine: String,
}
