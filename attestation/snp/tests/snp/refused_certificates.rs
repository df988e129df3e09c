//! Chains, dates, lists and products that are refused.

use attestation_certificates::Seen;
use attestation_snp::test_support::{Certificates, Chip, NOT_AFTER, NOT_BEFORE, Scene, offset};
use attestation_snp::{Product, Proof, SnpCheck, VekKind};
use attestation_verdict::Rejection;
use rcgen::{BasicConstraints, CustomExtension, DnType, IsCa, KeyUsagePurpose, date_time_ymd};

/// What has nothing to look at under a chain that is not proven.
const UNPROVEN: &[SnpCheck] = &[SnpCheck::Dates, SnpCheck::Product];

fn vcek() -> Certificates {
    Certificates::of(Product::Milan, VekKind::Vcek)
}

fn milan() -> Scene {
    Scene::of(vcek())
}

fn changed(change: impl FnOnce(&mut Certificates)) -> Scene {
    let mut certificates = vcek();
    change(&mut certificates);
    Scene::of(certificates)
}

#[test]
fn report_without_a_vek_certificate_is_refused() {
    let scene = milan().with(|scene| scene.vek = None);
    let not_made = [
        UNPROVEN,
        &[
            SnpCheck::SigningKey,
            SnpCheck::Signature,
            SnpCheck::ChipId,
            SnpCheck::TcbCertificate,
        ],
    ];
    let code = scene.refused_by(SnpCheck::Chain, &not_made.concat());
    assert_eq!(code, "vek_missing");
}

#[test]
fn vek_certificate_of_another_name_is_refused() {
    // The first is the name that a peer compares with, so that its check of the chip never runs.
    for name in ["VCEK", "SEV-VCEK ", "sev-vcek", "SEV-Milan"] {
        let scene = changed(|certificates| {
            certificates
                .vek
                .distinguished_name
                .push(DnType::CommonName, name)
        });
        let not_made = [UNPROVEN, &[SnpCheck::SigningKey, SnpCheck::ChipId]].concat();
        assert_eq!(
            scene.refused_by(SnpCheck::Chain, &not_made),
            "vek_name",
            "{name}"
        );
    }
}

#[test]
fn vek_certificate_with_a_key_on_another_curve_is_refused() {
    let scene = changed(|certificates| certificates.vek_on_p256 = true);
    let not_made = [UNPROVEN, &[SnpCheck::Signature]].concat();
    assert_eq!(scene.refused_by(SnpCheck::Chain, &not_made), "vek_key");
}

#[test]
fn chain_without_the_veks_issuer_is_refused() {
    let scene = milan().with(|scene| scene.chain.remove(0).clear());
    assert_eq!(
        scene.refused_by(SnpCheck::Chain, UNPROVEN),
        "issuer_missing"
    );
    let scene = milan().with(|scene| scene.chain.clear());
    assert_eq!(
        scene.refused_by(SnpCheck::Chain, UNPROVEN),
        "issuer_missing"
    );
}

#[test]
fn vek_certified_by_the_issuer_of_the_other_kind_is_refused() {
    let other = Certificates::of(Product::Milan, VekKind::Vlek);
    let scene = changed(|certificates| {
        certificates.issuer = other.issuer;
        certificates.issuer_as_issuer = other.issuer_as_issuer;
    });
    assert_eq!(scene.refused_by(SnpCheck::Chain, UNPROVEN), "issuer_name");
}

#[test]
fn certificate_with_a_changed_signature_is_refused() {
    let last = |der: &mut Vec<u8>| *der.last_mut().expect("it has bytes") ^= 1;
    let scene = milan().with(|scene| scene.vek.iter_mut().for_each(last));
    assert_eq!(scene.refused_by(SnpCheck::Chain, UNPROVEN), "certificate");
    let scene = milan().with(|scene| last(&mut scene.chain[0]));
    assert_eq!(scene.refused_by(SnpCheck::Chain, UNPROVEN), "certificate");
}

#[test]
fn certificate_that_is_not_fit_for_its_place_is_refused() {
    let unknown = || {
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 99], vec![5, 0]);
        extension.set_criticality(true);
        extension
    };
    let scenes = [
        changed(|certificates| certificates.issuer.is_ca = IsCa::NoCa),
        changed(|certificates| certificates.issuer.key_usages = vec![KeyUsagePurpose::CrlSign]),
        changed(|certificates| certificates.issuer.custom_extensions.push(unknown())),
        changed(|certificates| certificates.vek.custom_extensions.push(unknown())),
        changed(|certificates| certificates.vek.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)),
        changed(|certificates| certificates.ark.is_ca = IsCa::Ca(BasicConstraints::Constrained(0))),
    ];
    for (index, scene) in scenes.iter().enumerate() {
        let code = scene.refused_by(SnpCheck::Chain, UNPROVEN);
        assert_eq!(code, "certificate", "scene {index}");
    }
}

#[test]
fn chain_to_a_root_that_is_not_trusted_is_refused() {
    let genoa = Chip::new(Product::Genoa, VekKind::Vcek);
    let scene = milan().with(|scene| scene.anchors = genoa.anchors());
    assert_eq!(
        scene.refused_by(SnpCheck::Chain, UNPROVEN),
        "root_not_trusted"
    );
    // AMD's roots have these names, and not these keys.
    let scene = milan().with(|scene| scene.anchors = attestation_snp::Anchors::builtin());
    let judgement = scene.judge();
    assert!(!judgement.passed(SnpCheck::Chain) && !judgement.accepted());
}

#[test]
fn chain_that_comes_with_another_root_is_refused() {
    let genoa = Chip::new(Product::Genoa, VekKind::Vcek);
    let scene = milan().with(|scene| scene.chain.push(genoa.ark));
    assert_eq!(
        scene.refused_by(SnpCheck::Chain, UNPROVEN),
        "root_not_trusted"
    );
}

#[test]
fn chain_that_comes_with_a_certificate_of_another_root_is_refused() {
    let other = Chip::new(Product::Milan, VekKind::Vcek);
    for place in [0, 1, 2] {
        let scene = milan().with(|scene| scene.chain.insert(place, other.issuer.clone()));
        assert_eq!(
            scene.refused_by(SnpCheck::Chain, UNPROVEN),
            "chain_unrelated"
        );
    }
}

#[test]
fn files_that_hold_no_certificate_or_too_many_are_not_read() {
    let scenes = [
        milan().with(|scene| scene.vek = Some(vec![0x30, 0])),
        milan().with(|scene| scene.vek.iter_mut().for_each(|vek| vek.push(0))),
        milan().with(|scene| {
            scene.vek = Some([scene.chip.vek.clone(), scene.chip.vek.clone()].concat())
        }),
        milan().with(|scene| scene.chain[0].push(0)),
        milan().with(|scene| scene.chain = vec![[&scene.chip.issuer[..]; 9].concat(); 2]),
        milan().with(|scene| scene.crls = vec![scene.chip.crl(true, 1, &[]); 17]),
        milan().with(|scene| scene.crls = vec![vec![0x30, 0]]),
    ];
    for (index, scene) in scenes.iter().enumerate() {
        assert!(scene.prove().is_err(), "scene {index}");
    }
}

#[test]
fn chain_with_a_certificate_out_of_its_time_is_refused() {
    let (early, late) = (date_time_ymd(2026, 12, 1), date_time_ymd(2026, 10, 1));
    let places: [fn(&mut Certificates) -> &mut rcgen::CertificateParams; 3] = [
        |certificates| &mut certificates.vek,
        |certificates| &mut certificates.issuer,
        |certificates| &mut certificates.ark,
    ];
    for place in places {
        let scene = changed(|certificates| place(certificates).not_before = early);
        assert_eq!(
            scene.refused_only_by(SnpCheck::Dates),
            "certificate_not_yet_valid"
        );
        let scene = changed(|certificates| place(certificates).not_after = late);
        assert_eq!(
            scene.refused_only_by(SnpCheck::Dates),
            "certificate_expired"
        );
    }
}

#[test]
fn chain_is_accepted_from_its_first_second_to_its_last() {
    for (now, good) in [
        (NOT_BEFORE - 1, false),
        (NOT_BEFORE, true),
        (NOT_AFTER, true),
        (NOT_AFTER + 1, false),
    ] {
        let scene = milan().with(|scene| {
            scene.now = now;
            scene.references = None;
        });
        assert_eq!(scene.judge().accepted(), good, "{now}");
    }
}

#[test]
fn missing_revocation_list_is_refused_where_one_is_required() {
    let required = || milan().with_limits(|limits| limits.require_crl = true);
    assert_eq!(
        required().refused_only_by(SnpCheck::Revocation),
        "crl_missing"
    );
    // The ASK's list says nothing of the ASK.
    let scene = required().with(|scene| scene.crls = vec![scene.chip.crl(false, 1, &[])]);
    assert_eq!(scene.refused_only_by(SnpCheck::Revocation), "crl_missing");
    let scene = required().with(|scene| scene.crls = vec![scene.chip.crl(true, 1, &[])]);
    assert!(scene.judge().passed(SnpCheck::Revocation) && scene.judge().accepted());
}

#[test]
fn revocation_list_that_nobody_of_the_chain_made_is_refused() {
    for product in [Product::Milan, Product::Genoa] {
        let other = Chip::new(product, VekKind::Vcek);
        let scene = milan().with(|scene| scene.crls = vec![other.crl(true, 1, &[])]);
        assert_eq!(scene.refused_only_by(SnpCheck::Revocation), "crl");
    }
}

#[test]
fn revocation_list_out_of_its_time_is_refused() {
    let long = |now| {
        let mut certificates = vcek();
        for one in [
            &mut certificates.ark,
            &mut certificates.issuer,
            &mut certificates.vek,
        ] {
            one.not_before = date_time_ymd(2020, 1, 1);
        }
        Scene::of(certificates).with(|scene| {
            scene.crls = vec![scene.chip.crl(true, 1, &[])];
            scene.references = None;
            scene.now = now;
        })
    };
    let (first, last) = (NOT_BEFORE, 1_798_761_600);
    assert_eq!(
        long(first - 1).refused_only_by(SnpCheck::Revocation),
        "crl_not_yet_valid"
    );
    assert_eq!(
        long(last + 1).refused_only_by(SnpCheck::Revocation),
        "crl_expired"
    );
    assert!(long(first).judge().accepted() && long(last).judge().accepted());
}

#[test]
fn chain_with_a_revoked_certificate_is_refused() {
    // Serials: root 1, ASK 2, VEK 0, each of its own issuer.
    for (by_root, serial, refused) in [
        (true, 1, true),
        (true, 2, true),
        (true, 0, false),
        (false, 0, true),
        (false, 2, false),
    ] {
        let scene = milan().with(|scene| scene.crls = vec![scene.chip.crl(by_root, 1, &[serial])]);
        if refused {
            assert_eq!(
                scene.refused_only_by(SnpCheck::Revocation),
                "certificate_revoked"
            );
        } else {
            assert!(scene.judge().accepted(), "{by_root} {serial}");
        }
    }
}

#[test]
fn revocation_list_older_than_one_seen_is_refused() {
    let scene = milan().with(|scene| scene.crls = vec![scene.chip.crl(true, 7, &[])]);
    let Ok(Proof::Proven(proven)) = scene.prove() else {
        panic!("the chain is right");
    };
    let seen = Seen::default()
        .with(proven.observations())
        .expect("one list");
    let with = |number| {
        let crl = scene.chip.crl(true, number, &[]);
        (crl, seen.clone())
    };
    let ((older, seen), (same, _)) = (with(6), with(7));
    let scene = scene.with(|scene| {
        scene.crls = vec![older];
        scene.seen = Some(seen);
    });
    assert_eq!(
        scene.refused_only_by(SnpCheck::Revocation),
        "crl_older_than_seen"
    );
    let scene = scene.with(|scene| scene.crls = vec![same]);
    assert!(scene.judge().accepted());
}

#[test]
fn list_that_is_refused_is_nothing_to_remember() {
    let other = Chip::new(Product::Milan, VekKind::Vcek);
    let scene = milan().with(|scene| scene.crls = vec![other.crl(true, 99, &[])]);
    let proof = scene.prove().expect("the files can be read");
    let proven = proof.proven().expect("the chain is right");
    assert_eq!(proven.observations().count(), 0);
}

/// Else an older one, which revokes nothing, would be good the next time.
#[test]
fn list_that_revokes_something_is_remembered() {
    for (by_root, serial) in [(true, 1), (true, 2), (false, 0)] {
        let revoking = milan().with(|scene| {
            scene.crls = vec![scene.chip.crl(by_root, 7, &[serial])];
        });
        let seen = remembered(&revoking);
        let older = revoking.with(|scene| {
            scene.crls = vec![scene.chip.crl(by_root, 6, &[])];
            scene.seen = Some(seen);
        });
        let code = older.refused_only_by(SnpCheck::Revocation);
        assert_eq!(code, "crl_older_than_seen", "{by_root} {serial}");
    }
}

#[test]
fn list_of_a_revoked_issuer_is_nothing_to_remember() {
    let scene = milan().with(|scene| {
        let lists = [(true, 2), (false, 0)];
        scene.crls = lists
            .map(|(by, serial)| scene.chip.crl(by, 7, &[serial]))
            .to_vec();
    });
    assert_eq!(remembered(&scene).observations().count(), 1);
}

/// Else whoever leaves the list out makes forget what it revokes.
#[test]
fn revocation_list_that_was_seen_and_is_left_out_is_refused() {
    for (by_root, other) in [(true, false), (false, true)] {
        let with = milan().with(|scene| scene.crls = vec![scene.chip.crl(by_root, 7, &[])]);
        let seen = remembered(&with);
        let with = with.with(|scene| scene.seen = Some(seen));
        assert!(with.judge().accepted(), "{by_root}");
        let without = with.with(|scene| scene.crls.clear());
        let code = without.refused_only_by(SnpCheck::Revocation);
        assert_eq!(code, "crl_left_out", "{by_root}");
        // One of the other issuer is no substitute, nor is one that nobody of the chain signed.
        let without = without.with(|scene| scene.crls = vec![scene.chip.crl(other, 7, &[])]);
        let code = without.refused_only_by(SnpCheck::Revocation);
        assert_eq!(code, "crl_left_out", "{by_root}");
        let forged = Chip::new(Product::Milan, VekKind::Vcek).crl(by_root, 8, &[]);
        let forged = without.with(|scene| scene.crls = vec![forged]).judge();
        let codes = forged.rejections().map(Rejection::code);
        assert_eq!(codes.collect::<Vec<_>>(), ["crl", "crl_left_out"]);
    }
}

#[test]
fn revocation_list_that_was_seen_of_another_root_is_not_asked_for() {
    let other = milan().with(|scene| scene.crls = vec![scene.chip.crl(true, 7, &[])]);
    let scene = milan().with(|scene| scene.seen = Some(remembered(&other)));
    let judgement = scene.judge();
    assert!(judgement.accepted() && !judgement.passed(SnpCheck::Revocation));
}

/// With roots that revoked these before this was built.
fn known(revoked: &[u64]) -> Scene {
    let genoa = Chip::new(Product::Genoa, VekKind::Vcek);
    milan().with(|scene| scene.anchors = scene.anchors.clone().and(genoa.anchors(), revoked))
}

#[test]
fn certificate_that_is_known_to_be_revoked_is_refused_without_any_list() {
    let code = known(&[9, 2]).refused_only_by(SnpCheck::Revocation);
    assert_eq!(code, "certificate_known_revoked");
    // A list that no longer says so changes nothing, and what the issuer says of others is nothing to remember.
    let listed = known(&[2])
        .with(|scene| scene.crls = [true, false].map(|by| scene.chip.crl(by, 9, &[])).to_vec());
    let code = listed.refused_only_by(SnpCheck::Revocation);
    assert_eq!(code, "certificate_known_revoked");
    assert_eq!(remembered(&listed).observations().count(), 1);
    // 0 is the VEK's serial number, which its issuer chose.
    assert!(known(&[0, 1, 3]).judge().accepted());
}

/// A Milan's attestation where Genoa's root is trusted too and its list came along.
fn beside(change: impl FnOnce(&mut Vec<u8>)) -> Scene {
    let genoa = Chip::new(Product::Genoa, VekKind::Vcek);
    let mut list = genoa.crl(true, 3, &[1, 2]);
    change(&mut list);
    milan().with(|scene| {
        scene.anchors = scene.anchors.clone().and(genoa.anchors(), &[]);
        scene.crls = vec![list];
    })
}

#[test]
fn revocation_list_of_another_trusted_root_is_set_aside() {
    let scene = beside(|_| ()).with(|scene| scene.crls.push(scene.chip.crl(true, 7, &[])));
    let judgement = scene.judge();
    assert!(judgement.accepted() && judgement.passed(SnpCheck::Revocation));
    let reason = &judgement.record().checks[SnpCheck::Revocation as usize].reason;
    assert!(
        reason.ends_with("any of 1 lists; set aside: 1 of other products"),
        "{reason}"
    );
    assert_eq!(remembered(&scene).observations().count(), 1);
    // Alone it says nothing, in its time or not.
    for now in [NOT_BEFORE, NOT_AFTER] {
        let alone = beside(|_| ()).with(|scene| {
            scene.references = None;
            scene.now = now;
        });
        let judgement = alone.judge();
        assert!(judgement.accepted() && !judgement.passed(SnpCheck::Revocation));
        let proof = alone.prove().expect("the files can be read");
        let validity = proof.proven().expect("the chain is right").validity();
        assert_eq!(
            (validity.not_before, validity.not_after),
            (NOT_BEFORE, NOT_AFTER)
        );
    }
}

#[test]
fn revocation_list_of_another_trusted_root_is_not_the_one_that_is_required() {
    let scene = beside(|_| ()).with_limits(|limits| limits.require_crl = true);
    assert_eq!(scene.refused_only_by(SnpCheck::Revocation), "crl_missing");
}

#[test]
fn revocation_list_that_another_trusted_root_did_not_sign_is_refused() {
    let scene = beside(|list| *list.last_mut().expect("it has bytes") ^= 1);
    assert_eq!(scene.refused_only_by(SnpCheck::Revocation), "crl");
}

fn remembered(scene: &Scene) -> Seen {
    let proof = scene.prove().expect("the files can be read");
    let proven = proof.proven().expect("the chain is right");
    let seen = Seen::default().with(proven.observations());
    seen.expect("few lists")
}

#[test]
fn product_that_is_not_accepted_is_refused() {
    let scene =
        milan().with_limits(|limits| limits.products.retain(|product| *product != Product::Milan));
    assert_eq!(
        scene.refused_only_by(SnpCheck::Product),
        "product_not_accepted"
    );
}

#[test]
fn report_of_an_unknown_cpu_is_refused() {
    for cpu in [
        [0x19, 0x21, 0],
        [0x19, 0xB0, 0],
        [0x1A, 0x50, 0],
        [0x17, 0x31, 0],
        [0; 3],
        [0xFF; 3],
    ] {
        let scene = milan().with_field(offset::CPUID_FAM_ID, &cpu);
        assert_eq!(scene.refused_only_by(SnpCheck::Product), "cpu_unknown");
    }
}

#[test]
fn report_of_another_products_cpu_is_refused() {
    let scene = milan().with_field(offset::CPUID_FAM_ID, &[0x19, 0x11]);
    assert_eq!(
        scene.refused_only_by(SnpCheck::Product),
        "cpu_of_other_product"
    );
    let scene = Scene::new(Product::Genoa).with_field(offset::CPUID_FAM_ID, &[0x19, 0xA0]);
    assert!(scene.judge().accepted(), "Siena and Bergamo are Genoa's");
}

#[test]
fn vek_certificate_with_another_products_name_is_refused() {
    for name in [
        None,
        Some(b"\x16\x05Genoa".to_vec()),
        Some(b"\x16\x07Milan-\xFF".to_vec()),
        Some(b"Milan".to_vec()),
    ] {
        let scene = Scene::of(vcek().with_extension(&[2], name));
        assert_eq!(scene.refused_only_by(SnpCheck::Product), "product_name");
    }
    let scene = Scene::of(vcek().with_extension(&[2], Some(b"\x16\x08Milan-B0".to_vec())));
    assert!(scene.judge().accepted());
}
