//! Evidence that a relying party has: judged by its tenant's policy, logged, and opening nothing.

use attestation_access::{Permit, deeds};
use attestation_evidence::Tee;
use attestation_judge::{Exchange, Expected, Freshness};
use attestation_metrics::{AttestationOutcome, Label};
use attestation_verdict::ExpectedData;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Service;
use super::judge::Judged;
use crate::problem::Problem;

/// What a relying party asks about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What the evidence is claimed to be of.
    tee: Tee,
    /// The evidence, as attesters send it.
    evidence: Box<RawValue>,
    /// What came along.
    #[serde(default)]
    additional_evidence: String,
    /// REPORT_DATA, 128 hexadecimal digits; `null` ties the evidence to nothing, and so anybody may have copied it.
    report_data: Option<String>,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The verdict's document (docs/appraisal-policy.md).
    pub verdict: Box<RawValue>,
    /// Where the log has it.
    pub log_index: u64,
}

impl Service {
    /// Judges posted evidence. The document says whether it is accepted; no secret is released on it, and no token issued.
    pub fn verify(&self, permit: &Permit<deeds::Verify>, body: &[u8]) -> Result<Answer, Problem> {
        let question: Question = serde_json::from_slice(body)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        let exchange = Exchange {
            additional_evidence: question.additional_evidence,
            init_data: None,
            freshness: Freshness::Caller(Expected(expected(question.report_data.as_deref())?)),
        };
        let tenant = permit.tenant();
        let quotas = self.quotas(tenant)?;
        self.throttle.attempt(tenant, &quotas)?;
        let evidence = question.evidence.get().to_owned();
        let judged = self
            .judge_for(tenant, question.tee, evidence, exchange)
            .map_err(|problem| self.refuse("verify", "", problem))?;
        let Judged { verdict, index, .. } = judged;
        let outcome = match verdict.is_accepted() {
            true => AttestationOutcome::Accepted,
            false => AttestationOutcome::Refused,
        };
        let label = Label::Known(tenant.as_str());
        self.metrics.attested(verdict.tee(), label, outcome);
        self.journal_verdict(tenant, None, &verdict, index);
        let document = RawValue::from_string(verdict.document());
        Ok(Answer {
            verdict: document.map_err(|_| Problem::Internal)?,
            log_index: index,
        })
    }
}

fn expected(report_data: Option<&str>) -> Result<ExpectedData, Problem> {
    let Some(text) = report_data else {
        return Ok(ExpectedData::Unbound);
    };
    let mut data = [0; 64];
    hex::decode_to_slice(text, &mut data).map_err(|_| {
        Problem::InvalidRequest("`report_data` is not 128 hexadecimal digits".to_owned())
    })?;
    Ok(ExpectedData::Exactly(data))
}
