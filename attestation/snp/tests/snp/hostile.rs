//! Input that nobody meant.

use attestation_snp::test_support::Scene;
use attestation_snp::{Product, SnpCheck, SnpClaims};
use attestation_verdict::Check;
use proptest::prelude::*;
use std::sync::LazyLock;

struct Shared {
    scene: Scene,
    proof: attestation_snp::Proof,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let scene = Scene::new(Product::Milan);
    let proof = scene.prove().expect("the files can be read");
    Shared { scene, proof }
});

proptest! {
    #[test]
    fn report_of_any_bytes_is_judged_by_every_check_and_refused(bytes in prop::collection::vec(any::<u8>(), 1184)) {
        let mut scene = Scene { report: Box::new(bytes.try_into().expect("as many as that")), ..scene() };
        scene.references = None;
        let judgement = scene.judge_under(&SHARED.proof);
        prop_assert_eq!(judgement.record().checks.len(), SnpCheck::ALL.len());
        prop_assert!(!judgement.accepted());
        prop_assert!(serde_json::to_string(&SnpClaims::of(&scene.report, &SHARED.proof)).is_ok());
    }

    #[test]
    fn certificate_with_any_byte_changed_proves_nothing(position in 0_usize..700, value in any::<u8>()) {
        let mut scene = scene();
        let vek = scene.vek.as_mut().expect("there is one");
        let position = position % vek.len();
        prop_assume!(vek[position] != value);
        vek[position] = value;
        if let Ok(proof) = scene.prove() {
            prop_assert!(proof.proven().is_none(), "byte {}", position);
        }
    }
}

/// The shared files around a report that is changed anyway.
fn scene() -> Scene {
    let shared = &SHARED.scene;
    Scene {
        chip: attestation_snp::test_support::Chip::new(
            Product::Milan,
            attestation_snp::VekKind::Vcek,
        ),
        report: shared.report.clone(),
        vek: shared.vek.clone(),
        chain: shared.chain.clone(),
        crls: Vec::new(),
        anchors: shared.anchors.clone(),
        limits: shared.limits.clone(),
        expected: shared.expected.clone(),
        references: None,
        seen: None,
        now: shared.now,
    }
}
