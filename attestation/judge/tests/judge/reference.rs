//! Reference values: their forms, and which one a refusal names.

use crate::support::{codes, failed, reason};
use attestation_evidence::Tee;
use attestation_judge::test_support::{NOW, Scene, offset, reference};
use attestation_judge::{Launch, ReferenceValue, References, Revocation, Source};

fn with_references(references: Vec<ReferenceValue>) -> Scene {
    Scene::any().with_input(|input| input.references = references)
}

fn own(name: &str, change: impl FnOnce(&mut ReferenceValue)) -> ReferenceValue {
    let mut value = reference([1; 48]);
    value.name = name.to_owned();
    change(&mut value);
    value
}

#[test]
fn refusal_names_the_reference_value_that_would_have_matched_and_why_it_does_not() {
    let revoked = |value: &mut ReferenceValue| {
        value.revoked = Some(Revocation {
            at: NOW,
            reason: "CVE\u{1b}[1m".to_owned(),
        });
    };
    let old = own("old", |value| value.not_after = NOW - 1);
    let next = own("next", |value| value.not_before = NOW + 1);
    let strict = own("strict", |value| value.min_svn = Some(7));
    let gone = own("gone", revoked);
    for (value, code, words) in [
        (old, "reference_expired", ["`old`", "expired"]),
        (next, "reference_not_yet_valid", ["`next`", "valid from"]),
        (
            strict,
            "reference_svn",
            ["`strict`", "guest SVN 7; it has 0"],
        ),
        (gone, "reference_revoked", ["`gone`", "CVE\\u{1b}[1m"]),
    ] {
        let verdict = with_references(vec![reference([9; 48]), value])
            .input
            .verdict();
        assert!(failed(&verdict).contains(&"reference".to_owned()));
        assert!(
            codes(&verdict).contains(&code.to_owned()),
            "{:?}",
            codes(&verdict)
        );
        let said = reason(&verdict, "reference");
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
        assert!(verdict.accepted().is_none());
    }
}

#[test]
fn reference_is_in_force_from_its_first_to_its_last_second_and_until_it_is_revoked() {
    let value = own("v", |value| {
        (value.not_before, value.not_after) = (NOW, NOW + 2);
        value.revoked = Some(Revocation {
            at: NOW + 2,
            reason: String::new(),
        });
    });
    let in_force = [NOW - 1, NOW, NOW + 1, NOW + 2, NOW + 3].map(|at| value.is_in_force_at(at));
    assert_eq!(in_force, [false, true, true, false, false]);
}

#[test]
fn one_reference_value_has_to_allow_all_of_a_launch() {
    let late = own("late", |value| value.not_after = NOW - 1);
    let high = own("high", |value| value.min_svn = Some(1));
    let verdict = with_references(vec![late.clone(), high.clone()])
        .input
        .verdict();
    assert!(verdict.accepted().is_none());
    let good = own("good", |_| ());
    let verdict = with_references(vec![late, high, good]).input.verdict();
    let accepted = verdict.accepted().expect("one does");
    assert_eq!(accepted.reference(), "good");
}

#[test]
fn svn_of_a_report_is_held_to_the_references() {
    let scene = with_references(vec![own("v", |value| value.min_svn = Some(3))]);
    let scene = scene.with_report(|report| report[offset::GUEST_SVN] = 3);
    assert!(scene.input.verdict().accepted().is_some());
    let scene = scene.with_report(|report| report[offset::GUEST_SVN] = 2);
    assert_eq!(failed(&scene.input.verdict()), ["reference"]);
}

#[test]
fn rtmr_that_is_given_has_to_be_the_launchs() {
    let launch = Launch {
        tee: Tee::Tdx,
        digest: Some([1; 48]),
        rtmrs: Some([[2; 48]; 4]),
        svn: None,
    };
    let mut value = reference([1; 48]);
    value.tee = Tee::Tdx;
    assert!(value.allows(&launch, NOW));
    value.rtmrs[3] = Some(attestation_judge::Digest48([2; 48]));
    assert!(value.allows(&launch, NOW));
    value.rtmrs[1] = Some(attestation_judge::Digest48([3; 48]));
    assert!(!value.is_of(&launch));
    let unread = Launch {
        rtmrs: None,
        ..launch
    };
    assert!(!value.is_of(&unread));
}

#[test]
fn plain_forms_of_both_versions_are_read_and_blobs_are_spelt_in_one_way() {
    let one = format!(
        r#"{{"version":1,"name":"demo","tee":"simulated","launch_digest":"{}","manifest":null,"not_before":{},"not_after":{}}}"#,
        "01".repeat(48),
        NOW - 3600,
        NOW + 3600
    );
    let value = ReferenceValue::from_plain(one.as_bytes()).expect("version 1");
    assert_eq!(value, reference([1; 48]));
    let blob = value.blob();
    assert_eq!(ReferenceValue::from_blob(&blob).expect("its blob"), value);
    assert_eq!(ReferenceValue::from_plain(&blob).expect("version 2"), value);
    let spaced = format!(" {}", String::from_utf8(blob).expect("text"));
    assert!(ReferenceValue::from_blob(spaced.as_bytes()).is_err());
    assert!(ReferenceValue::from_plain(spaced.as_bytes()).is_ok());
    assert_eq!(References::new([value.clone()]).digests().len(), 1);
}

#[test]
fn senseless_reference_values_are_refused() {
    let spoilers: [fn(&mut ReferenceValue); 9] = [
        |value| value.tee = Tee::AzSnpVtpm,
        |value| value.launch_digest = None,
        |value| value.tee = Tee::Sample,
        |value| value.rtmrs[0] = Some(attestation_judge::Digest48([0; 48])),
        |value| (value.tee, value.min_svn) = (Tee::Tdx, Some(1)),
        |value| (value.tee, value.manifest) = (Tee::Snp, Some(vec![1])),
        |value| value.not_before = value.not_after + 1,
        |value| {
            value.revoked = Some(Revocation {
                at: 0,
                reason: "x".repeat(501),
            })
        },
        |value| {
            value.source = Source::Corim {
                corim_sha384: [0; 48],
                key_sha256: [0; 32],
            };
        },
    ];
    for (place, spoil) in spoilers.iter().enumerate() {
        let mut value = reference([1; 48]);
        spoil(&mut value);
        assert!(
            ReferenceValue::from_plain(&value.blob()).is_err(),
            "{place}"
        );
    }
    assert!(ReferenceValue::from_plain(br#"{"version":3}"#).is_err());
    assert!(ReferenceValue::from_plain(b"").is_err());
}
