//! TDX quotes with collateral and an event log.

use crate::{Bound, Target, judged, parts};
use attestation_tdx::{
    Collateral, ProvenCollateral, TdxClaims, TdxInput, TdxLimits, TrustedRoot, judge,
};
use attestation_verdict::ExpectedData;

/// Any bytes are judged, by every check, the same way each time.
///
/// The input is four files: collateral, root, event log, quote. The root is trusted.
pub const TDX: Target = Target {
    name: "tdx",
    // Collateral is JSON in JSON: texts are kept beside what they say, and each certificate of four chains.
    bound: Bound {
        factor: 48,
        constant: 256 << 10,
    },
    longest: 40 << 10,
    vectors: &[],
    check,
};

/// 2026-11-22T12:00:00Z.
const NOW: u64 = 1_795_348_800;

const LIMITS: &str = include_str!("tdx/limits.json");

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let [collateral, root, log, quote] = parts::parts(bytes);
    let limits: TdxLimits = serde_json::from_str(LIMITS).expect("a test reads the limits");
    bound.holds(bytes, || {
        let root = TrustedRoot::named(root).unwrap_or_else(|_| TrustedRoot::intel());
        let Ok(collateral) = Collateral::read(collateral) else {
            return false;
        };
        let proven = ProvenCollateral::prove(collateral, &root);
        let input = TdxInput {
            quote,
            collateral: &proven,
            event_log: (!log.is_empty()).then_some(log),
            expected: &ExpectedData::Unbound,
            reference: None,
            limits: &limits,
            seen: None,
            second_opinion: false,
            now: NOW,
        };
        let judgement = judge(&input);
        assert_eq!(judge(&input), judgement);
        let claims = serde_json::to_value(TdxClaims::read(quote, &proven));
        assert!(claims.is_ok_and(|claims| claims.is_object()));
        judged::is_whole(&judgement)
    })
}
