//! Reports that are none.

use attestation_snp::test_support::{Scene, offset};
use attestation_snp::{Product, SnpCheck};

fn milan() -> Scene {
    Scene::new(Product::Milan)
}

#[test]
fn report_of_an_unknown_version_is_refused() {
    for version in [0_u32, 1, 4, 6, u32::MAX] {
        let mut scene = milan().with_field(offset::VERSION, &version.to_le_bytes());
        if version < 3 {
            // Reports so old do not tell the CPU.
            scene = scene.with_field(offset::CPUID_FAM_ID, &[0; 3]);
        }
        let code = scene.refused_only_by(SnpCheck::ReportFormat);
        assert_eq!(code, "report_version", "{version}");
    }
}

#[test]
fn report_signed_by_another_algorithm_is_refused() {
    for algorithm in [0_u32, 2] {
        let scene = milan().with_field(offset::SIGNATURE_ALGO, &algorithm.to_le_bytes());
        let code = scene.refused_only_by(SnpCheck::ReportFormat);
        assert_eq!(code, "signature_algorithm");
    }
}

#[test]
fn report_with_a_reserved_byte_set_is_refused() {
    for at in [0x04C, 0x04F, 0x18B, 0x19F, 0x1EB, 0x1EF, 0x208, 0x29F] {
        let code = milan()
            .with_field(at, &[1])
            .refused_only_by(SnpCheck::ReportFormat);
        assert_eq!(code, "reserved_not_zero", "{at:#x}");
    }
}

#[test]
fn report_with_reserved_bits_of_its_key_information_is_refused() {
    for bits in [1_u32 << 5, 1 << 31] {
        let scene = milan().with_field(offset::KEY_INFO, &bits.to_le_bytes());
        assert_eq!(
            scene.refused_only_by(SnpCheck::ReportFormat),
            "reserved_not_zero"
        );
    }
}

#[test]
fn report_of_version_2_that_tells_its_cpu_is_refused() {
    let scene = milan().with_field(offset::VERSION, &[2]);
    assert_eq!(
        scene.refused_only_by(SnpCheck::ReportFormat),
        "reserved_not_zero"
    );
}

#[test]
fn report_before_version_5_that_tells_its_mitigations_is_refused() {
    for at in [offset::LAUNCH_MIT_VECTOR, offset::CURRENT_MIT_VECTOR] {
        let scene = milan().with_field(at, &[1]);
        assert_eq!(
            scene.refused_only_by(SnpCheck::ReportFormat),
            "reserved_not_zero"
        );
        let scene = Scene::new(Product::Turin).with_field(at, &[1]);
        assert!(scene.judge().accepted());
    }
}
