//! The appraisal itself: every check, once, in order.

use crate::checks::{Exhibit, Finding, certificates, claims, guest_policy, launch, report};
use crate::verdict::Subject;
use crate::{AppraisalInput, Check, CheckOutcome, CheckResult, Verdict};

/// Judges evidence. Makes every check whose subject is there, whatever the others found.
#[must_use]
pub fn appraise(input: &AppraisalInput) -> Verdict {
    let exhibit = Exhibit::read(input);
    let mut checks = Vec::with_capacity(Check::ALL.len());
    let mut rejections = Vec::new();
    for name in Check::ALL {
        let (result, reason) = match make(name, input, &exhibit, &checks) {
            Finding::Pass(reason) => (CheckResult::Pass, reason),
            Finding::NotChecked(reason) => (CheckResult::NotChecked, reason.to_owned()),
            Finding::Fail(rejection) => {
                let reason = rejection.to_string();
                rejections.push(rejection);
                (CheckResult::Fail, reason)
            }
        };
        checks.push(CheckOutcome {
            name,
            result,
            reason,
        });
    }
    let manifest_heard = launch::heard(input, &exhibit, &checks).is_some();
    Verdict::new(subject(input, &exhibit), checks, rejections, manifest_heard)
}

/// `made` are the checks before this one.
fn make(check: Check, input: &AppraisalInput, exhibit: &Exhibit, made: &[CheckOutcome]) -> Finding {
    match check {
        Check::TeeAllowed => claims::tee_allowed(input),
        Check::Nonce => claims::nonce(input),
        Check::AdditionalEvidence => claims::additional_evidence(input),
        Check::ReportFormat => report::format(exhibit),
        Check::Binding => report::binding(input, exhibit),
        Check::CertificateChain => certificates::chain(input, exhibit),
        Check::CertificateDates => certificates::dates(input, exhibit),
        Check::Signature => report::signature(exhibit),
        Check::Debug => guest_policy::debug(input, exhibit),
        Check::Vmpl => guest_policy::vmpl(input, exhibit),
        Check::PolicyBits => guest_policy::other_bits(input, exhibit),
        Check::LaunchDigest => launch::digest(input, exhibit, made),
        Check::ReferenceValidity => launch::validity(input, exhibit),
    }
}

fn subject(input: &AppraisalInput, exhibit: &Exhibit) -> Subject {
    let reference = launch::matching(input, exhibit);
    Subject {
        tee: input.tee,
        policy: input.policy.name.clone(),
        recipient: input.runtime_data.tee_pubkey.clone(),
        launch_digest: exhibit.report().map(|report| report.measurement),
        reference: reference.map(|reference| reference.name.clone()),
    }
}
