//! What TDX quotes are judged with.

use std::time::Duration;

use attestation_certificates::{Observation, QuotingIdentity};
use attestation_collateral::{CollateralError, PckCa, TdxQuestion, Unproven};
use attestation_tdx::{Collateral as Document, ProvenCollateral, TrustedRoot};
use serde_json::json;

use crate::server::Reply;
use crate::world::{
    IDENTITY, Intel, PCK_LIST, PLATFORM, ROOT_LIST, TCB_INFO, WITHIN, World, vector,
};

const DAY: Duration = Duration::from_secs(25 * 3600);

#[test]
fn real_platform_gets_its_collateral_once() {
    let Some(world) = World::real() else { return };
    let collateral = world.open();
    let found = collateral.tdx(&PLATFORM, WITHIN).expect("Intel has it");
    assert_eq!(found.notes, []);
    assert_eq!(
        world.server.asked(),
        [ROOT_LIST, PCK_LIST, IDENTITY, TCB_INFO]
    );
    collateral.tdx(&PLATFORM, WITHIN).expect("it is kept");
    world.open().tdx(&PLATFORM, WITHIN).expect("on disk, too");
    assert_eq!(world.server.asked(), Vec::<String>::new());
    assert_eq!(collateral.seen().observations().count(), 4);
}

#[test]
fn document_is_what_the_offline_command_reads() {
    let Some(world) = World::real() else { return };
    let found = world.open().tdx(&PLATFORM, WITHIN).expect("Intel has it");
    let read = Document::read(found.to_json().as_bytes()).expect("it is collateral");
    assert_eq!(read, found.document);
    let proven = ProvenCollateral::prove(read, &TrustedRoot::intel());
    assert_eq!(proven.key(), found.proven.key());
    assert_eq!(proven.problems(), []);
}

#[test]
fn quote_says_what_is_asked_for() {
    let Some(quote) = vector("dcap-qvl-0.7.1/sample/tdx_quote") else {
        return;
    };
    let question = TdxQuestion::of_quote(&quote).expect("it brings its PCK certificate");
    assert_eq!(question, PLATFORM);
    assert_eq!(
        TdxQuestion::of_quote(&quote[..700]),
        Err(CollateralError::NoPck)
    );
}

#[test]
fn second_platform_costs_one_question() {
    let (intel, world) = Intel::new();
    let collateral = world.open();
    collateral.tdx(&PLATFORM, WITHIN).expect("all is well");
    world.server.asked();
    let mut other = intel.scene.clone();
    other.tcb_info["fmspc"] = json!("00806F050000");
    let path = TCB_INFO.replace("B0C06F000000", "00806F050000");
    let reply = intel.reply_of(&other, TCB_INFO);
    world.server.set(&path, reply);
    let question = TdxQuestion {
        fmspc: [0x00, 0x80, 0x6F, 0x05, 0, 0],
        ca: PckCa::Platform,
    };
    collateral.tdx(&question, WITHIN).expect("all is well");
    assert_eq!(world.server.asked(), [path]);
}

#[test]
fn piece_that_is_not_genuine_is_not_kept() {
    let (_, world) = Intel::new();
    let (other, _) = Intel::new();
    let foreign = crate::world::intel_answers(&other.collateral(&other.scene));
    for (path, reply) in foreign {
        let good = world.server.reply(&path);
        world.server.set(&path, reply);
        let collateral = world.open();
        let error = collateral
            .tdx(&PLATFORM, WITHIN)
            .expect_err("another root's");
        let CollateralError::Unproven { why, .. } = &error else {
            panic!("{path}: {error}");
        };
        assert!(matches!(why, Unproven::NotGenuine(_)), "{path}: {why}");
        world.server.set(&path, good);
    }
}

#[test]
fn document_with_any_text_changed_is_not_kept() {
    let Some(world) = World::real() else { return };
    for (path, from, to) in [
        (IDENTITY, "\"isvsvn\":4", "\"isvsvn\":3"),
        (IDENTITY, "2025-07-19", "2026-07-19"),
        (TCB_INFO, "UpToDate", "Revoked!"),
        (
            TCB_INFO,
            "\"tcbEvaluationDataNumber\":17",
            "\"tcbEvaluationDataNumber\":18",
        ),
    ] {
        let good = world.server.reply(path);
        let spoiled = good.with_body(|body| {
            let text = String::from_utf8_lossy(body);
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1).into_bytes()
        });
        world.server.set(path, spoiled);
        let collateral = world.open();
        let error = collateral.tdx(&PLATFORM, WITHIN).expect_err(from);
        assert!(matches!(error, CollateralError::Unproven { .. }), "{error}");
        world.server.set(path, good);
    }
}

#[test]
fn genuine_document_about_something_else_is_not_kept() {
    let (intel, world) = Intel::new();
    let mut other = intel.scene.clone();
    other.tcb_info["fmspc"] = json!("00806F050000");
    world.server.set(TCB_INFO, intel.reply_of(&other, TCB_INFO));
    let collateral = world.open();
    let error = collateral
        .tdx(&PLATFORM, WITHIN)
        .expect_err("another platform's");
    assert!(error.to_string().contains("FMSPC 00806F050000"), "{error}");
    let path = PCK_LIST.replace("platform", "processor");
    world.server.set(&path, world.server.reply(PCK_LIST));
    let question = TdxQuestion {
        ca: PckCa::Processor,
        ..PLATFORM
    };
    let error = collateral.tdx(&question, WITHIN).expect_err("another CA's");
    assert!(error.to_string().contains("another CA's list"), "{error}");
}

/// A quote's own chain proves the CA where there is a quote; whoever keeps lists without one has to look.
#[test]
fn list_of_a_ca_that_the_root_did_not_issue_is_not_kept() {
    let (intel, world) = Intel::new();
    let (other, _) = Intel::new();
    let mut collateral = intel.collateral(&intel.scene);
    let theirs = other.collateral(&other.scene);
    collateral.pck_crl = theirs.pck_crl;
    let forged_ca = crate::world::first_block(&theirs.pck_crl_issuer_chain);
    collateral.pck_crl_issuer_chain = forged_ca + &crate::world::pem(&[&intel.root]);
    for (path, reply) in crate::world::intel_answers(&collateral) {
        world.server.set(&path, reply);
    }
    let kept = world.open();
    let error = kept.tdx(&PLATFORM, WITHIN).expect_err("a forged CA's");
    assert!(error.to_string().contains("the PCK CA"), "{error}");
}

#[test]
fn revoked_ca_or_signer_is_not_believed() {
    for (serial, says) in [(2, "revoked the CA"), (4, "is revoked")] {
        let (mut intel, world) = Intel::new();
        intel.scene.root_crl.revoked = vec![serial];
        intel.answer(&world);
        let error = world.open().tdx(&PLATFORM, WITHIN).expect_err("revoked");
        assert!(error.to_string().contains(says), "{error}");
    }
}

/// The list is genuine and newer: it is kept, whatever it does to the others.
#[test]
fn newer_root_list_that_revokes_a_signer_is_kept_and_ends_the_collateral() {
    let (mut intel, world) = Intel::new();
    let collateral = world.open();
    collateral.tdx(&PLATFORM, WITHIN).expect("all is well");
    intel.scene.root_crl.revoked = vec![4];
    intel.scene.root_crl.number = 8;
    intel.answer(&world);
    world.clock.pass(DAY);
    let error = collateral.tdx(&PLATFORM, WITHIN).expect_err("revoked");
    assert!(matches!(error, CollateralError::Set { .. }), "{error}");
    let error = world.open().tdx(&PLATFORM, WITHIN);
    error.expect_err("and stays so after a restart");
}

#[test]
fn document_older_than_what_was_seen_is_not_kept() {
    let (mut intel, world) = Intel::new();
    let collateral = world.open();
    intel.number_lists(9);
    intel.scene.tcb_info["issueDate"] = json!("2026-11-20T00:00:00Z");
    intel.scene.qe_identity["issueDate"] = json!("2026-11-20T00:00:00Z");
    intel.answer(&world);
    let newer = collateral.tdx(&PLATFORM, WITHIN).expect("all is well");
    intel.number_lists(8);
    intel.scene.tcb_info["issueDate"] = json!("2026-11-19T00:00:00Z");
    intel.scene.qe_identity["issueDate"] = json!("2026-11-19T00:00:00Z");
    intel.answer(&world);
    world.clock.pass(DAY);
    let found = collateral
        .tdx(&PLATFORM, WITHIN)
        .expect("what is kept is good");
    assert_eq!(found.document, newer.document);
    assert_eq!(found.notes.len(), 4, "each is older: {:?}", found.notes);
    assert!(found.notes.iter().all(|it| it.says.contains("older than")));
}

#[test]
fn newer_evaluation_of_one_has_the_other_asked_for() {
    let (mut intel, world) = Intel::new();
    let collateral = world.open();
    collateral.tdx(&PLATFORM, WITHIN).expect("all is well");
    // Another platform's question brings a newer identity.
    intel.scene.qe_identity["tcbEvaluationDataNumber"] = json!(18);
    intel.scene.tcb_info["tcbEvaluationDataNumber"] = json!(18);
    intel.answer(&world);
    world.clock.pass(Duration::from_secs(3600 * 23));
    let export = {
        let far = World {
            folder: tempfile::tempdir().expect("a folder"),
            clock: world.clock.clone(),
            server: world.server.clone(),
            settings: world.settings.clone(),
        };
        let mut far = far;
        far.settings.directory = far.folder.path().join("kept");
        let far = far.open();
        far.tdx_lists(WITHIN)
            .expect_err("there is no list of the other CA");
        far.export()
    };
    collateral
        .import(export.as_bytes())
        .expect("it is an export");
    assert!(collateral.seen().observations().any(|one| matches!(
        one,
        Observation::Identity {
            identity: QuotingIdentity::TdQe,
            evaluation: 18,
            ..
        }
    )));
    world.server.asked();
    let found = collateral.tdx(&PLATFORM, WITHIN).expect("both are newer");
    assert_eq!(world.server.asked(), [TCB_INFO]);
    assert_eq!(found.notes, []);
}

#[test]
fn evaluations_that_differ_are_told() {
    let (mut intel, world) = Intel::new();
    intel.scene.qe_identity["tcbEvaluationDataNumber"] = json!(18);
    intel.answer(&world);
    let found = world
        .open()
        .tdx(&PLATFORM, WITHIN)
        .expect("each is genuine");
    assert!(
        found.notes[0].says.contains("17 and 18"),
        "{:?}",
        found.notes
    );
}

#[test]
fn list_as_hexadecimal_digits_is_read() {
    let Some(world) = World::real() else { return };
    for path in [ROOT_LIST, PCK_LIST] {
        let reply = world.server.reply(path);
        world
            .server
            .set(path, reply.with_body(|body| hex::encode(body).into_bytes()));
    }
    world
        .open()
        .tdx(&PLATFORM, WITHIN)
        .expect("as a PCCS has it");
}

#[test]
fn collateral_out_of_its_dates_is_never_handed_out() {
    let Some(world) = World::real() else { return };
    let collateral = world.open();
    collateral
        .tdx(&PLATFORM, WITHIN)
        .expect("it is in its dates");
    world.clock.pass(Duration::from_secs(29 * 86_400));
    world.server.always(Some(Reply::Status(503, vec![])));
    let found = collateral.tdx(&PLATFORM, WITHIN).expect("its last day");
    assert!(!found.notes.is_empty(), "and that nothing newer came");
    world.clock.pass(Duration::from_secs(2 * 86_400));
    collateral
        .tdx(&PLATFORM, Duration::from_secs(1))
        .expect_err("it is over");
    world.server.always(None);
    world.clock.pass(Duration::from_secs(3600));
    let error = collateral
        .tdx(&PLATFORM, WITHIN)
        .expect_err("Intel's are over, too");
    assert!(error.to_string().contains("last second"), "{error}");
}

#[test]
fn document_of_the_future_is_not_kept() {
    let (mut intel, world) = Intel::new();
    intel.scene.tcb_info["issueDate"] = json!("2026-11-23T00:00:00Z");
    intel.answer(&world);
    let error = world
        .open()
        .tdx(&PLATFORM, WITHIN)
        .expect_err("of tomorrow");
    assert!(
        error.to_string().contains("valid from 2026-11-23"),
        "{error}"
    );
}
