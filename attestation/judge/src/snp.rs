//! An SEV-SNP report, from the policy's limits to what was judged.

use attestation_appraisal::{Judged, Policy, Tee};
use attestation_certificates::{Observation, Seen};
use attestation_evidence::Tee as Measured;
use attestation_snp::{
    Proof, REPORT_SIZE, SnpCheck, SnpClaims, SnpInput, SnpLimits, SnpRejection, judge,
};
use attestation_verdict::Judgement;
use serde_json::json;
use std::sync::Arc;

use crate::{Bound, Launch, ReferenceValue};

/// A report with what became of its certificates, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct SnpSubject<'a> {
    /// The report's bytes.
    pub report: &'a [u8; REPORT_SIZE],
    /// What became of the certificates and lists that came with it.
    pub proof: &'a Proof,
    /// Who compares what it binds.
    pub bound: Bound<'a>,
    /// Which launches are accepted; `None` if the relying party says nothing of it.
    pub references: Option<&'a [Arc<ReferenceValue>]>,
    /// The newest lists that were seen, if somebody keeps account.
    pub seen: Option<&'a Seen>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

/// What came of it, before the policy is asked what that is worth.
#[derive(Debug)]
pub struct SnpJudged {
    /// The checks, with claims and limits.
    pub judged: Judged,
    /// What the report says.
    pub claims: SnpClaims,
    /// The judgement; `None` where the policy gave no limits.
    pub judgement: Option<Judgement<SnpRejection>>,
    /// Lists that were proven, whatever the verdict.
    pub observations: Vec<Observation>,
}

impl SnpSubject<'_> {
    /// Judges it by the limits that the policy gives for its claims.
    #[must_use]
    pub fn judge(&self, policy: &Policy) -> SnpJudged {
        let claims = SnpClaims::of(self.report, self.proof);
        let given = json!(claims);
        let limits = policy.limits_as::<SnpLimits>(Tee::Snp, &given);
        let (judged, judgement) = match limits {
            Err(error) => (
                Judged::without_limits::<SnpCheck>(Tee::Snp, given, error),
                None,
            ),
            Ok((limits, limits_given)) => {
                let judgement = self.held_to(&limits);
                let judged = Judged::of(Tee::Snp, &judgement, given, limits_given);
                (judged, Some(judgement))
            }
        };
        let proven = self.proof.proven();
        SnpJudged {
            judged,
            claims,
            judgement,
            observations: proven.map_or_else(Vec::new, |proven| proven.observations().collect()),
        }
    }

    fn held_to(&self, limits: &SnpLimits) -> Judgement<SnpRejection> {
        let references = self.references.map(|all| self.launches(all));
        let judgement = judge(&SnpInput {
            report: self.report,
            proof: self.proof,
            limits,
            expected: self.bound.expected(),
            references: references.as_deref(),
            seen: self.seen,
            now: self.now,
        });
        self.bound.told(judgement, SnpCheck::Binding, "REPORT_DATA")
    }

    /// What was revoked is no launch for it, and the check `reference` says so by name.
    fn launches(&self, all: &[Arc<ReferenceValue>]) -> Vec<attestation_snp::ReferenceValue> {
        let good = all.iter().filter(|one| {
            one.tee == Measured::Snp && one.revoked.as_ref().is_none_or(|it| self.now < it.at)
        });
        let launch = |one: &Arc<ReferenceValue>| {
            Some(attestation_snp::ReferenceValue {
                name: one.name.clone(),
                launch_digest: one.launch_digest?,
                min_guest_svn: one.min_svn,
                not_before: one.not_before,
                not_after: one.not_after,
            })
        };
        good.filter_map(launch).collect()
    }
}

impl SnpJudged {
    /// What the report shows of the launch.
    #[must_use]
    pub fn launch(&self) -> Launch {
        Launch {
            tee: Measured::Snp,
            digest: Some(self.claims.launch_digest.0),
            rtmrs: None,
            svn: Some(self.claims.guest_svn),
        }
    }
}
