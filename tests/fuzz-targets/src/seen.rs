//! The file in which a verifier keeps the newest collateral that it saw.

use crate::{Bound, Target};
use attestation_certificates::Seen;

/// Written again it means the same, nothing in it is older than itself, and with itself it is itself.
pub const SEEN: Target = Target {
    name: "seen",
    // An item of some 90 bytes of JSON is 120 in a list, and again in a tree of nodes half empty.
    bound: Bound {
        factor: 16,
        constant: 8 << 10,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(seen) = bound.holds(bytes, || Seen::from_json(bytes)) else {
        return false;
    };
    let text = seen.to_json();
    let again = Seen::from_json(text.as_bytes()).expect("we wrote it");
    assert_eq!(again, seen);
    assert_eq!(again.to_json(), text);
    for observation in seen.observations() {
        assert!(seen.check(observation).is_ok());
    }
    let with_itself = seen.with(seen.observations().copied());
    assert_eq!(with_itself.expect("nothing is added"), seen);
    true
}
