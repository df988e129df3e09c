//! The policies that come with this crate, by their own tests.

use attestation_appraisal::{Policy, SHIPPED};

#[test]
fn shipped_policies_pass_their_own_tests() {
    for shipped in SHIPPED {
        let policy =
            Policy::from_rego(shipped.source).unwrap_or_else(|e| panic!("{}: {e}", shipped.name));
        let report = policy.test();
        assert!(report.passed(), "{}: {report:#?}", shipped.name);
        assert_eq!(policy.about().name, shipped.name);
    }
}
