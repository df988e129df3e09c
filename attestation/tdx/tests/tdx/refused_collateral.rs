//! TCB info and QE identity that are not as they have to be.

use crate::support::{Question, refused, refused_after};
use attestation_tdx::test_support::Scene;

const MALFORMED: &[(&str, &str)] = &[("collateral_format", "collateral_malformed")];

#[test]
fn tcb_info_of_another_kind_is_refused() {
    refused(|scene| scene.tcb_info["id"] = "SGX".into(), MALFORMED);
    refused(|scene| scene.tcb_info["version"] = 2.into(), MALFORMED);
    refused(|scene| scene.tcb_info["tcbType"] = 1.into(), MALFORMED);
}

#[test]
fn tcb_info_that_is_not_well_formed_is_refused() {
    type Spoil = fn(&mut serde_json::Value);
    let spoilt: [Spoil; 15] = [
        |info| info["tdxModuleIdentities"][0]["mrsigner"] = "00".into(),
        |info| info["tcbLevels"][2]["tcb"]["tdxtcbcomponents"] = serde_json::json!([]),
        |info| info["tdxModuleIdentities"][0]["tcbLevels"][1]["tcbDate"] = "2026".into(),
        |info| info["tcbLevels"] = serde_json::json!([]),
        |info| info["fmspc"] = "B0C06F0000".into(),
        |info| info["pceId"] = "00".into(),
        |info| info["issueDate"] = "2026-11-15".into(),
        |info| info["nextUpdate"] = "tomorrow".into(),
        |info| info["tdxModule"] = serde_json::Value::Null,
        |info| info["tdxModule"]["mrsigner"] = "00".into(),
        |info| info["tcbLevels"][0]["tcbDate"] = "2026".into(),
        |info| info["tcbLevels"][0]["tcbStatus"] = "TDRelaunchAdvised".into(),
        |info| info["tcbLevels"][0]["tcb"]["sgxtcbcomponents"] = serde_json::json!([{"svn": 1}]),
        |info| {
            info["tdxModuleIdentities"][0]["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded".into()
        },
        |info| {
            let one = info["tdxModuleIdentities"][0].clone();
            info["tdxModuleIdentities"]
                .as_array_mut()
                .expect("a list")
                .push(one);
        },
    ];
    for spoil in spoilt {
        refused(|scene| spoil(&mut scene.tcb_info), MALFORMED);
    }
}

#[test]
fn qe_identity_of_another_kind_is_refused() {
    refused(|scene| scene.qe_identity["id"] = "QE".into(), MALFORMED);
    refused(|scene| scene.qe_identity["version"] = 1.into(), MALFORMED);
}

#[test]
fn qe_identity_that_is_not_well_formed_is_refused() {
    type Spoil = fn(&mut serde_json::Value);
    let spoilt: [Spoil; 6] = [
        |identity| identity["tcbLevels"][1]["tcbDate"] = "2026".into(),
        |identity| identity["tcbLevels"] = serde_json::json!([]),
        |identity| identity["mrsigner"] = "55".into(),
        |identity| identity["issueDate"] = 1.into(),
        |identity| identity["nextUpdate"] = "".into(),
        |identity| identity["tcbLevels"][0]["tcbStatus"] = "SWHardeningNeeded".into(),
    ];
    for spoil in spoilt {
        refused(|scene| spoil(&mut scene.qe_identity), MALFORMED);
    }
}

#[test]
fn document_with_more_modules_or_advisories_than_any_has_is_refused() {
    let advisories = |count: usize| {
        let names = (0..count).map(|number| format!("INTEL-SA-{number:05}"));
        serde_json::Value::from(names.collect::<Vec<_>>())
    };
    type Place = fn(&mut Scene) -> &mut serde_json::Value;
    let places: [Place; 3] = [
        |scene| &mut scene.tcb_info["tcbLevels"][1],
        |scene| &mut scene.tcb_info["tdxModuleIdentities"][0]["tcbLevels"][1],
        |scene| &mut scene.qe_identity["tcbLevels"][1],
    ];
    for place in places {
        let mut scene = Scene::new();
        place(&mut scene)["advisoryIDs"] = advisories(256);
        Question::of(&scene.make()).is_accepted();
        refused(
            |scene| place(scene)["advisoryIDs"] = advisories(257),
            MALFORMED,
        );
    }
    let modules = |count: usize| {
        let mut scene = Scene::new();
        let list = scene.tcb_info["tdxModuleIdentities"]
            .as_array_mut()
            .expect("a list");
        for number in 1..count {
            let mut one = list[0].clone();
            one["id"] = format!("TDX_1{number:02X}").into();
            list.push(one);
        }
        Question::of(&scene.make())
    };
    modules(64).is_accepted();
    modules(65).is_refused_for(MALFORMED);
}

#[test]
fn document_with_a_member_twice_is_refused() {
    let made = |text: &str, scene: &Scene| {
        let mut made = scene.make();
        let twice = made.collateral.tcb_info.replacen('{', text, 1);
        made.collateral.tcb_info_signature = scene.keys.signer.sign(twice.as_bytes()).to_vec();
        made.collateral.tcb_info = twice;
        made
    };
    let scene = Scene::new();
    Question::of(&made("{ ", &scene)).is_accepted();
    Question::of(&made("{\"id\":\"TDX\",", &scene)).is_refused_for(MALFORMED);
}

#[test]
fn document_that_its_signer_did_not_sign_is_refused() {
    let signature = &[("collateral_signatures", "collateral_signature_invalid")];
    // A space more is the same JSON and not the bytes that were signed.
    refused_after(|made| made.collateral.tcb_info.push(' '), signature);
    refused_after(|made| made.collateral.qe_identity.push(' '), signature);
    refused_after(|made| made.collateral.tcb_info_signature[0] ^= 1, signature);
    refused_after(
        |made| made.collateral.qe_identity_signature.clear(),
        signature,
    );
}

#[test]
fn document_out_of_its_time_is_refused() {
    let expired = &[("dates", "expired")];
    let future = &[("dates", "not_yet_valid")];
    refused(
        |scene| scene.tcb_info["nextUpdate"] = "2026-11-22T11:59:59Z".into(),
        expired,
    );
    refused(
        |scene| scene.tcb_info["issueDate"] = "2026-11-22T12:00:01Z".into(),
        future,
    );
    refused(
        |scene| scene.qe_identity["nextUpdate"] = "2026-11-22T11:59:59Z".into(),
        expired,
    );
    refused(
        |scene| scene.qe_identity["issueDate"] = "2026-11-22T12:00:01Z".into(),
        future,
    );
}

#[test]
fn documents_of_two_evaluations_are_refused() {
    refused(
        |scene| scene.qe_identity["tcbEvaluationDataNumber"] = 16.into(),
        &[("freshness", "evaluation_numbers_differ")],
    );
}

#[test]
fn evaluation_below_the_relying_partys_minimum_is_refused() {
    let low = ("freshness", "evaluation_number_too_low");
    let mut question = Question::of(&Scene::new().make());
    question.limits.min_tcb_evaluation_data_number = 17;
    question.is_accepted();
    question.limits.min_tcb_evaluation_data_number = 18;
    question.is_refused_for(&[low, low]);
}
