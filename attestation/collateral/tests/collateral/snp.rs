//! What SNP reports are judged with.

use std::time::Duration;

use attestation_collateral::{
    Brought, CollateralError, Product, SnpQuestion, Source, Unproven, VekKind,
};
use attestation_snp::AttestationReport;
use attestation_snp::test_support::{Certificates, Chip};
use zerocopy::FromBytes as _;

use crate::server::Reply;
use crate::world::{
    MILAN_LIST, WITHIN, World, made_question, milan_path, milan_question, milan_report, milan_vcek,
    vcek_path, vector, world_of,
};

fn milan() -> Chip {
    Chip::new(Product::Milan, VekKind::Vcek)
}

#[test]
fn real_report_gets_its_certificate_and_list_once() {
    let (Some(world), Some(question)) = (World::real(), milan_question()) else {
        return;
    };
    let collateral = world.open();
    let found = collateral.snp(&question, WITHIN).expect("AMD has it");
    assert_eq!(found.product, Product::Milan);
    assert_eq!(found.source, Source::Vendor);
    assert!(found.proof.proven().is_some());
    assert_eq!(found.chain, Vec::<Vec<u8>>::new(), "AMD's is built in");
    assert_eq!(found.crls.len(), 1);
    assert_eq!(found.notes, []);
    let path = milan_path().expect("it was there");
    assert_eq!(world.server.asked(), [path.as_str(), MILAN_LIST]);
    collateral.snp(&question, WITHIN).expect("it is kept");
    world.open().snp(&question, WITHIN).expect("on disk, too");
    assert_eq!(world.server.asked(), Vec::<String>::new());
}

#[test]
fn report_says_what_is_asked_for() {
    let (Some(bytes), Some(expected)) = (milan_report(), milan_question()) else {
        return;
    };
    let report = AttestationReport::read_from_bytes(&bytes).expect("1,184 bytes");
    assert_eq!(SnpQuestion::of_report(&report, None), expected);
    let mut later = bytes;
    later[0] = 3;
    later[0x188..0x18A].copy_from_slice(&[0x1A, 0x02]);
    later[0x48] = 1 << 2;
    let report = AttestationReport::read_from_bytes(&later).expect("1,184 bytes");
    let question = SnpQuestion::of_report(&report, None);
    assert_eq!(question.product, Some(Product::Turin));
    assert_eq!(question.kind, VekKind::Vlek);
}

#[test]
fn certificate_that_came_with_the_evidence_is_taken_and_amd_not_asked() {
    let (Some(world), Some(mut question), Some(vek)) =
        (World::real(), milan_question(), milan_vcek())
    else {
        return;
    };
    question.brought = Some(Brought { vek, chain: vec![] });
    let found = world.open().snp(&question, WITHIN).expect("it is proven");
    assert_eq!(found.source, Source::Evidence);
    assert_eq!(world.server.asked(), [MILAN_LIST]);
}

#[test]
fn certificate_of_another_chip_or_tcb_that_came_with_the_evidence_is_not_taken() {
    let (Some(world), Some(question), Some(vek)) = (World::real(), milan_question(), milan_vcek())
    else {
        return;
    };
    let brought = Some(Brought { vek, chain: vec![] });
    let collateral = world.open();
    let mut other_tcb = question.clone();
    other_tcb.tcb.0[0] = 2;
    let mut other_chip = question;
    other_chip.chip_id[0] ^= 1;
    for mut question in [other_tcb, other_chip] {
        question.brought = brought.clone();
        let error = collateral
            .snp(&question, WITHIN)
            .expect_err("none is right");
        assert!(matches!(error, CollateralError::Missing { .. }), "{error}");
    }
}

#[test]
fn bytes_that_came_with_the_evidence_and_are_no_certificate_are_set_aside() {
    let (Some(world), Some(mut question)) = (World::real(), milan_question()) else {
        return;
    };
    question.brought = Some(Brought {
        vek: b"nothing".to_vec(),
        chain: vec![],
    });
    let found = world.open().snp(&question, WITHIN).expect("AMD has one");
    assert_eq!(found.source, Source::Vendor);
}

#[test]
fn vlek_is_never_asked_for_and_taken_where_it_came_along() {
    let folder = "trustee/deps/verifier/test_data/snp";
    let (Some(world), Some(report), Some(vek)) = (
        World::real(),
        vector(&format!("{folder}/test-vlek-report.bin")),
        vector(&format!("{folder}/test-vlek.der")),
    ) else {
        return;
    };
    let report = AttestationReport::read_from_bytes(&report).expect("1,184 bytes");
    let mut question = SnpQuestion::of_report(&report, None);
    let collateral = world.open();
    let error = collateral
        .snp(&question, WITHIN)
        .expect_err("nobody gives it out");
    assert_eq!(error, CollateralError::Vlek);
    assert_eq!(world.server.asked(), Vec::<String>::new());
    question.brought = Some(Brought { vek, chain: vec![] });
    let found = collateral.snp(&question, WITHIN).expect("it is proven");
    assert_eq!(
        found.proof.proven().map(|it| it.kind()),
        Some(VekKind::Vlek)
    );
}

#[test]
fn masked_chip_is_not_asked_for() {
    let world = World::at(crate::world::REAL);
    let mut question = made_question(Product::Milan);
    question.chip_id = [0; 64];
    let error = world.open().snp(&question, WITHIN).expect_err("masked");
    assert_eq!(error, CollateralError::MaskedChip);
    let mut question = made_question(Product::Turin);
    question.chip_id[8] = 1;
    let error = world.open().snp(&question, WITHIN).expect_err("too long");
    assert!(matches!(error, CollateralError::ChipId { length: 8, .. }));
    assert_eq!(world.server.asked(), Vec::<String>::new());
}

#[test]
fn turin_is_asked_for_with_eight_bytes_and_the_fmc_first() {
    let chip = Chip::new(Product::Turin, VekKind::Vcek);
    let world = world_of(&chip);
    let found = world.open().snp(&made_question(Product::Turin), WITHIN);
    assert!(found.expect("it is there").proof.proven().is_some());
    let expected =
        "/vcek/v1/Turin/1011121314151617?fmcSPL=7&blSPL=4&teeSPL=1&snpSPL=24&ucodeSPL=219";
    assert!(world.server.asked().iter().any(|path| path == expected));
}

#[test]
fn report_that_does_not_tell_its_product_is_looked_for_under_both() {
    let chip = Chip::new(Product::Genoa, VekKind::Vcek);
    let world = world_of(&chip);
    let mut question = made_question(Product::Genoa);
    question.product = None;
    let found = world.open().snp(&question, WITHIN).expect("Genoa's");
    assert_eq!(found.product, Product::Genoa);
}

/// With AMD's roots nothing but the certificate itself is asked for.
#[test]
fn chip_of_the_second_product_is_found_and_not_looked_for_under_the_first_again() {
    let (Some(world), Some(mut question)) = (World::real(), milan_question()) else {
        return;
    };
    question.chip_id[0] ^= 1;
    let collateral = world.open();
    for _ in 0..3 {
        let error = collateral.snp(&question, WITHIN).expect_err("no such chip");
        assert!(matches!(
            error,
            CollateralError::Missing { status: 404, .. }
        ));
    }
    let asked = world.server.asked();
    assert_eq!(asked.len(), 2, "once each, and remembered: {asked:?}");
    assert!(asked[0].contains("/Milan/") && asked[1].contains("/Genoa/"));
    world.clock.pass(world.settings.remember_missing);
    collateral.snp(&question, WITHIN).expect_err("no such chip");
    assert_eq!(world.server.asked().len(), 2, "and asked again later");
}

#[test]
fn genuine_certificate_of_another_chip_or_tcb_is_not_kept() {
    let (Some(world), Some(question), Some(vek)) = (World::real(), milan_question(), milan_vcek())
    else {
        return;
    };
    world.server.always(Some(Reply::body(vek)));
    let collateral = world.open();
    let mut other_tcb = question.clone();
    other_tcb.product = Some(Product::Milan);
    other_tcb.tcb.0[0] = 2;
    let mut other_chip = other_tcb.clone();
    other_chip.tcb = question.tcb;
    other_chip.chip_id[0] ^= 1;
    for question in [other_tcb, other_chip] {
        let error = collateral.snp(&question, WITHIN).expect_err("another's");
        let CollateralError::Unproven { why, .. } = error else {
            panic!("{error}");
        };
        assert!(matches!(why, Unproven::OtherSubject(_)), "{why}");
    }
    assert_eq!(collateral.list().len(), 0);
}

#[test]
fn certificate_that_nobody_vouches_for_is_not_kept() {
    let (chip, other) = (milan(), milan());
    let world = world_of(&chip);
    world
        .server
        .set(&vcek_path(Product::Milan), Reply::body(other.vek.clone()));
    let collateral = world.open();
    let error = collateral.snp(&made_question(Product::Milan), WITHIN);
    let error = error.expect_err("another root's");
    let CollateralError::Unproven { why, .. } = error else {
        panic!("{error}");
    };
    assert!(matches!(why, Unproven::NotGenuine(_)), "{why}");
    let names = collateral.list();
    assert!(
        names
            .iter()
            .all(|it| !it.subject.to_string().starts_with("vcek"))
    );
}

#[test]
fn chain_that_another_root_issued_is_not_kept() {
    let (chip, other) = (milan(), milan());
    let world = world_of(&chip);
    let path = "/vcek/v1/Milan/cert_chain";
    let spoiled = [
        crate::world::pem(&[&other.issuer, &other.ark]),
        crate::world::pem(&[&other.issuer, &chip.ark]),
        crate::world::pem(&[&chip.vek, &chip.ark]),
        crate::world::pem(&[&chip.issuer]),
        crate::world::pem(&[&chip.issuer, &chip.ark, &chip.ark]),
    ];
    for chain in spoiled {
        world.server.set(path, Reply::body(chain));
        let collateral = world.open();
        let error = collateral.snp(&made_question(Product::Milan), WITHIN);
        let error = error.expect_err("not the chain");
        assert!(matches!(error, CollateralError::Unproven { .. }), "{error}");
        assert_eq!(collateral.list().len(), 0);
    }
}

#[test]
fn chain_that_the_root_revoked_is_not_kept() {
    let chip = milan();
    let world = world_of(&chip);
    let list = chip.crl(true, 6, &[2]);
    world.server.set(MILAN_LIST, Reply::body(list));
    let collateral = world.open();
    collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("it is genuine");
    let error = collateral.snp(&made_question(Product::Milan), WITHIN);
    let error = error.expect_err("revoked");
    assert!(error.to_string().contains("revoked"), "{error}");
}

#[test]
fn list_that_another_root_made_is_not_kept() {
    let (chip, other) = (milan(), milan());
    let world = world_of(&chip);
    for list in [other.crl(true, 9, &[]), chip.crl(false, 9, &[])] {
        world.server.set(MILAN_LIST, Reply::body(list));
        let collateral = world.open();
        let error = collateral.snp_list(Product::Milan, WITHIN);
        let error = error.expect_err("another's");
        assert!(matches!(error, CollateralError::Unproven { .. }), "{error}");
        assert_eq!(collateral.seen().observations().count(), 0);
    }
}

#[test]
fn list_older_than_what_was_seen_is_not_kept() {
    let chip = milan();
    let world = world_of(&chip);
    let collateral = world.open();
    collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("number 5");
    let newer = chip.crl(true, 6, &[77]);
    world.server.set(MILAN_LIST, Reply::body(newer.clone()));
    world.clock.pass(Duration::from_secs(25 * 3600));
    assert_eq!(collateral.snp_list(Product::Milan, WITHIN), Ok(vec![]));
    world
        .server
        .set(MILAN_LIST, Reply::body(chip.crl(true, 5, &[])));
    world.clock.pass(Duration::from_secs(25 * 3600));
    let notes = collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("number 6 is good");
    assert!(
        notes[0].says.contains("older than what was seen"),
        "{notes:?}"
    );
    let found = collateral.snp(&made_question(Product::Milan), WITHIN);
    assert_eq!(found.expect("it is there").crls, [newer]);
}

#[test]
fn without_a_list_there_is_no_answer_unless_the_settings_allow_it() {
    let chip = milan();
    let mut world = world_of(&chip);
    world.server.set(MILAN_LIST, Reply::Status(404, vec![]));
    let question = made_question(Product::Milan);
    let error = world.open().snp(&question, WITHIN).expect_err("no list");
    assert!(matches!(error, CollateralError::Missing { .. }), "{error}");
    world.settings.allow_no_list = true;
    let found = world.open().snp(&question, WITHIN).expect("allowed");
    assert_eq!(found.crls, Vec::<Vec<u8>>::new());
    assert!(found.notes[0].says.starts_with("there is none"));
}

/// The list says so, and the judgement refuses: it is not for whoever fetches to keep it back.
#[test]
fn list_that_revokes_the_chain_is_handed_out() {
    let chip = milan();
    let world = world_of(&chip);
    let collateral = world.open();
    let question = made_question(Product::Milan);
    collateral.snp(&question, WITHIN).expect("all is well");
    let list = chip.crl(true, 6, &[2]);
    world.server.set(MILAN_LIST, Reply::body(list.clone()));
    world.clock.pass(Duration::from_secs(25 * 3600));
    let found = collateral.snp(&question, WITHIN).expect("it is kept");
    assert_eq!(found.crls, [list]);
}

#[test]
fn certificate_out_of_its_dates_is_never_handed_out() {
    let mut certificates = Certificates::of(Product::Milan, VekKind::Vcek);
    certificates.vek.not_after = rcgen::date_time_ymd(2026, 11, 23);
    let chip = certificates.into_chip();
    let world = world_of(&chip);
    let collateral = world.open();
    let question = made_question(Product::Milan);
    collateral.snp(&question, WITHIN).expect("its last day");
    world.server.always(Some(Reply::Status(500, vec![])));
    world.clock.pass(Duration::from_secs(24 * 3600));
    let error = collateral.snp(&question, Duration::from_secs(1));
    error.expect_err("it is over, and AMD is down");
}
