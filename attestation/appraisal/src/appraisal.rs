//! What a policy made of a judgement.

use crate::{AppraisalCheck, AppraisalRejection, Context, Judged, PolicyError};
use crate::{TrustTier, TrustVector};
use attestation_verdict::{Finding, Judgement, Record, Rejection};
use serde::{Deserialize, Serialize};

/// A reason of the policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// For programs: a name.
    pub code: String,
    /// For people: a sentence, escaped and cut.
    pub reason: String,
}

/// What a policy made of a judgement. [`crate::Policy::appraise`] alone makes one.
#[derive(Debug, Clone)]
pub struct Appraisal {
    trust_vector: TrustVector,
    deny: Vec<Denial>,
    error: Option<PolicyError>,
    status: TrustTier,
    judgement: Judgement<AppraisalRejection>,
    pub(crate) input_digest: String,
}

impl Appraisal {
    pub(crate) fn of(
        judged: &Judged,
        answer: Result<(TrustVector, Vec<Denial>), PolicyError>,
        context: &Context,
        input_digest: String,
    ) -> Self {
        let (trust_vector, deny, error) = match answer {
            Ok((vector, deny)) => (vector, deny, None),
            Err(error) => (TrustVector::default(), Vec::new(), Some(error)),
        };
        let reasons = reasons(judged.accepted(), &trust_vector, &deny, error.as_ref());
        let judgement = Judgement::of(|AppraisalCheck::Policy| {
            if reasons.is_empty() && !judged.accepted() {
                return Finding::NotMade("the checks before it refuse already".to_owned());
            }
            Finding::from_reasons(reasons.clone(), || affirmed(&trust_vector))
        });
        let refused = !judged.accepted() || !deny.is_empty() || error.is_some();
        let genuine = !context.named_root && !judged.proves_nothing();
        let status = status(refused, trust_vector.tier(), genuine);
        Self {
            trust_vector,
            deny,
            error,
            status,
            judgement,
            input_digest,
        }
    }

    /// The policy's claims.
    pub fn trust_vector(&self) -> &TrustVector {
        &self.trust_vector
    }

    /// The policy's own reasons to refuse.
    pub fn deny(&self) -> &[Denial] {
        &self.deny
    }

    /// Why there is no usable answer.
    pub fn error(&self) -> Option<&PolicyError> {
        self.error.as_ref()
    }

    /// The tier of the whole: that of the worst claim, or contraindicated where anything refuses. Never affirming under a
    /// root that was named, nor of evidence that proves nothing about hardware.
    pub fn status(&self) -> TrustTier {
        self.status
    }

    /// Whether the policy accepts; what it made of evidence that was refused before it never does.
    pub fn accepted(&self) -> bool {
        self.judgement.accepted()
    }

    /// The check `policy` and its reasons; the policy's own are there under the codes that it gave them.
    pub fn record(&self) -> Record {
        let mut record = self.judgement.record();
        for (entry, rejection) in record
            .rejections
            .iter_mut()
            .zip(self.judgement.rejections())
        {
            entry.code = match rejection {
                AppraisalRejection::Denied { code, .. } => code.clone(),
                other => other.code().to_owned(),
            };
        }
        record
    }
}

fn status(refused: bool, worst: TrustTier, genuine: bool) -> TrustTier {
    match worst {
        _ if refused => TrustTier::Contraindicated,
        // Whoever reads nothing but the status of a token takes an affirming one for genuine hardware's.
        TrustTier::Affirming if !genuine => TrustTier::Warning,
        worst => worst,
    }
}

/// Why this is not accepted. Where the judgement refuses, the claims say no more than its checks, so that only the policy's
/// own reasons are repeated.
fn reasons(
    accepted: bool,
    vector: &TrustVector,
    deny: &[Denial],
    error: Option<&PolicyError>,
) -> Vec<AppraisalRejection> {
    if let Some(error) = error {
        return vec![AppraisalRejection::Unanswered(error.clone())];
    }
    let denied = deny.iter().map(|denial| AppraisalRejection::Denied {
        code: denial.code.clone(),
        reason: denial.reason.clone(),
    });
    let mut reasons: Vec<_> = denied.collect();
    if accepted {
        let bad = vector.bad();
        reasons.extend(bad.map(|(claim, value)| AppraisalRejection::NotAffirming { claim, value }));
        if reasons.is_empty() && !vector.affirms() {
            reasons.push(AppraisalRejection::NothingAffirmed);
        }
    }
    reasons
}

fn affirmed(vector: &TrustVector) -> String {
    let affirming = vector.iter().filter(|(_, value)| *value != 0);
    let names = affirming.map(|(claim, _)| claim.name()).collect::<Vec<_>>();
    format!("affirms {}", names.join(", "))
}
