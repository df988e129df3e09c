//! What is accepted.

use attestation_snp::test_support::Scene;
use attestation_snp::{Product, SnpCheck};
use attestation_verdict::Check;

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
