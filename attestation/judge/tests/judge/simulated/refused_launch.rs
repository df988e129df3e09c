//! Evidence that is refused for the launch that it reports.

use attestation_evidence::{Nonce, Tee, TeePublicKey};
use attestation_judge::test_support::launch::{GENUINE, digest, launch, manifest, reference_of};
use attestation_judge::test_support::{
    NOW, Refusal, Scene, SimulatedTee, offset, reference, session,
};
use attestation_judge::{ReferenceValue, SimulatedRejection as Rejection, SimulatedTrust};
use attestation_verdict::CheckResult;

#[track_caller]
fn refused_as_unknown(scene: &Scene) {
    assert_eq!(
        scene.refused_by("launch_digest", &["reference_validity"]),
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
        input.references[0].launch_digest = Some([2; 48]);
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
        scene.refused_only_by("reference_validity"),
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
        scene.refused_only_by("reference_validity"),
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
    assert!(value.is_in_force_at(NOW));
    assert!(!value.is_in_force_at(NOW - 1));
    assert!(!value.is_in_force_at(NOW + 1));
}

#[track_caller]
fn refused(scene: &Scene) -> Refusal {
    scene.refused_by("launch_digest", &["reference_validity"])
}

#[track_caller]
fn differs_from(scene: &Scene, name: &str, expected: &[&str]) {
    let refusal = refused(scene);
    assert_eq!(refusal.0.code, "components_differ", "{}", refusal.0.reason);
    let told = format!("reference `{name}` in: {}", expected.join(", "));
    assert!(refusal.0.reason.ends_with(&told), "{}", refusal.0.reason);
}

#[track_caller]
fn not_explained(scene: &Scene) {
    assert_eq!(refused(scene).0.code, "launch_digest_unknown");
}

#[test]
fn component_that_differs_is_named() {
    for (place, name) in ["cmdline", "kernel", "initrd", "vcpu0"]
        .into_iter()
        .enumerate()
    {
        let mut changed = GENUINE;
        changed[place].1 = 9;
        differs_from(
            &launch(&changed, vec![reference_of("demo", &GENUINE)]),
            "demo",
            &[name],
        );
    }
}

#[test]
fn one_more_vcpu_is_named() {
    let mut more = GENUINE.to_vec();
    more.push(("vcpu1", 4));
    differs_from(
        &launch(&more, vec![reference_of("demo", &GENUINE)]),
        "demo",
        &["vcpu-count"],
    );
}

#[test]
fn reason_names_digest_reference_and_component() {
    let mut changed = GENUINE;
    changed[0].1 = 9;
    let scene = launch(&changed, vec![reference_of("demo", &GENUINE)]);
    let reason = refused(&scene).0.reason;
    let digest = hex::encode(digest(&manifest(&changed)));
    assert!(
        reason.contains(&digest) && reason.ends_with("reference `demo` in: cmdline"),
        "{reason}"
    );
}

#[test]
fn manifest_that_does_not_recompute_to_the_reported_digest_is_not_heard() {
    let mut changed = GENUINE;
    changed[0].1 = 9;
    let mut lie = GENUINE;
    lie[1].1 = 9;
    let scene = launch(&changed, vec![reference_of("demo", &GENUINE)])
        .with_evidence(|evidence| evidence.manifest = Some(manifest(&lie)));
    not_explained(&scene);
}

/// Anybody can send a manifest that is much work to recompute: it is not even looked at where a check
/// that says who sent it, or when, did not pass.
#[test]
fn manifest_beside_a_report_that_nobody_vouches_for_is_not_heard() {
    let mut changed = GENUINE;
    changed[0].1 = 9;
    let scene = || launch(&changed, vec![reference_of("demo", &GENUINE)]);
    let ark = SimulatedTee::generate().ark().to_vec();
    let unvouched = [
        (
            "signature",
            scene().with_evidence(|evidence| {
                evidence.attestation_report[offset::SIGNATURE] ^= 1;
            }),
        ),
        (
            "certificate_chain",
            scene().with_input(|input| {
                input.trust.simulated = SimulatedTrust::Allowed { ark };
            }),
        ),
        (
            "certificate_chain",
            scene().with_input(|input| {
                input.trust.simulated = SimulatedTrust::Refused;
            }),
        ),
        (
            "binding",
            scene().with_input(|input| {
                input.runtime_data.tee_pubkey = TeePublicKey::from_coordinates([6; 32], [7; 32]);
            }),
        ),
        (
            "nonce",
            scene().with_input(|input| {
                input.session = session(Nonce::from_bytes([5; 32]));
            }),
        ),
        ("nonce", scene().with_input(|input| input.now += 300)),
    ];
    for (check, scene) in unvouched {
        let verdict = scene.input.verdict();
        let record = verdict.record();
        let made = record.check(check).expect("every check is listed");
        assert_ne!(made.result, CheckResult::Pass, "{check}");
        let codes: Vec<_> = record
            .rejections
            .iter()
            .map(|one| one.code.as_str())
            .collect();
        assert!(
            codes.contains(&"launch_digest_unknown"),
            "{check}: {codes:?}"
        );
        assert!(!verdict.heard_manifest(), "{check}");
    }
}

#[test]
fn verdict_says_whether_a_check_looked_at_the_manifest() {
    let heard = |scene: &Scene| scene.input.verdict().heard_manifest();
    let mut changed = GENUINE;
    changed[0].1 = 9;
    let unknown = || launch(&changed, vec![reference_of("demo", &GENUINE)]);
    assert!(heard(&unknown()), "it explains the refusal");
    let lie = unknown().with_evidence(|evidence| evidence.manifest = Some(manifest(&GENUINE)));
    assert!(heard(&lie), "it was read, though it explains nothing");
    assert!(!heard(
        &unknown().with_evidence(|evidence| evidence.manifest = None)
    ));
    assert!(
        !heard(&launch(&GENUINE, vec![reference_of("demo", &GENUINE)])),
        "a known launch"
    );
}

/// Neither a genuine manifest nor a genuine name makes up for the digest.
#[test]
fn manifest_of_the_reference_does_not_make_another_digest_accepted() {
    let mut changed = GENUINE;
    changed[0].1 = 9;
    let scene = launch(&changed, vec![reference_of("demo", &GENUINE)])
        .with_evidence(|evidence| evidence.manifest = Some(manifest(&GENUINE)));
    not_explained(&scene);
}

#[test]
fn manifest_with_a_name_that_the_reference_lacks_is_not_heard() {
    let mut renamed = GENUINE;
    renamed[0] = ("all-is-well", 9);
    not_explained(&launch(&renamed, vec![reference_of("demo", &GENUINE)]));
}

#[test]
fn reference_without_a_manifest_of_its_digest_explains_nothing() {
    let mut changed = GENUINE;
    changed[0].1 = 9;
    let without = ReferenceValue {
        manifest: None,
        ..reference_of("demo", &GENUINE)
    };
    not_explained(&launch(&changed, vec![without]));
    let of_another = ReferenceValue {
        launch_digest: Some([8; 48]),
        ..reference_of("demo", &GENUINE)
    };
    not_explained(&launch(&changed, vec![of_another]));
    not_explained(&launch(&changed, vec![]));
}

#[test]
fn closest_valid_reference_is_the_one_compared_with() {
    let changed = [("cmdline", 9), ("kernel", 2), ("initrd", 3), ("vcpu0", 4)];
    let far = [("cmdline", 1), ("kernel", 8), ("initrd", 8), ("vcpu0", 4)];
    let near_but_expired = ReferenceValue {
        not_after: NOW - 1,
        ..reference_of("expired", &GENUINE)
    };
    let scene = |references| launch(&changed, references);
    differs_from(
        &scene(vec![
            reference_of("far", &far),
            reference_of("near", &GENUINE),
        ]),
        "near",
        &["cmdline"],
    );
    differs_from(
        &scene(vec![near_but_expired, reference_of("far", &far)]),
        "far",
        &["cmdline", "kernel", "initrd"],
    );
}
