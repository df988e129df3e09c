//! Which launch the report is about, and whether it is one that the relying party accepts.

use std::collections::BTreeSet;
use std::sync::Arc;

use attestation_evidence::Tee;
use attestation_verdict::Finding;
use measured_boot_digest::Manifest;
use measured_boot_snp_abi::AttestationReport;

use super::{Found, SimulatedRejection as Rejection};
use crate::ReferenceValue;

/// What [`Manifest::differing_components`] calls another number of vCPUs.
const VCPU_COUNT: &str = "vcpu-count";

/// The reference values of simulated launches, and when they are asked.
#[derive(Clone, Copy)]
pub(super) struct Accepted<'a> {
    pub references: &'a [Arc<ReferenceValue>],
    pub now: u64,
}

impl<'a> Accepted<'a> {
    /// A reference for another TEE is none here: the same digest would mean something else. What was revoked is none
    /// either, and the check `reference` says so by name.
    fn candidates(self) -> impl Iterator<Item = &'a ReferenceValue> {
        let all = self.references.iter().map(Arc::as_ref);
        all.filter(move |one| {
            one.tee == Tee::Simulated && one.revoked.as_ref().is_none_or(|it| self.now < it.at)
        })
    }

    /// The reference value that has the reported digest; a valid one before one that is out of its time.
    pub fn matching(self, report: &AttestationReport) -> Option<&'a ReferenceValue> {
        let digest = Some(report.measurement);
        let matches = || {
            self.candidates()
                .filter(move |one| one.launch_digest == digest)
        };
        matches()
            .find(|reference| reference.is_in_force_at(self.now))
            .or_else(|| matches().next())
    }

    /// The reported digest is that of a reference value; `heard` is the manifest that may explain why not.
    pub fn digest(self, report: &AttestationReport, heard: Option<&[u8]>) -> Found {
        if let Some(reference) = self.matching(report) {
            return Finding::Pass(format!(
                "the launch digest is that of reference `{}`",
                reference.name
            ));
        }
        let digest = hex::encode(report.measurement);
        let explained = heard.and_then(|manifest| self.explain(manifest, &report.measurement));
        Finding::fail(match explained {
            Some((reference, components)) => Rejection::ComponentsDiffer {
                digest,
                reference: reference.name.clone(),
                components,
            },
            None => Rejection::LaunchDigestUnknown { digest },
        })
    }

    /// The closest reference value and the components that differ from it.
    ///
    /// The evidence's manifest is the host's word. It is heard only if it recomputes to the digest that the TEE reported,
    /// and only to explain a refusal: it accepts nothing.
    fn explain(
        self,
        manifest: &[u8],
        digest: &[u8; 48],
    ) -> Option<(&'a ReferenceValue, Vec<String>)> {
        let reported = manifest_of(Some(manifest), digest)?;
        self.candidates()
            .filter_map(|reference| {
                let digest = reference.launch_digest?;
                let known = manifest_of(reference.manifest.as_deref(), &digest)?;
                Some((reference, differing_components(&reported, &known)?))
            })
            .min_by_key(|(reference, components)| {
                (!reference.is_in_force_at(self.now), components.len())
            })
    }

    /// The matching reference value is in its time.
    pub fn validity(self, report: &AttestationReport) -> Found {
        let Some(reference) = self.matching(report) else {
            return Finding::NotMade(
                "no reference value has the reported launch digest".to_owned(),
            );
        };
        let (name, now) = (reference.name.clone(), self.now);
        if now < reference.not_before {
            return Finding::fail(Rejection::ReferenceNotYetValid {
                reference: name,
                not_before: reference.not_before,
                now,
            });
        }
        if now > reference.not_after {
            return Finding::fail(Rejection::ReferenceExpired {
                reference: name,
                not_after: reference.not_after,
                now,
            });
        }
        Finding::Pass(format!(
            "reference `{name}` is valid at {now} (unix seconds)"
        ))
    }
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
