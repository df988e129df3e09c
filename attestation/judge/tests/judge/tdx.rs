//! Made TDX quotes under a named root, as whole cases: one launch has to be all of what is shown.

use crate::support::{asked, codes, failed};
use attestation_evidence::Tee;
use attestation_judge::test_support::{NOW, reference};
use attestation_judge::{
    Case, Digest48, ReferenceValue, References, Revocation, VendorRoot, judge,
};
use attestation_tdx::test_support::Scene;
use attestation_verdict::ExpectedData;
use std::sync::Arc;

fn case() -> Case {
    case_with(|_| ())
}

/// The same, of a body that was changed before it was signed.
pub fn case_with(change: impl FnOnce(&mut [u8])) -> Case {
    let mut scene = Scene::new();
    change(&mut scene.body);
    let made = scene.make();
    let mut case = asked(Tee::Tdx, &made.quote, ExpectedData::Unbound, NOW);
    case.trust.intel = VendorRoot::Named(made.root.clone());
    case.collateral.tdx = Some(made.json().into_bytes());
    case
}

/// With a reference value of what the quote shows, changed.
pub fn with(mut case: Case, changes: &[fn(&mut ReferenceValue)]) -> Case {
    let launch = judge(&case)
        .launch()
        .cloned()
        .expect("the quote can be read");
    let rtmrs = launch.rtmrs.expect("a trust domain has them");
    let values = changes.iter().enumerate().map(|(place, change)| {
        let mut value = reference(launch.digest.expect("it has MRTD"));
        value.name = format!("launch-{place}");
        value.tee = Tee::Tdx;
        value.rtmrs = rtmrs.map(|rtmr| Some(Digest48(rtmr)));
        change(&mut value);
        value
    });
    case.references = Arc::new(References::new(values.collect::<Vec<_>>()));
    case
}

#[test]
fn quote_of_an_accepted_launch_is_accepted() {
    let verdict = judge(&with(case(), &[|_| ()]));
    assert!(verdict.is_accepted(), "{:?}", verdict.record().rejections);
    assert_eq!(verdict.reference(), Some("launch-0"));
}

#[test]
fn registers_of_two_launches_make_none_that_is_accepted() {
    let changes: [fn(&mut ReferenceValue); 2] = [
        |value| value.rtmrs[2] = Some(Digest48([9; 48])),
        |value| value.launch_digest = Some([9; 48]),
    ];
    let verdict = judge(&with(case(), &changes));
    assert!(!verdict.is_accepted());
    assert!(failed(&verdict).contains(&"reference".to_owned()));
    assert!(codes(&verdict).contains(&"reference_unknown".to_owned()));
}

#[test]
fn launch_out_of_its_time_or_revoked_is_refused_by_its_name() {
    let expired: fn(&mut ReferenceValue) = |value| value.not_after = NOW - 1;
    let revoked: fn(&mut ReferenceValue) = |value| {
        value.revoked = Some(Revocation {
            at: NOW - 5,
            reason: "withdrawn".to_owned(),
        });
    };
    for (change, code) in [
        (expired, "reference_expired"),
        (revoked, "reference_revoked"),
    ] {
        let verdict = judge(&with(case(), &[change]));
        assert!(
            codes(&verdict).contains(&code.to_owned()),
            "{:?}",
            codes(&verdict)
        );
        assert!(!verdict.is_accepted());
    }
}
