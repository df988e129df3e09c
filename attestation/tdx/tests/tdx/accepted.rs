//! What has to be accepted: without it, refusing everything would do.

use crate::support::Question;
use attestation_tdx::test_support::Scene;
use attestation_tdx::{Bytes, TdxCheck, TdxReference};
use attestation_verdict::{ExpectedData, Finding};

#[test]
fn quote_of_version_4_is_accepted_and_dcap_qvl_agrees() {
    let mut question = Question::of(&Scene::new().make());
    question.second_opinion = true;
    question.is_accepted();
}

#[test]
fn quote_of_version_5_with_each_body_is_accepted_and_dcap_qvl_agrees() {
    let old = {
        let mut scene = Scene::of_tdx_1_5();
        scene.body_type = 2;
        scene.body.truncate(584);
        scene
    };
    let extended = {
        let mut scene = Scene::of_tdx_1_5();
        scene.body_type = 4;
        scene.body.resize(885, 0);
        scene
    };
    for scene in [old, Scene::of_tdx_1_5(), extended] {
        let mut question = Question::of(&scene.make());
        question.second_opinion = true;
        question.is_accepted();
    }
}

#[test]
fn zeros_after_a_quote_are_accepted() {
    let mut made = Scene::new().make();
    made.quote.resize(8000, 0);
    Question::of(&made).is_accepted();
}

#[test]
fn pck_chain_in_the_quote_alone_or_in_the_collateral_alone_is_accepted() {
    for (in_quote, in_collateral) in [(true, false), (false, true)] {
        let mut scene = Scene::new();
        scene.pck_in_quote = in_quote;
        scene.pck_in_collateral = in_collateral;
        let mut question = Question::of(&scene.make());
        question.second_opinion = true;
        question.is_accepted();
    }
}

#[test]
fn nothing_expected_is_shown_as_not_asked() {
    let judgement = Question::of(&Scene::new().make()).judge();
    for check in [
        TdxCheck::Binding,
        TdxCheck::LaunchDigest,
        TdxCheck::Rtmr0,
        TdxCheck::Rtmr3,
        TdxCheck::EventLog,
        TdxCheck::MrConfigId,
        TdxCheck::MrOwner,
        TdxCheck::MrOwnerConfig,
    ] {
        let found = judgement.finding(check);
        assert!(
            matches!(found, Some(Finding::NotAsked(_))),
            "{check:?}: {found:?}"
        );
    }
}

#[test]
fn everything_expected_passes_where_it_is_there() {
    let mut question = Question::of(&Scene::new().make());
    question.expected = ExpectedData::Exactly([0x50; 64]);
    question.reference = Some(TdxReference {
        mr_tds: vec![Bytes([0x32; 48])],
        rtmrs: [0x40, 0x41, 0x42, 0].map(|byte| vec![Bytes([byte; 48])]),
    });
    question.limits.mr_tds = Some(vec![Bytes([9; 48]), Bytes([0x32; 48])]);
    question.limits.mr_config_ids = Some(vec![Bytes([0; 48])]);
    question.limits.mr_owners = Some(vec![Bytes([0; 48])]);
    question.limits.mr_owner_configs = Some(vec![Bytes([0; 48])]);
    let judgement = question.judge();
    assert!(judgement.accepted());
    for check in [
        TdxCheck::Binding,
        TdxCheck::LaunchDigest,
        TdxCheck::Rtmr3,
        TdxCheck::MrOwnerConfig,
    ] {
        assert!(judgement.passed(check), "{check:?}");
    }
}

#[test]
fn dates_are_accepted_up_to_their_last_second() {
    use attestation_tdx::test_support::{ISSUED, NEXT};
    let made = Scene::new().make();
    assert_eq!(made.proven().window(), (ISSUED, NEXT - 1));
    for (now, accepted) in [
        (ISSUED - 1, false),
        (ISSUED, true),
        (NEXT - 1, true),
        (NEXT, false),
    ] {
        let mut question = Question::of(&made);
        question.now = now;
        assert_eq!(question.judge().accepted(), accepted, "{now}");
    }
}

#[test]
fn proof_with_the_quotes_chain_gives_the_same_judgement() {
    let mut scene = Scene::new();
    scene.pck_in_collateral = false;
    let made = scene.make();
    let slow = Question::of(&made);
    let mut fast = Question::of(&made);
    fast.collateral = fast.collateral.with_chain_of(&made.quote);
    assert_eq!(slow.judge(), fast.judge());
    assert_eq!(slow.collateral.key(), fast.collateral.key());
}
