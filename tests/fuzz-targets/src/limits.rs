//! What policies evaluate to, and claims that they are asked with.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_appraisal::{Policy, Tee};
use attestation_snp::SnpLimits;
use attestation_tdx::TdxLimits;
use attestation_tpm::TpmLimits;
use serde_json::Value;
use std::sync::OnceLock;

/// Claims of any kind get limits or a refusal from the strict policy, the same each time; limits are read strictly.
///
/// The first byte says as what the rest is read: the claims of a TEE, or its limits.
pub const LIMITS: Target = Target {
    name: "limits",
    // The engine keeps the claims as values of its own beside those of JSON, and its own state for every evaluation.
    bound: Bound {
        factor: 512,
        constant: 4 << 20,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((kind, json)) = bytes.split_first() else {
        return false;
    };
    match kind {
        b's' => claims(Tee::Snp, json, bound),
        b't' => claims(Tee::Tdx, json, bound),
        b'p' => claims(Tee::Tpm, json, bound),
        b'S' => bound.holds(json, || serde_json::from_slice::<SnpLimits>(json).is_ok()),
        b'T' => bound.holds(json, || serde_json::from_slice::<TdxLimits>(json).is_ok()),
        b'P' => bound.holds(json, || serde_json::from_slice::<TpmLimits>(json).is_ok()),
        _ => false,
    }
}

fn claims(tee: Tee, json: &[u8], bound: &Bound) -> bool {
    static STRICT: OnceLock<Policy> = OnceLock::new();
    let strict = STRICT.get_or_init(Policy::strict);
    let Ok(claims) = serde_json::from_slice::<Value>(json) else {
        return false;
    };
    let limits = bound.holds(json, || strict.limits(tee, &claims));
    let again = strict.limits(tee, &claims);
    match (limits, again) {
        (Ok(limits), Ok(again)) => {
            assert_eq!(limits, again);
            true
        }
        (Err(error), Err(again)) => {
            let text = error.to_string();
            text.lines().for_each(is_plain);
            assert_eq!(text, again.to_string());
            false
        }
        _ => panic!("the same claims got limits once"),
    }
}
