//! TCB versions and firmware that are refused.

use attestation_snp::test_support::{Certificates, Scene, offset};
use attestation_snp::{Product, SnpCheck, TcbLimit, TcbLimits, VekKind};

fn milan() -> Scene {
    Scene::new(Product::Milan)
}

fn vcek(product: Product) -> Certificates {
    Certificates::of(product, VekKind::Vcek)
}

#[test]
fn certificate_for_another_tcb_is_refused_by_each_part() {
    for (product, arcs) in [
        (Product::Milan, &[1, 2, 3, 8][..]),
        (Product::Turin, &[1, 2, 3, 8, 9]),
    ] {
        for arc in arcs {
            let other = vcek(product).with_extension(&[3, *arc], Some(vec![2, 1, 99]));
            let code = Scene::of(other).refused_only_by(SnpCheck::TcbCertificate);
            assert_eq!(code, "tcb_not_of_certificate", "{product:?} {arc}");
        }
    }
}

#[test]
fn certificate_without_a_readable_tcb_is_refused() {
    let contents = [
        None,
        Some(vec![]),
        Some(vec![4]),
        Some(vec![2, 1, 4, 0]),
        Some(vec![2, 2, 1, 4]),
        Some(vec![4, 1, 4]),
        Some(vec![2, 1, 0x84]),
    ];
    for arc in [1, 2, 3, 8] {
        for content in &contents {
            let scene = Scene::of(vcek(Product::Milan).with_extension(&[3, arc], content.clone()));
            assert_eq!(
                scene.refused_only_by(SnpCheck::TcbCertificate),
                "certificate_tcb",
                "{arc} {content:?}"
            );
        }
    }
    let scene = Scene::of(vcek(Product::Turin).with_extension(&[3, 9], Some(vec![4, 1, 7])));
    assert_eq!(
        scene.refused_only_by(SnpCheck::TcbCertificate),
        "certificate_tcb"
    );
}

#[test]
fn certificate_with_a_spare_version_that_no_report_has_is_refused() {
    for arc in [4, 5, 6, 7] {
        let scene = Scene::of(vcek(Product::Milan).with_extension(&[3, arc], Some(vec![2, 1, 1])));
        assert_eq!(
            scene.refused_only_by(SnpCheck::TcbCertificate),
            "certificate_tcb"
        );
    }
}

#[test]
fn certificate_laid_out_for_another_product_is_refused() {
    let without_fmc = vcek(Product::Turin).with_extension(&[3, 9], None);
    let with_fmc = vcek(Product::Milan).with_extension(&[3, 9], Some(vec![2, 1, 0]));
    for certificates in [without_fmc, with_fmc] {
        let code = Scene::of(certificates).refused_only_by(SnpCheck::TcbCertificate);
        assert_eq!(code, "certificate_tcb_layout");
    }
}

#[test]
fn tcb_above_the_running_one_is_refused() {
    for at in [offset::COMMITTED_TCB, offset::LAUNCH_TCB] {
        for part in [0, 1, 6, 7] {
            let scene = milan().with_report(|report| report[at + part] += 1);
            assert_eq!(scene.refused_only_by(SnpCheck::TcbOrder), "tcb_order");
        }
    }
    // Turin has its parts elsewhere.
    let scene = Scene::new(Product::Turin).with_report(|report| report[offset::LAUNCH_TCB] += 1);
    assert_eq!(scene.refused_only_by(SnpCheck::TcbOrder), "tcb_order");
}

#[test]
fn reported_tcb_above_the_committed_one_is_refused() {
    let newer = || vcek(Product::Milan).with_extension(&[3, 3], Some(vec![2, 1, 25]));
    let scene = Scene::of(newer()).with_field(offset::REPORTED_TCB + 6, &[25]);
    assert_eq!(scene.refused_only_by(SnpCheck::TcbOrder), "tcb_order");
    // Though it runs.
    let scene = scene.with_field(offset::CURRENT_TCB + 6, &[25]);
    assert_eq!(scene.refused_only_by(SnpCheck::TcbOrder), "tcb_order");
    let scene = scene.with_field(offset::COMMITTED_TCB + 6, &[25]);
    assert!(scene.judge().accepted());
}

#[test]
fn tcb_below_the_running_one_is_accepted() {
    // As a host has it that updates its microcode: committed and reported come later.
    let scene = milan().with_field(offset::CURRENT_TCB + 7, &[220]);
    assert!(scene.judge().accepted());
}

#[test]
fn tcb_with_reserved_bytes_is_refused() {
    for (product, reserved) in [
        (Product::Milan, [2, 3, 4, 5].as_slice()),
        (Product::Turin, &[4, 5, 6]),
    ] {
        for at in [
            offset::CURRENT_TCB,
            offset::REPORTED_TCB,
            offset::COMMITTED_TCB,
            offset::LAUNCH_TCB,
        ] {
            for byte in reserved {
                let scene = Scene::new(product).with_field(at + byte, &[1]);
                assert_eq!(scene.refused_only_by(SnpCheck::TcbOrder), "tcb_reserved");
            }
        }
    }
}

#[test]
fn committed_firmware_newer_than_the_running_one_is_refused() {
    let scene = milan().with_field(offset::COMMITTED_BUILD, &[30, 55, 1]);
    assert_eq!(scene.refused_only_by(SnpCheck::TcbOrder), "firmware_order");
}

#[test]
fn tcb_below_its_minimum_is_refused_by_each_part_of_each() {
    let versions: [fn(&mut TcbLimits) -> &mut TcbLimit; 4] = [
        |limits| &mut limits.reported,
        |limits| &mut limits.committed,
        |limits| &mut limits.current,
        |limits| &mut limits.launch,
    ];
    let parts: [fn(&mut TcbLimit) -> &mut u8; 5] = [
        |limit| &mut limit.fmc,
        |limit| &mut limit.boot_loader,
        |limit| &mut limit.tee,
        |limit| &mut limit.snp,
        |limit| &mut limit.microcode,
    ];
    let scene = Scene::new(Product::Turin).with_limits(|limits| {
        for version in versions {
            version(&mut limits.minimum_tcb).fmc = 7;
        }
    });
    assert!(scene.judge().accepted());
    let mut scene = scene;
    for version in versions {
        for part in parts {
            *part(version(&mut scene.limits.minimum_tcb)) += 1;
            assert_eq!(
                scene.refused_only_by(SnpCheck::TcbMinimum),
                "tcb_below_minimum"
            );
            *part(version(&mut scene.limits.minimum_tcb)) -= 1;
        }
    }
}

#[test]
fn minimum_of_a_part_that_the_product_lacks_is_refused() {
    let scene = milan().with_limits(|limits| limits.minimum_tcb.reported.fmc = 1);
    assert_eq!(
        scene.refused_only_by(SnpCheck::TcbMinimum),
        "tcb_below_minimum"
    );
}

#[test]
fn committed_firmware_below_its_minimum_is_refused() {
    let scene = milan().with_limits(|limits| limits.minimum_firmware.build += 1);
    assert_eq!(
        scene.refused_only_by(SnpCheck::Firmware),
        "firmware_below_minimum"
    );
    // The running one is newer, and can be taken back.
    let scene = scene.with_field(offset::CURRENT_BUILD, &[40, 55, 1]);
    assert_eq!(
        scene.refused_only_by(SnpCheck::Firmware),
        "firmware_below_minimum"
    );
}
