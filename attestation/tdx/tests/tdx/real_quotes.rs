//! Quotes that real platforms made.

use crate::vectors::{strict, vector};
use attestation_tdx::{Collateral, ProvenCollateral, TdxInput, TrustedRoot, judge};
use attestation_verdict::ExpectedData;

/// 2025-06-19T12:35:00Z: the collateral of dcap-qvl's sample is in its time.
const NOW: u64 = 1_750_336_500;

#[test]
fn real_quote_with_its_collateral_is_accepted() {
    let (Some(quote), Some(json)) = (
        vector("dcap-qvl-0.7.1/sample/tdx_quote"),
        vector("dcap-qvl-0.7.1/sample/tdx_quote_collateral.json"),
    ) else {
        return;
    };
    let collateral = Collateral::read(&json).expect("it is in dcap-qvl's form");
    let collateral = ProvenCollateral::prove(collateral, &TrustedRoot::intel());
    let limits = strict();
    let judgement = judge(&TdxInput {
        quote: &quote,
        collateral: &collateral,
        event_log: None,
        expected: &ExpectedData::Unbound,
        reference: None,
        limits: &limits,
        seen: None,
        second_opinion: true,
        now: NOW,
    });
    println!("{:#?}", judgement.record());
    println!(
        "{}",
        serde_json::to_string_pretty(&attestation_tdx::TdxClaims::read(&quote, &collateral))
            .unwrap()
    );
    assert!(judgement.accepted());
}
