//! The policies that come along, on real evidence: each refuses for its own reason what it is against.

use attestation_appraisal::{Context, Files, Judged, Policy, SHIPPED, Tee, Verdict};
use attestation_snp::{Anchors, Endorsement, REPORT_SIZE, SnpClaims, SnpInput, SnpLimits};
use attestation_tdx::{Collateral, ProvenCollateral, TdxClaims, TdxInput, TdxLimits, TrustedRoot};
use attestation_verdict::ExpectedData;
use serde_json::json;
use std::path::Path;

fn vector(name: &str) -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let bytes = std::fs::read(root.join(name)).ok();
    if bytes.is_none() {
        println!("skipped: no vector {name}");
    }
    bytes
}

fn policy(name: &str) -> Policy {
    let shipped = SHIPPED.iter().find(|one| one.name == name);
    Policy::from_rego(shipped.expect("it comes along").source).expect("a policy")
}

/// The codes of what a policy refuses, each once, in order.
fn codes(judged: Judged, policy: &Policy, judged_at: u64) -> Vec<String> {
    let context = Context {
        binding: ExpectedData::Unbound,
        judged_at,
        named_root: false,
        files: Files::default(),
    };
    let verdict = Verdict::of(judged, policy, context);
    let rejections = verdict.record().rejections.into_iter();
    let mut codes: Vec<_> = rejections.map(|rejection| rejection.code).collect();
    assert_eq!(codes.is_empty(), verdict.accepted());
    assert!(
        Verdict::replay(&verdict.to_json(), policy)
            .expect("a verdict")
            .same()
    );
    codes.dedup();
    codes
}

fn snp(report: &[u8; REPORT_SIZE], vek: &[u8], now: u64, policy: &Policy) -> Vec<String> {
    let anchors = Anchors::builtin();
    let endorsement = Endorsement::read(Some(vek), &[], &[], &anchors);
    let proof = endorsement.expect("certificates").prove();
    let claims = json!(SnpClaims::of(report, &proof));
    let limits = policy.limits_as::<SnpLimits>(Tee::Snp, &claims);
    let (limits, given) = limits.expect("limits");
    let judgement = attestation_snp::judge(&SnpInput {
        report,
        proof: &proof,
        limits: &limits,
        expected: &ExpectedData::Unbound,
        references: None,
        seen: None,
        now,
    });
    codes(Judged::of(Tee::Snp, &judgement, claims, given), policy, now)
}

/// A report of 2023 by firmware of before every attack here.
fn old_milan(policy: &Policy) -> Option<Vec<String>> {
    let report = vector("virtee-sev/tests/certs_data/report_milan.hex")?;
    let report = hex::decode(report.trim_ascii()).expect("hexadecimal");
    let vek = vector("virtee-sev/tests/certs_data/vcek_milan.der")?;
    let report = report.first_chunk().expect("a report");
    Some(snp(report, &vek, 1_685_577_600, policy))
}

fn tdx(policy: &Policy) -> Option<Vec<String>> {
    let now = 1_750_377_600;
    let quote = vector("dcap-qvl-0.7.1/sample/tdx_quote")?;
    let collateral = vector("dcap-qvl-0.7.1/sample/tdx_quote_collateral.json")?;
    let collateral = Collateral::read(&collateral).expect("collateral");
    let collateral =
        ProvenCollateral::prove(collateral, &TrustedRoot::intel()).with_chain_of(&quote);
    let claims = json!(TdxClaims::read(&quote, &collateral));
    let limits = policy.limits_as::<TdxLimits>(Tee::Tdx, &claims);
    let (limits, given) = limits.expect("limits");
    let judgement = attestation_tdx::judge(&TdxInput {
        quote: &quote,
        collateral: &collateral,
        event_log: None,
        expected: &ExpectedData::Unbound,
        reference: None,
        limits: &limits,
        seen: None,
        second_opinion: false,
        now,
    });
    Some(codes(
        Judged::of(Tee::Tdx, &judgement, claims, given),
        policy,
        now,
    ))
}

#[test]
fn old_milan_report_is_refused_by_each_policy_for_its_own_reason() {
    for (name, expected) in [
        ("strict", &[][..]),
        ("tpm-alone", &[]),
        ("badram", &["firmware_below_minimum", "platform"]),
        ("no-smt", &["smt_allowed", "platform"]),
        (
            "milan-vcek-seed",
            &["product_not_accepted", "generation_broken"],
        ),
        ("entrysign", &["tcb_below_minimum"]),
        ("ciphertext-hiding", &["platform"]),
        ("chip-allow-list", &["chip_not_allowed"]),
    ] {
        let Some(found) = old_milan(&policy(name)) else {
            return;
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn quote_of_an_up_to_date_platform_is_refused_by_each_policy_for_its_own_reason() {
    for (name, expected) in [
        ("strict", &[][..]),
        ("tpm-alone", &[]),
        ("badram", &[]),
        ("no-smt", &["platform_not_accepted"]),
        ("milan-vcek-seed", &[]),
        ("entrysign", &[]),
        ("ciphertext-hiding", &[]),
        ("chip-allow-list", &["platform_unlisted"]),
    ] {
        let Some(found) = tdx(&policy(name)) else {
            return;
        };
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn production_example_denies_what_is_unknown_and_unbound() {
    let policy = policy("production");
    let (Some(snp), Some(tdx)) = (old_milan(&policy), tdx(&policy)) else {
        return;
    };
    for (found, own) in [(snp, "generation_broken"), (tdx, "platform_unlisted")] {
        for code in ["launch_unknown", "unbound", own] {
            assert!(found.iter().any(|found| found == code), "{code}: {found:?}");
        }
    }
}

#[test]
fn listed_chip_is_accepted_by_a_policy_that_lists_it() {
    let source = |chip: &str| {
        let rules = r#"package cloister.appraisal
import data.cloister.chip_allow_list
import data.cloister.strict
about := {"name": "ours", "dated": "2026-11-23", "text": "Ours.", "sources": []}
limits := object.union(strict.limits, {"snp": chip_allow_list.demands(["CHIP"], [])})
trust_vector := strict.trust_vector
deny := strict.deny
"#;
        rules.replace("CHIP", chip)
    };
    let chip = "d49554ec717f4e5b0fe6b143bcf0405bd7ae304727edf46603f2a76aef6a3abc15d7af38db757039029f0efacfd08e244324884738c72b082e2f87a44d541eb6";
    let other = chip.replace("d49", "d48");
    for (listed, expected) in [(chip, &[][..]), (&other, &["chip_not_allowed"])] {
        let policy = Policy::from_rego(&source(listed)).expect("a policy");
        let Some(found) = old_milan(&policy) else {
            return;
        };
        assert_eq!(found, expected, "{listed}");
    }
}
