//! What claims say.

use attestation_snp::test_support::{Scene, offset};
use attestation_snp::{Product, SnpClaims};
use serde_json::{Value, json};

fn claims(scene: &Scene) -> Value {
    let proof = scene.prove().expect("the files can be read");
    serde_json::to_value(SnpClaims::of(&scene.report, &proof)).expect("plain data")
}

#[test]
fn claims_say_what_report_and_certificates_say() {
    let claims = claims(&Scene::new(Product::Turin));
    assert_eq!(claims["product"], "turin");
    assert_eq!(claims["generation"], "zen5");
    assert_eq!(
        claims["cpu"],
        json!({"family": 26, "model": 2, "stepping": 1, "known": true})
    );
    assert_eq!(claims["launch_digest"], "a5".repeat(48));
    let tcb = json!({"fmc": 7, "boot_loader": 4, "tee": 1, "snp": 24, "microcode": 219, "raw": "07040118000000db"});
    for name in ["current_tcb", "committed_tcb", "reported_tcb", "launch_tcb"] {
        assert_eq!(claims[name], tcb);
    }
    assert_eq!(claims["vek"]["chip_id"], "1011121314151617");
    assert_eq!(
        claims["chip_id"],
        format!("1011121314151617{}", "00".repeat(56))
    );
    assert_eq!(claims["policy"]["abi_minor"], 31);
    assert_eq!(claims["platform"]["alias_check_complete"], true);
    assert_eq!(claims["key_info"]["signing_key"], "vcek");
    assert_eq!(claims["current_mitigations"], 0);
    assert_eq!(claims["chain"]["root_is_built_in"], false);
}

#[test]
fn claims_of_what_is_not_there_are_null() {
    let scene = Scene::with_vlek(Product::Milan)
        .with_field(offset::VERSION, &[2])
        .with_field(offset::CHIP_ID, &[0; 64]);
    let claims = claims(&scene);
    for name in [
        "cpu",
        "chip_id",
        "launch_mitigations",
        "current_mitigations",
    ] {
        assert_eq!(claims[name], Value::Null, "{name}");
    }
    assert_eq!(claims["reported_tcb"]["fmc"], Value::Null);
    assert_eq!(claims["vek"]["chip_id"], Value::Null);
    assert_eq!(claims["vek"]["provider"], "CN=test");
}

#[test]
fn claims_under_a_chain_that_nobody_vouches_for_have_no_product() {
    let scene = Scene::new(Product::Turin).with(|scene| scene.chain.clear());
    let claims = claims(&scene);
    assert_eq!(claims["product"], Value::Null);
    assert_eq!(claims["chain"], Value::Null);
    assert_eq!(
        claims["reported_tcb"]["fmc"], 7,
        "as the report claims its CPU to be"
    );
}
