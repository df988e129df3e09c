//! Judges the sample attester's evidence, which nobody signed: whether it answers this session, and no more. What is
//! accepted proves nothing, and every output says so.

use attestation_appraisal::{Judged, Policy, Tee};
use attestation_evidence::{SampleEvidence, Tee as Measured};
use attestation_verdict::{Check, ExpectedData, Finding, Judgement, Rejection};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::Launch;

/// Limits on a sample, as an appraisal policy evaluates to: every member has to be there, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SampleLimits {
    /// Whether evidence that anybody can write is taken.
    pub allow: bool,
    /// Accepted versions; `null`: not asked.
    #[serde(deserialize_with = "needed")]
    pub svns: Option<Vec<String>>,
}

/// `null` has to be written: who forgets a member has not decided.
fn needed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// A question that is asked of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleCheck {
    /// Does the policy take samples at all?
    Allowed,
    /// Is its version one that is accepted?
    Svn,
    /// Does it have in `report_data` what it has to?
    Binding,
}

impl Check for SampleCheck {
    const ALL: &'static [Self] = &[Self::Allowed, Self::Svn, Self::Binding];

    fn name(self) -> &'static str {
        match self {
            Self::Allowed => "sample_allowed",
            Self::Svn => "sample_svn",
            Self::Binding => "sample_binding",
        }
    }

    fn may_be_left_out(self) -> bool {
        self != Self::Allowed
    }
}

/// Why a sample is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SampleRejection {
    /// The limits say no.
    #[error("the limits do not allow samples, which anybody can write")]
    NotAllowed,
    /// Another version.
    #[error("the sample's version is none of those that the limits accept")]
    Svn,
    /// Made for another session or key.
    #[error(
        "report_data does not bind what it has to: the sample was made for another key or another session"
    )]
    Binding,
}

impl Rejection for SampleRejection {
    type Check = SampleCheck;

    fn check(&self) -> SampleCheck {
        match self {
            Self::NotAllowed => SampleCheck::Allowed,
            Self::Svn => SampleCheck::Svn,
            Self::Binding => SampleCheck::Binding,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "sample_not_accepted",
            Self::Svn => "sample_svn",
            Self::Binding => "binding_mismatch",
        }
    }
}

/// Judges a sample by the limits that the policy gives.
pub(crate) fn judge(evidence: &SampleEvidence, expected: &ExpectedData, policy: &Policy) -> Judged {
    let claims = json!({
        "tee": "sample",
        "svn": evidence.svn,
        "report_data": hex::encode(evidence.report_data()),
    });
    let (limits, given) = match policy.limits_as::<SampleLimits>(Tee::Sample, &claims) {
        Err(error) => {
            return Judged::without_limits::<SampleCheck>(Tee::Sample, claims, error);
        }
        Ok(both) => both,
    };
    let judgement = Judgement::<SampleRejection>::of(|check| match check {
        SampleCheck::Allowed => allowed(&limits),
        SampleCheck::Svn => svn(evidence, &limits),
        SampleCheck::Binding => binding(evidence, expected),
    });
    Judged::of(Tee::Sample, &judgement, claims, given)
}

type Found = Finding<SampleRejection>;

fn allowed(limits: &SampleLimits) -> Found {
    match limits.allow {
        true => Finding::Pass("samples are accepted: anybody can write them".to_owned()),
        false => Finding::fail(SampleRejection::NotAllowed),
    }
}

fn svn(evidence: &SampleEvidence, limits: &SampleLimits) -> Found {
    match &limits.svns {
        None => Finding::NotAsked("the limits say nothing of the version".to_owned()),
        Some(svns) if svns.contains(&evidence.svn) => {
            Finding::Pass("an accepted version".to_owned())
        }
        Some(_) => Finding::fail(SampleRejection::Svn),
    }
}

fn binding(evidence: &SampleEvidence, expected: &ExpectedData) -> Found {
    match expected {
        ExpectedData::Unbound => Finding::NotAsked(
            "the relying party binds the evidence to nothing: anybody may have sent it again"
                .to_owned(),
        ),
        ExpectedData::Exactly(data) if evidence.report_data() == *data => {
            Finding::Pass("report_data binds what it has to".to_owned())
        }
        ExpectedData::Exactly(_) => Finding::fail(SampleRejection::Binding),
    }
}

/// A sample measures nothing: it has a version alone, if that is a number.
pub(crate) fn launch_of(evidence: &SampleEvidence) -> Launch {
    Launch {
        tee: Measured::Sample,
        digest: None,
        rtmrs: None,
        svn: evidence.svn.parse().ok(),
    }
}
