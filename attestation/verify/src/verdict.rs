//! What comes of an appraisal.

use attestation_evidence::{Tee, TeePublicKey};
use serde::{Deserialize, Serialize};

use crate::{Check, Rejection, ruleset_version};

/// The result of [`appraise`](crate::appraise), which alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    subject: Subject,
    checks: Vec<CheckOutcome>,
    rejections: Vec<Rejection>,
    manifest_heard: bool,
}

/// What the verdict is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub tee: Tee,
    pub policy: String,
    pub recipient: TeePublicKey,
    /// As reported, if there was a report to read.
    pub launch_digest: Option<[u8; 48]>,
    /// The name of the reference value that has the reported digest.
    pub reference: Option<String>,
}

impl Verdict {
    pub(crate) fn new(
        subject: Subject,
        checks: Vec<CheckOutcome>,
        rejections: Vec<Rejection>,
        manifest_heard: bool,
    ) -> Self {
        Self {
            subject,
            checks,
            rejections,
            manifest_heard,
        }
    }

    /// The proof that all checks passed.
    ///
    /// # Errors
    /// The reasons, if one check failed or could not be made.
    pub fn accepted(&self) -> Result<AcceptedVerdict, &[Rejection]> {
        // "None failed" and "all passed" are asked separately: an empty list of checks, or one that
        // was not made, must never do.
        let all_passed = Check::ALL.iter().all(|check| self.passed(*check));
        let (Some(launch_digest), Some(reference)) =
            (self.subject.launch_digest, self.subject.reference.clone())
        else {
            return Err(&self.rejections);
        };
        if !self.rejections.is_empty() || !all_passed {
            return Err(&self.rejections);
        }
        Ok(AcceptedVerdict {
            tee: self.subject.tee,
            policy: self.subject.policy.clone(),
            recipient: self.subject.recipient.clone(),
            launch_digest,
            reference,
        })
    }

    /// Every check with its result, in the order of [`Check::ALL`].
    #[must_use]
    pub fn checks(&self) -> &[CheckOutcome] {
        &self.checks
    }

    /// Every reason to refuse; empty if accepted.
    #[must_use]
    pub fn rejections(&self) -> &[Rejection] {
        &self.rejections
    }

    /// Whether a check looked at the host's manifest in the evidence. Where none did, evidence without
    /// it gets the same verdict; where one did, it only sought an explanation of the refusal.
    #[must_use]
    pub fn heard_manifest(&self) -> bool {
        self.manifest_heard
    }

    /// The verdict as plain data, for answers, logs and the ledger.
    #[must_use]
    pub fn record(&self) -> VerdictRecord {
        let outcome = if self.accepted().is_ok() {
            Outcome::Accepted
        } else {
            Outcome::Refused
        };
        VerdictRecord {
            ruleset: ruleset_version().to_owned(),
            tee: self.subject.tee,
            simulated: self.subject.tee.is_simulated(),
            outcome,
            policy: self.subject.policy.clone(),
            reference: self.subject.reference.clone(),
            launch_digest: self.subject.launch_digest.map(hex::encode),
            recipient: self.subject.recipient.thumbprint(),
            checks: self.checks.clone(),
            rejections: self.rejections.iter().map(RejectionRecord::from).collect(),
        }
    }

    fn passed(&self, check: Check) -> bool {
        self.checks
            .iter()
            .any(|made| made.name == check && made.result == CheckResult::Pass)
    }
}

/// Proof that evidence passed every check. Only [`Verdict::accepted`] makes one; nothing reads one
/// from bytes. A secret may be released to [`recipient`](Self::recipient) and to no other key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedVerdict {
    tee: Tee,
    policy: String,
    recipient: TeePublicKey,
    launch_digest: [u8; 48],
    reference: String,
}

impl AcceptedVerdict {
    /// The TEE that the evidence is from.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The name of the policy that accepted it.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The key that the evidence binds.
    #[must_use]
    pub fn recipient(&self) -> &TeePublicKey {
        &self.recipient
    }

    /// The reported launch digest.
    #[must_use]
    pub fn launch_digest(&self) -> &[u8; 48] {
        &self.launch_digest
    }

    /// The name of the reference value that has this digest.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

/// One check's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckOutcome {
    /// Which check.
    pub name: Check,
    /// Its result.
    pub result: CheckResult,
    /// For people: what was found.
    pub reason: String,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// As it should be.
    Pass,
    /// Not as it should be: refused.
    Fail,
    /// What it looks at was not there, since another check failed: refused too.
    NotChecked,
}

/// Accepted or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every check passed.
    Accepted,
    /// At least one did not.
    Refused,
}

/// A verdict as data. It proves nothing: it cannot be turned back into an [`AcceptedVerdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRecord {
    /// [`ruleset_version`] of the build that judged.
    pub ruleset: String,
    /// The claimed TEE.
    pub tee: Tee,
    /// True where the evidence proves nothing about hardware.
    pub simulated: bool,
    /// Accepted or refused.
    pub outcome: Outcome,
    /// The policy's name.
    pub policy: String,
    /// The matching reference value's name, if any.
    pub reference: Option<String>,
    /// The reported launch digest in lower-case hex, if a report could be read.
    pub launch_digest: Option<String>,
    /// The thumbprint (RFC 7638) of the key that came with the evidence.
    pub recipient: String,
    /// Every check.
    pub checks: Vec<CheckOutcome>,
    /// Every reason to refuse.
    pub rejections: Vec<RejectionRecord>,
}

/// A [`Rejection`] as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectionRecord {
    /// The check that failed.
    pub check: Check,
    /// [`Rejection::code`].
    pub code: String,
    /// For people.
    pub reason: String,
}

impl From<&Rejection> for RejectionRecord {
    fn from(rejection: &Rejection) -> Self {
        Self {
            check: rejection.check(),
            code: rejection.code().to_owned(),
            reason: rejection.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use attestation_evidence::TeePublicKey;

    use super::*;

    fn verdict(change: impl FnOnce(&mut Vec<CheckOutcome>)) -> Verdict {
        let subject = Subject {
            tee: Tee::Simulated,
            policy: String::new(),
            recipient: TeePublicKey::from_coordinates([1; 32], [2; 32]),
            launch_digest: Some([0; 48]),
            reference: Some(String::new()),
        };
        let passed = |name| CheckOutcome {
            name,
            result: CheckResult::Pass,
            reason: String::new(),
        };
        let mut checks = Check::ALL.map(passed).to_vec();
        change(&mut checks);
        Verdict::new(subject, checks, Vec::new(), false)
    }

    #[test]
    fn verdict_in_which_every_check_passed_is_accepted() {
        assert!(verdict(|_| ()).accepted().is_ok());
    }

    #[test]
    fn verdict_in_which_any_check_is_missing_or_was_not_made_is_refused() {
        assert!(verdict(Vec::clear).accepted().is_err());
        for place in 0..Check::ALL.len() {
            let missing = verdict(|checks| drop(checks.remove(place)));
            assert!(missing.accepted().is_err());
            for result in [CheckResult::NotChecked, CheckResult::Fail] {
                assert!(
                    verdict(|checks| checks[place].result = result)
                        .accepted()
                        .is_err()
                );
            }
        }
    }
}
