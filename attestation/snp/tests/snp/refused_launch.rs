//! Launches that are refused.

use attestation_snp::test_support::{NOW, Scene, offset};
use attestation_snp::{Hex, Product, ReferenceValue, SnpCheck, SnpLimits};
use attestation_verdict::{CheckResult, ExpectedData};

fn milan() -> Scene {
    Scene::new(Product::Milan)
}

/// With the one reference value changed.
fn reference(change: impl FnOnce(&mut ReferenceValue)) -> Scene {
    milan().with(|scene| {
        let references = scene.references.as_mut().expect("there is one");
        change(&mut references[0]);
    })
}

#[test]
fn report_that_binds_something_else_is_refused() {
    let scene = milan().with(|scene| scene.expected = ExpectedData::Exactly([1; 64]));
    assert_eq!(scene.refused_only_by(SnpCheck::Binding), "binding_mismatch");
    let scene = milan().with_field(offset::REPORT_DATA + 63, &[1]);
    assert_eq!(scene.refused_only_by(SnpCheck::Binding), "binding_mismatch");
}

#[test]
fn report_that_nobody_binds_is_accepted_and_the_verdict_says_so() {
    let judgement = milan()
        .with(|scene| scene.expected = ExpectedData::Unbound)
        .judge();
    assert!(judgement.accepted());
    let record = judgement.record();
    let binding = record.check("binding").expect("it is listed");
    assert_eq!(binding.result, CheckResult::NotChecked);
}

#[test]
fn launch_without_a_reference_value_is_refused() {
    let scene = milan().with_field(offset::MEASUREMENT, &[1]);
    let not_made = [SnpCheck::ReferenceValidity];
    assert_eq!(
        scene.refused_by(SnpCheck::LaunchDigest, &not_made),
        "launch_digest_unknown"
    );
    let scene = milan().with(|scene| scene.references = Some(Vec::new()));
    assert_eq!(
        scene.refused_by(SnpCheck::LaunchDigest, &not_made),
        "launch_digest_unknown"
    );
}

#[test]
fn launch_that_nobody_asks_about_is_accepted_and_the_verdict_says_so() {
    let judgement = milan().with(|scene| scene.references = None).judge();
    assert!(judgement.accepted());
    let record = judgement.record();
    for name in ["launch_digest", "reference_validity"] {
        let check = record.check(name).expect("it is listed");
        assert_eq!(check.result, CheckResult::NotChecked);
    }
}

#[test]
fn launch_whose_reference_value_is_out_of_its_time_is_refused() {
    let scene = reference(|reference| reference.not_before = NOW + 1);
    assert_eq!(
        scene.refused_only_by(SnpCheck::ReferenceValidity),
        "reference_not_yet_valid"
    );
    let scene = reference(|reference| reference.not_after = NOW - 1);
    assert_eq!(
        scene.refused_only_by(SnpCheck::ReferenceValidity),
        "reference_expired"
    );
}

#[test]
fn launch_with_one_reference_value_in_its_time_is_accepted() {
    let scene = milan().with(|scene| {
        let references = scene.references.as_mut().expect("there is one");
        let mut expired = references[0].clone();
        expired.not_after = NOW - 1;
        references.insert(0, expired);
    });
    assert!(scene.judge().accepted());
}

#[test]
fn guest_with_too_low_an_svn_is_refused() {
    let scene = milan().with_limits(|limits| limits.minimum_guest_svn = 4);
    assert_eq!(
        scene.refused_only_by(SnpCheck::GuestSvn),
        "guest_svn_below_minimum"
    );
    let scene = reference(|reference| reference.min_guest_svn = Some(4));
    assert_eq!(
        scene.refused_only_by(SnpCheck::GuestSvn),
        "guest_svn_below_reference"
    );
}

#[test]
fn expired_reference_value_does_not_excuse_a_low_svn() {
    let scene = milan().with(|scene| {
        let references = scene.references.as_mut().expect("there is one");
        let mut expired = references[0].clone();
        expired.not_after = NOW - 1;
        expired.min_guest_svn = None;
        references[0].min_guest_svn = Some(4);
        references.push(expired);
    });
    assert_eq!(
        scene.refused_only_by(SnpCheck::GuestSvn),
        "guest_svn_below_reference"
    );
}

/// With sevens in a field, and limits that list one value of it.
fn listing(at: usize, length: usize, list: impl FnOnce(&mut SnpLimits)) -> Scene {
    milan().with_field(at, &vec![7; length]).with_limits(list)
}

#[test]
fn guest_of_an_id_key_that_is_not_listed_is_refused() {
    let scene = |listed| {
        let list = Some(vec![Hex([listed; 48])]);
        listing(offset::ID_KEY_DIGEST, 48, |limits| limits.id_keys = list)
    };
    assert_eq!(scene(8).refused_only_by(SnpCheck::IdKey), "id_key");
    assert!(scene(7).judge().passed(SnpCheck::IdKey));
}

#[test]
fn guest_of_a_family_that_is_not_listed_is_refused() {
    let scene = |listed| {
        let list = Some(vec![Hex([listed; 16])]);
        listing(offset::FAMILY_ID, 16, |limits| limits.family_ids = list)
    };
    assert_eq!(scene(8).refused_only_by(SnpCheck::FamilyId), "family_id");
    assert!(scene(7).judge().passed(SnpCheck::FamilyId));
}

#[test]
fn guest_of_an_image_that_is_not_listed_is_refused() {
    let scene = |listed| {
        let list = Some(vec![Hex([listed; 16])]);
        listing(offset::IMAGE_ID, 16, |limits| limits.image_ids = list)
    };
    assert_eq!(scene(8).refused_only_by(SnpCheck::ImageId), "image_id");
    assert!(scene(7).judge().passed(SnpCheck::ImageId));
}

#[test]
fn guest_with_host_data_that_is_not_listed_is_refused() {
    let scene = |listed| {
        let list = Some(vec![Hex([listed; 32])]);
        listing(offset::HOST_DATA, 32, |limits| limits.host_data = list)
    };
    assert_eq!(scene(8).refused_only_by(SnpCheck::HostData), "host_data");
    assert!(scene(7).judge().passed(SnpCheck::HostData));
}

#[test]
fn empty_list_accepts_nothing() {
    let scene = milan().with_limits(|limits| limits.id_keys = Some(Vec::new()));
    assert_eq!(scene.refused_only_by(SnpCheck::IdKey), "id_key");
}

#[test]
fn guest_of_an_author_key_that_is_not_listed_or_not_used_is_refused() {
    let author = |listed, key_info| {
        milan()
            .with_field(offset::AUTHOR_KEY_DIGEST, &[7; 48])
            .with_field(offset::KEY_INFO, &[key_info])
            .with_limits(|limits| limits.author_keys = Some(vec![Hex([listed; 48])]))
    };
    assert_eq!(
        author(8, 1).refused_only_by(SnpCheck::AuthorKey),
        "author_key"
    );
    assert_eq!(
        author(7, 0).refused_only_by(SnpCheck::AuthorKey),
        "author_key_missing"
    );
    assert!(author(7, 1).judge().passed(SnpCheck::AuthorKey));
}
