//! What is carried to machines without a network.

use attestation_collateral::{
    Collateral, CollateralError, ImportError, MAX_EXPORT_BYTES, Outcome, Product, VekKind,
};
use attestation_snp::test_support::Chip;
use proptest::prelude::*;

use crate::server::Reply;
use crate::world::{
    Intel, MILAN_LIST, PLATFORM, WITHIN, World, made_question, milan_question, world_of,
};

fn outcomes(collateral: &Collateral, export: &str) -> Vec<Outcome> {
    let imported = collateral.import(export.as_bytes()).expect("an export");
    imported.into_iter().map(|one| one.outcome).collect()
}

#[test]
fn export_of_real_answers_is_enough_where_there_is_no_network() {
    let (Some(world), Some(question)) = (World::real(), milan_question()) else {
        return;
    };
    let collateral = world.open();
    collateral.snp(&question, WITHIN).expect("AMD has it");
    let there = collateral.tdx(&PLATFORM, WITHIN).expect("Intel has it");
    let export = collateral.export();
    world.server.asked();
    let far = world.without_network();
    let imported = far.open();
    let expected = vec![Outcome::Kept; 6];
    assert_eq!(outcomes(&imported, &export), expected);
    for collateral in [imported, far.open()] {
        let here = collateral.tdx(&PLATFORM, WITHIN).expect("it was imported");
        assert_eq!(here.document, there.document);
        collateral.snp(&question, WITHIN).expect("it was imported");
    }
    assert_eq!(world.server.asked(), Vec::<String>::new());
}

#[test]
fn export_of_the_same_content_is_the_same_bytes() {
    let (_, world) = Intel::new();
    let collateral = world.open();
    collateral.tdx(&PLATFORM, WITHIN).expect("all is well");
    let export = collateral.export();
    assert_eq!(collateral.export(), export);
    let far = world.without_network();
    far.clock.pass(std::time::Duration::from_secs(3600));
    let far = far.open();
    outcomes(&far, &export);
    assert_eq!(far.export(), export);
    assert_eq!(outcomes(&far, &export), vec![Outcome::Same; 4]);
}

#[test]
fn nobody_is_asked_where_there_is_no_network() {
    let (_, world) = Intel::new();
    let far_world = world.without_network();
    let far = far_world.open();
    let error = far.tdx(&PLATFORM, WITHIN).expect_err("nothing is there");
    assert!(matches!(error, CollateralError::Offline { .. }), "{error}");
    let error = far.snp(&made_question(Product::Milan), WITHIN);
    error.expect_err("nothing is there");
    assert_eq!(world.server.asked(), Vec::<String>::new());
}

#[test]
fn imported_document_is_proven() {
    let (_, world) = Intel::new();
    let (_, their_world) = Intel::new();
    let theirs = {
        let collateral = their_world.open();
        collateral.tdx(&PLATFORM, WITHIN).expect("under their root");
        collateral.export()
    };
    let collateral = world.open();
    for outcome in outcomes(&collateral, &theirs) {
        let Outcome::Refused(why) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(why.starts_with("it is not genuine"), "{why}");
    }
    assert_eq!(collateral.list().len(), 0);
    assert_eq!(collateral.seen().observations().count(), 0);
}

#[test]
fn older_document_is_not_imported() {
    let chip = Chip::new(Product::Milan, VekKind::Vcek);
    let world = world_of(&chip);
    let older = {
        let collateral = world.open();
        collateral
            .snp_list(Product::Milan, WITHIN)
            .expect("number 5");
        collateral.export()
    };
    let far_world = world.without_network();
    let far = far_world.open();
    assert_eq!(outcomes(&far, &older), [Outcome::Kept]);
    let list = chip.crl(true, 6, &[]);
    world.server.set(MILAN_LIST, Reply::body(list));
    world.clock.pass(std::time::Duration::from_secs(25 * 3600));
    let collateral = world.open();
    collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("number 6");
    assert_eq!(outcomes(&far, &collateral.export()), [Outcome::Kept]);
    let [Outcome::Refused(why)] = &outcomes(&far, &older)[..] else {
        panic!("the older one was taken");
    };
    assert!(why.contains("older than what was seen"), "{why}");
    let found = far.export();
    assert_eq!(found, collateral.export());
}

#[test]
fn what_is_out_of_its_dates_is_neither_exported_nor_imported() {
    let (_, world) = Intel::new();
    let collateral = world.open();
    collateral.tdx(&PLATFORM, WITHIN).expect("all is well");
    let export = collateral.export();
    world
        .clock
        .pass(std::time::Duration::from_secs(30 * 86_400));
    assert_eq!(collateral.export(), "{\"version\":1,\"documents\":[]}\n");
    assert!(collateral.list().is_empty());
    let far_world = world.without_network();
    let far = far_world.open();
    for outcome in outcomes(&far, &export) {
        let Outcome::Refused(why) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(why.contains("its last second was"), "{why}");
    }
}

#[test]
fn export_of_another_form_is_refused_whole() {
    let (_, world) = Intel::new();
    let collateral = world.open();
    for (text, error) in [
        ("", ImportError::Form { line: 1, column: 0 }),
        ("[]", ImportError::Form { line: 1, column: 2 }),
        ("{\"version\":2,\"documents\":[]}", ImportError::Version(2)),
    ] {
        let found = collateral.import(text.as_bytes());
        match (&found, &error) {
            (Err(ImportError::Form { .. }), ImportError::Form { .. }) => {}
            _ => assert_eq!(found, Err(error), "{text}"),
        }
    }
    let large = vec![b' '; MAX_EXPORT_BYTES + 1];
    let found = collateral.import(&large);
    assert_eq!(found, Err(ImportError::TooLarge(large.len())));
    let one = outcomes(&collateral, "{\"version\":1,\"documents\":[{}]}");
    assert!(matches!(one[..], [Outcome::Refused(_)]), "{one:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is done to an export, nothing but the same documents is kept.
    #[test]
    fn export_with_a_byte_changed_imports_nothing_else(at in any::<prop::sample::Index>(), byte: u8) {
        let chip = Chip::new(Product::Milan, VekKind::Vcek);
        let world = world_of(&chip);
        let collateral = world.open();
        collateral.snp_list(Product::Milan, WITHIN).expect("number 5");
        let export = collateral.export();
        let mut changed = export.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] = byte;
        let far_world = world.without_network();
    let far = far_world.open();
        let imported = far.import(&changed);
        if imported.is_ok_and(|all| all.iter().any(|one| one.outcome == Outcome::Kept)) {
            prop_assert_eq!(far.export(), export);
        }
    }
}
