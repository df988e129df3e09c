//! Appraisal policies.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_appraisal::{Policy, Tee};
use serde_json::json;

/// A text is a policy or is refused with a reason, and what it answers, it answers each time, within its budget.
pub const POLICY: Target = Target {
    name: "policy",
    // The engine keeps each word of a policy several times: as text, as a tree, and as what it is compiled to. The file
    // is its owner's own.
    bound: Bound {
        factor: 8192,
        constant: 16 << 20,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let policy = match bound.holds(bytes, || Policy::from_rego(text)) {
        Ok(policy) => policy,
        Err(error) => {
            error.to_string().lines().for_each(is_plain);
            return false;
        }
    };
    let claims = json!({"product": "milan", "version": 3});
    let answer = |policy: &Policy| {
        let limits = policy.limits(Tee::Snp, &claims);
        limits.map_err(|error| error.to_string())
    };
    assert_eq!(answer(&policy), answer(&policy));
    true
}
