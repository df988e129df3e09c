//! Which launch the report is about, and whether it is one that the relying party accepts.

use std::collections::BTreeSet;

use measured_boot_digest::Manifest;

use super::{Exhibit, Finding, NO_REPORT};
use crate::{AppraisalInput, Check, CheckOutcome, CheckResult, ReferenceValue, Rejection};

/// What [`Manifest::differing_components`] calls another number of vCPUs.
const VCPU_COUNT: &str = "vcpu-count";

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

/// What must have passed before the host's manifest is read: a TEE that is trusted here made this
/// report, in this session and for the first time. Without that anybody may have sent the evidence,
/// and the work of explaining it would be theirs to give.
const VOUCHED_FOR: [Check; 5] = [
    Check::Nonce,
    Check::ReportFormat,
    Check::Binding,
    Check::CertificateChain,
    Check::Signature,
];

// They are made before the check that asks for them.
const _: () = {
    let mut index = 0;
    while index < VOUCHED_FOR.len() {
        assert!((VOUCHED_FOR[index] as usize) < Check::LaunchDigest as usize);
        index += 1;
    }
};

/// The reported digest is that of a reference value. `made` are the checks before this one.
pub(crate) fn digest(input: &AppraisalInput, exhibit: &Exhibit, made: &[CheckOutcome]) -> Finding {
    let Some(report) = exhibit.report() else {
        return Finding::NotChecked(NO_REPORT);
    };
    if let Some(reference) = matching(input, exhibit) {
        return Finding::Pass(format!(
            "the launch digest is that of reference `{}`",
            reference.name
        ));
    }
    let digest = hex::encode(report.measurement);
    let explained = heard(input, exhibit, made)
        .and_then(|manifest| explain(input, manifest, &report.measurement));
    Finding::Fail(match explained {
        Some((reference, components)) => Rejection::ComponentsDiffer {
            digest,
            reference: reference.name.clone(),
            components,
        },
        None => Rejection::LaunchDigestUnknown { digest },
    })
}

/// The host's manifest, where it is looked at: beside a launch that is unknown here, in evidence
/// that the checks `made` vouch for.
pub(crate) fn heard<'a>(
    input: &AppraisalInput,
    exhibit: &'a Exhibit,
    made: &[CheckOutcome],
) -> Option<&'a [u8]> {
    let manifest = exhibit.read_evidence()?.evidence.manifest.as_deref()?;
    let passed = |check: &Check| {
        made.iter()
            .any(|made| made.name == *check && made.result == CheckResult::Pass)
    };
    let unknown = matching(input, exhibit).is_none();
    (unknown && VOUCHED_FOR.iter().all(passed)).then_some(manifest)
}

/// The closest reference value and the components that differ from it.
///
/// The evidence's manifest is the host's word. It is heard only if it recomputes to the digest that
/// the TEE reported, and only to explain a refusal: it accepts nothing.
fn explain<'a>(
    input: &'a AppraisalInput,
    manifest: &[u8],
    digest: &[u8; 48],
) -> Option<(&'a ReferenceValue, Vec<String>)> {
    let reported = manifest_of(Some(manifest), digest)?;
    candidates(input)
        .filter_map(|reference| {
            let known = manifest_of(reference.manifest.as_deref(), &reference.launch_digest)?;
            Some((reference, differing_components(&reported, &known)?))
        })
        .min_by_key(|(reference, components)| (!reference.is_valid_at(input.now), components.len()))
}

/// Names are in no digest, so a host may invent them: only those that the reference value has are
/// repeated.
fn differing_components(reported: &Manifest, known: &Manifest) -> Option<Vec<String>> {
    let names: BTreeSet<String> = known
        .components()
        .into_iter()
        .map(|known| known.name)
        .collect();
    let components = reported.differing_components(known);
    let plain = |name: &String| names.contains(name) || name == VCPU_COUNT;
    (!components.is_empty() && components.iter().all(plain)).then_some(components)
}

/// A manifest that explains exactly this digest.
fn manifest_of(bytes: Option<&[u8]>, digest: &[u8; 48]) -> Option<Manifest> {
    let manifest = Manifest::from_bytes(bytes?).ok()?;
    (manifest.recompute().0 == *digest).then_some(manifest)
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
