//! Which launch the report is about, and whether it is one that the relying party accepts.

use super::{Exhibit, Finding, NO_REPORT};
use crate::{AppraisalInput, ReferenceValue, Rejection};

/// The reference value that has the reported digest; a valid one before one that is out of its time.
pub(crate) fn matching<'a>(
    input: &'a AppraisalInput,
    exhibit: &Exhibit,
) -> Option<&'a ReferenceValue> {
    let digest = exhibit.report()?.measurement;
    let matches = || candidates(input).filter(|reference| reference.launch_digest == digest);
    matches()
        .find(|reference| reference.is_valid_at(input.now))
        .or_else(|| matches().next())
}

/// A reference for another TEE is none here: the same digest would mean something else.
fn candidates(input: &AppraisalInput) -> impl Iterator<Item = &ReferenceValue> {
    input
        .references
        .iter()
        .filter(|reference| reference.tee == input.tee)
}

/// The reported digest is that of a reference value.
pub(crate) fn digest(input: &AppraisalInput, exhibit: &Exhibit) -> Finding {
    let Some(read) = exhibit.read_evidence() else {
        return Finding::NotChecked(NO_REPORT);
    };
    if let Some(reference) = matching(input, exhibit) {
        return Finding::Pass(format!(
            "the launch digest is that of reference `{}`",
            reference.name
        ));
    }
    let digest = hex::encode(read.report.measurement);
    Finding::Fail(Rejection::LaunchDigestUnknown { digest })
}

/// The matching reference value is in its time.
pub(crate) fn validity(input: &AppraisalInput, exhibit: &Exhibit) -> Finding {
    let Some(reference) = matching(input, exhibit) else {
        return Finding::NotChecked("no reference value has the reported launch digest");
    };
    let (name, now) = (reference.name.clone(), input.now);
    if now < reference.not_before {
        let not_before = reference.not_before;
        return Finding::Fail(Rejection::ReferenceNotYetValid {
            reference: name,
            not_before,
            now,
        });
    }
    if now > reference.not_after {
        let not_after = reference.not_after;
        return Finding::Fail(Rejection::ReferenceExpired {
            reference: name,
            not_after,
            now,
        });
    }
    Finding::Pass(format!(
        "reference `{name}` is valid at {now} (unix seconds)"
    ))
}
