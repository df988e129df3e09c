//! Collateral older than what was seen before.

use crate::support::Question;
use attestation_certificates::Seen;
use attestation_tdx::test_support::Scene;
use attestation_tdx::{TdxCheck, seen_after};

fn after(scene: &Scene) -> Seen {
    let question = Question::of(&scene.make());
    seen_after(&question.input(), &question.judge())
}

#[test]
fn collateral_as_new_as_the_newest_seen_is_accepted() {
    let scene = Scene::new();
    let mut question = Question::of(&scene.make());
    question.seen = Some(after(&scene));
    question.is_accepted();
    assert_eq!(
        question
            .seen
            .as_ref()
            .map(|seen| seen.observations().count()),
        Some(4)
    );
}

#[test]
fn collateral_older_than_the_newest_seen_is_refused_whichever_piece_it_is() {
    type Age = fn(&mut Scene);
    let older: [Age; 4] = [
        |scene| scene.tcb_info["issueDate"] = "2026-11-16T00:00:00Z".into(),
        |scene| scene.qe_identity["issueDate"] = "2026-11-16T00:00:00Z".into(),
        |scene| scene.root_crl.number = 8,
        |scene| scene.pck_crl.number = 8,
    ];
    for newer in older {
        let scene = Scene::new();
        let mut later = Scene::with_keys(scene.keys.clone());
        newer(&mut later);
        let mut question = Question::of(&scene.make());
        question.seen = Some(after(&later));
        question.is_refused_for(&[("freshness", "older_than_seen")]);
    }
}

#[test]
fn evaluation_older_than_the_newest_seen_is_refused() {
    let scene = Scene::new();
    let mut later = Scene::with_keys(scene.keys.clone());
    later.tcb_info["tcbEvaluationDataNumber"] = 18.into();
    later.qe_identity["tcbEvaluationDataNumber"] = 18.into();
    let mut question = Question::of(&scene.make());
    question.seen = Some(after(&later));
    let older = ("freshness", "older_than_seen");
    question.is_refused_for(&[older, older]);
}

#[test]
fn collateral_that_is_not_genuine_is_not_remembered() {
    type Spoil = fn(&mut Scene);
    let spoilt: [Spoil; 4] = [
        |scene| scene.tcb_info["id"] = "SGX".into(),
        |scene| scene.tcb_info["issueDate"] = "2027-11-15T00:00:00Z".into(),
        |scene| scene.signer.name = "somebody".to_owned(),
        |scene| scene.root_crl.revoked.push(1),
    ];
    for spoil in spoilt {
        let mut scene = Scene::new();
        spoil(&mut scene);
        assert_eq!(after(&scene), Seen::default());
    }
    let mut made = Scene::new().make();
    made.collateral.pck_crl.clear();
    let question = Question::of(&made);
    assert_eq!(
        seen_after(&question.input(), &question.judge()),
        Seen::default()
    );
    let mut made = Scene::new().make();
    made.collateral.pck_crl = made.collateral.root_ca_crl.clone();
    let question = Question::of(&made);
    assert_eq!(
        seen_after(&question.input(), &question.judge()),
        Seen::default()
    );
    let mut made = Scene::new().make();
    made.collateral.tcb_info_signature[0] ^= 1;
    let question = Question::of(&made);
    assert_eq!(
        seen_after(&question.input(), &question.judge()),
        Seen::default()
    );
}

/// Else older lists, which revoke nothing, would be good the next time. What a revoked certificate signed is not proven.
#[test]
fn lists_that_revoke_something_are_remembered() {
    type Revoke = fn(&mut Scene);
    let revoked: [(Revoke, usize); 3] = [
        // The PCK certificate, its CA (who signed a list), the signer of both documents.
        (|scene| scene.pck_crl.revoked.push(3), 4),
        (|scene| scene.root_crl.revoked.push(2), 3),
        (|scene| scene.root_crl.revoked.push(4), 2),
    ];
    for (revoke, pieces) in revoked {
        let scene = Scene::new();
        let mut later = Scene::with_keys(scene.keys.clone());
        later.root_crl.number += 1;
        later.pck_crl.number += 1;
        revoke(&mut later);
        let mut question = Question::of(&scene.make());
        let seen = after(&later);
        assert_eq!(seen.observations().count(), pieces);
        question.seen = Some(seen);
        let refused = question.judge();
        assert!(!refused.passed(TdxCheck::Freshness) && !refused.accepted());
    }
}

#[test]
fn genuine_collateral_is_remembered_though_the_quote_is_refused() {
    let mut question = Question::of(&Scene::new().make());
    question.quote[600] ^= 1;
    assert!(!question.judge().accepted());
    let seen = seen_after(&question.input(), &question.judge());
    assert_eq!(seen.observations().count(), 4);
}
