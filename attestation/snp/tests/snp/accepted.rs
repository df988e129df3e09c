//! What is accepted.

use attestation_snp::test_support::{Certificates, NOT_AFTER, NOT_BEFORE, Scene, offset};
use attestation_snp::{Anchors, Product, SnpCheck, VekKind};
use attestation_verdict::Check;
use rcgen::DnType;
use std::collections::BTreeSet;

#[test]
fn report_that_is_right_in_everything_is_accepted() {
    for product in Product::ALL {
        for scene in [Scene::new(product), Scene::with_vlek(product)] {
            let judgement = scene.judge();
            assert!(
                judgement.accepted(),
                "{product:?}: {:?}",
                judgement.record()
            );
            assert_eq!(judgement.record().checks.len(), SnpCheck::ALL.len());
        }
    }
}

#[test]
fn report_of_version_2_is_accepted_by_its_chain_alone() {
    let scene = Scene::new(Product::Milan)
        .with_field(offset::VERSION, &[2])
        .with_field(offset::CPUID_FAM_ID, &[0; 3]);
    assert!(scene.judge().accepted(), "{:?}", scene.judge().record());
}

#[test]
fn proof_that_is_kept_judges_the_next_report_alike() {
    let scene = Scene::new(Product::Turin);
    let proof = scene.prove().expect("the files can be read");
    let next = scene.with_field(offset::GUEST_SVN, &[4]);
    assert_eq!(next.judge_under(&proof), next.judge());
    // The dates are looked at anew.
    let late = next.with(|scene| scene.now = NOT_AFTER + 1);
    assert!(!late.judge_under(&proof).passed(SnpCheck::Dates));
    let validity = proof.proven().expect("it is proven").validity();
    assert_eq!(
        (validity.not_before, validity.not_after),
        (NOT_BEFORE, NOT_AFTER)
    );
}

#[test]
fn chain_in_any_order_and_beside_the_vek_is_accepted() {
    let scene = Scene::new(Product::Milan).with(|scene| scene.chain.reverse());
    assert!(scene.judge().accepted());
    let bundled = |scene: &mut Scene| {
        let all = [&scene.chip.issuer, &scene.chip.vek, &scene.chip.ark];
        scene.vek = Some(all.into_iter().flatten().copied().collect());
        scene.chain.clear();
    };
    assert!(Scene::new(Product::Milan).with(bundled).judge().accepted());
}

#[test]
fn root_that_was_named_is_shown_in_the_verdict() {
    let record = Scene::new(Product::Milan).judge().record();
    let chain = record.check("chain").expect("it is listed");
    assert!(
        chain.reason.contains("named in place of AMD's"),
        "{}",
        chain.reason
    );
}

#[test]
fn root_that_is_no_products_or_not_its_own_is_not_taken() {
    let mut ark = Certificates::of(Product::Milan, VekKind::Vcek);
    ark.ark
        .distinguished_name
        .push(DnType::CommonName, "ARK-Rome");
    assert!(Anchors::explicit(&ark.into_chip().ark).is_err());
    let chip = Certificates::of(Product::Milan, VekKind::Vcek).into_chip();
    assert!(Anchors::explicit(&chip.issuer).is_err());
    assert!(Anchors::explicit(&chip.ark[1..]).is_err());
    let mut changed = chip.ark.clone();
    *changed.last_mut().expect("it has bytes") ^= 1;
    assert!(Anchors::explicit(&changed).is_err());
}

#[test]
fn every_check_has_a_name_of_its_own() {
    let names: BTreeSet<_> = SnpCheck::ALL.iter().map(|check| check.name()).collect();
    assert_eq!(names.len(), SnpCheck::ALL.len());
}
