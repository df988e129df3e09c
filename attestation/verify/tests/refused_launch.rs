//! Evidence that is refused for the launch that it reports.

use attestation_evidence::Tee;
use attestation_verify::test_support::{NOW, Scene, reference};
use attestation_verify::{Check, Rejection};

#[track_caller]
fn refused_as_unknown(scene: &Scene) {
    assert_eq!(
        scene.refused_by(Check::LaunchDigest, &[Check::ReferenceValidity]),
        Rejection::LaunchDigestUnknown {
            digest: "01".repeat(48)
        }
    );
}

#[test]
fn launch_without_any_reference_is_refused() {
    refused_as_unknown(&Scene::any().with_input(|input| input.references.clear()));
}

#[test]
fn launch_with_another_digest_is_refused() {
    refused_as_unknown(&Scene::any().with_input(|input| {
        input.references[0].launch_digest[47] ^= 1;
    }));
}

#[test]
fn launch_with_the_digest_of_another_tees_reference_is_refused() {
    refused_as_unknown(&Scene::any().with_input(|input| input.references[0].tee = Tee::Snp));
}

#[test]
fn launch_before_its_reference_is_valid_is_refused() {
    let scene = Scene::any().with_input(|input| input.references[0].not_before = NOW + 1);
    assert_eq!(
        scene.refused_only_by(Check::ReferenceValidity),
        Rejection::ReferenceNotYetValid {
            reference: "demo".to_owned(),
            not_before: NOW + 1,
            now: NOW
        }
    );
}

#[test]
fn launch_after_its_reference_expired_is_refused() {
    let scene = Scene::any().with_input(|input| input.references[0].not_after = NOW - 1);
    assert_eq!(
        scene.refused_only_by(Check::ReferenceValidity),
        Rejection::ReferenceExpired {
            reference: "demo".to_owned(),
            not_after: NOW - 1,
            now: NOW
        }
    );
}

#[test]
fn reference_is_valid_in_its_first_and_last_second() {
    let mut value = reference([1; 48]);
    (value.not_before, value.not_after) = (NOW, NOW);
    assert!(value.is_valid_at(NOW));
    assert!(!value.is_valid_at(NOW - 1));
    assert!(!value.is_valid_at(NOW + 1));
}
