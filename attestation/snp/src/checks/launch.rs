//! What is bound, and which launch it is.

use super::{Case, Found};
use crate::{ReferenceValue, SnpRejection as Reason};
use attestation_verdict::{ExpectedData, Finding};

const NOT_ASKED: &str = "no reference value was given";

pub fn binding(case: &Case<'_>) -> Found {
    match case.expected {
        ExpectedData::Unbound => Finding::NotAsked(
            "the relying party binds the evidence to nothing: anybody may have sent it again"
                .to_owned(),
        ),
        ExpectedData::Exactly(data) if *data == case.report.report_data => {
            Finding::Pass("REPORT_DATA is what is expected".to_owned())
        }
        ExpectedData::Exactly(_) => Finding::fail(Reason::BindingMismatch),
    }
}

/// The reference values of this launch, with their places in the list.
fn matching<'a>(
    case: &Case<'a>,
    references: &'a [ReferenceValue],
) -> Vec<(usize, &'a ReferenceValue)> {
    let digest = case.report.measurement;
    let all = references.iter().enumerate();
    all.filter(|(_, reference)| reference.launch_digest == digest)
        .collect()
}

pub fn launch_digest(case: &Case<'_>) -> Found {
    let Some(references) = case.references else {
        return Finding::NotAsked(NOT_ASKED.to_owned());
    };
    if matching(case, references).is_empty() {
        let digest = hex::encode(case.report.measurement);
        return Finding::fail(Reason::LaunchDigestUnknown { digest });
    }
    Finding::Pass("the launch digest is that of a reference value".to_owned())
}

pub fn reference_validity(case: &Case<'_>) -> Found {
    let Some(references) = case.references else {
        return Finding::NotAsked(NOT_ASKED.to_owned());
    };
    let matching = matching(case, references);
    if matching.is_empty() {
        return Finding::NotMade("no reference value has this launch digest".to_owned());
    }
    let reasons: Vec<_> = matching
        .iter()
        .filter_map(|found| out_of_time(*found, case.now))
        .collect();
    if reasons.len() < matching.len() {
        return Finding::Pass("a reference value of this launch is in its time".to_owned());
    }
    Finding::from_reasons(reasons, String::new)
}

fn out_of_time((index, reference): (usize, &ReferenceValue), now: u64) -> Option<Reason> {
    let &ReferenceValue {
        not_before,
        not_after,
        ..
    } = reference;
    if now < not_before {
        return Some(Reason::ReferenceNotYetValid {
            index,
            not_before,
            now,
        });
    }
    (now > not_after).then_some(Reason::ReferenceExpired {
        index,
        not_after,
        now,
    })
}

pub fn guest_svn(case: &Case<'_>) -> Found {
    let found = case.report.guest_svn.get();
    let minimum = case.limits.minimum_guest_svn;
    let below = (found < minimum).then_some(Reason::GuestSvnBelow { found, minimum });
    let reasons = below.into_iter().chain(below_reference(case, found));
    Finding::from_reasons(reasons, || format!("guest SVN {found}"))
}

/// One reference value has to accept digest, time and SVN alike: another's leniency does not help.
fn below_reference(case: &Case<'_>, found: u32) -> Option<Reason> {
    let matching = matching(case, case.references?);
    let in_time = matching
        .into_iter()
        .filter(|found| out_of_time(*found, case.now).is_none());
    let least = in_time
        .map(|(_, reference)| reference.min_guest_svn.unwrap_or(0))
        .min();
    let minimum = least.filter(|least| found < *least)?;
    Some(Reason::GuestSvnBelowReference { found, minimum })
}
