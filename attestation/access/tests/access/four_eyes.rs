//! Changes that need a second person.

use attestation_access::{
    Action, Approvers, BootstrapToken, Change, ChangeRefusal, ChangeState, ContentDigest, Denial,
    FourEyes, Grant, Identity, NeedsApproval, Permit, Proposal, TenantName, TenantRole, decide,
    deeds,
};
use serde_json::{Value, json};

use crate::signer::{NOW, person};

const POLICY: &[u8] = b"package cloister";
const DAY: u64 = 86_400;

fn alpha() -> TenantName {
    "alpha".parse().unwrap()
}

fn author(sub: &str) -> Identity {
    person("corp", sub, &[Grant::of(alpha(), TenantRole::PolicyAuthor)])
}

fn rules() -> FourEyes {
    FourEyes::new([Action::WritePolicy], Approvers::SameAuthority).unwrap()
}

fn permit(identity: &Identity) -> Permit<deeds::WritePolicy> {
    decide(identity, &alpha()).unwrap()
}

fn digest() -> ContentDigest {
    ContentDigest::of(&alpha(), Action::WritePolicy, "strict", POLICY)
}

/// What is there of the policy that is to be replaced.
fn there(text: &[u8]) -> ContentDigest {
    ContentDigest::of(&alpha(), Action::WritePolicy, "strict", text)
}

fn older() -> ContentDigest {
    there(b"package older")
}

fn proposal() -> Proposal {
    Proposal {
        id: 7,
        digest: digest(),
        base: older(),
        proposed_at: NOW,
        expires_at: NOW + DAY,
    }
}

fn proposed() -> Change {
    Change::propose(permit(&author("alice")), proposal()).unwrap()
}

fn approved() -> Change {
    let mut change = proposed();
    change
        .approve(&author("bob"), &rules(), digest(), older(), NOW + 1)
        .unwrap();
    change
}

/// What an approval by this person comes to, which changes nothing if it is refused.
fn approval(by: &Identity, rules: &FourEyes) -> Result<(), ChangeRefusal> {
    let mut change = proposed();
    let result = change.approve(by, rules, digest(), older(), NOW + 1);
    let waits = *change.state() == ChangeState::Waiting;
    assert_eq!(waits, result.is_err());
    result
}

#[test]
fn change_that_another_approved_is_applied_with_its_content_alone() {
    let mut change = approved();
    let mandate = change
        .apply(&permit(&author("alice")), older(), NOW + 2)
        .unwrap();
    assert!(mandate.covers("strict", POLICY));
    assert!(!mandate.covers("strict", b"package other"));
    assert!(!mandate.covers("loose", POLICY));
    assert_eq!(mandate.by().as_str(), "oidc:corp:alice");
    assert_eq!(mandate.approved_by().unwrap().as_str(), "oidc:corp:bob");
    assert_eq!(mandate.tenant(), &alpha());
}

#[test]
fn change_is_applied_once() {
    let mut change = approved();
    let by = permit(&author("alice"));
    assert!(change.apply(&by, older(), NOW + 2).is_ok());
    assert_eq!(
        change.apply(&by, older(), NOW + 2).unwrap_err(),
        ChangeRefusal::Decided
    );
    let again = change.approve(&author("bob"), &rules(), digest(), older(), NOW + 2);
    assert_eq!(again, Err(ChangeRefusal::Decided));
    assert_eq!(
        change.reject(&author("bob"), NOW + 2),
        Err(ChangeRefusal::Decided)
    );
}

#[test]
fn change_that_nobody_approved_is_not_applied() {
    let refused = proposed().apply(&permit(&author("bob")), older(), NOW + 2);
    assert_eq!(refused.unwrap_err(), ChangeRefusal::NotApproved);
}

#[test]
fn proposer_does_not_approve() {
    assert_eq!(
        approval(&author("alice"), &rules()),
        Err(ChangeRefusal::SameSubject)
    );
}

#[test]
fn approver_needs_the_right_to_the_change_too() {
    let denied = |grants: &[Grant]| {
        let by = person("corp", "bob", grants);
        matches!(approval(&by, &rules()), Err(ChangeRefusal::Denied(_)))
    };
    assert!(denied(&[]));
    // An admin and a secret owner may approve, but not write policies.
    assert!(denied(&[Grant::of(alpha(), TenantRole::Admin)]));
    assert!(denied(&[Grant::of(alpha(), TenantRole::SecretOwner)]));
    assert!(denied(&[Grant::of(alpha(), TenantRole::Auditor)]));
    assert!(denied(&[Grant::Operator]));
    let beta = "beta".parse().unwrap();
    assert!(denied(&[Grant::of(beta, TenantRole::PolicyAuthor)]));
    let nobody = approval(&Identity::nobody(), &rules()).unwrap_err();
    assert_eq!(nobody.to_string(), Denial::ANSWER);
}

#[test]
fn approver_of_another_authority_counts_only_where_the_tenant_says_so() {
    let by = person(
        "partner",
        "bob",
        &[Grant::of(alpha(), TenantRole::PolicyAuthor)],
    );
    assert_eq!(approval(&by, &rules()), Err(ChangeRefusal::OtherAuthority));
    let any = FourEyes::new([Action::WritePolicy], Approvers::AnyAuthority).unwrap();
    assert_eq!(approval(&by, &any), Ok(()));
    // The same name of another authority is another subject, and may be the same person.
    let alice = person(
        "partner",
        "alice",
        &[Grant::of(alpha(), TenantRole::PolicyAuthor)],
    );
    assert_eq!(
        approval(&alice, &rules()),
        Err(ChangeRefusal::OtherAuthority)
    );
}

#[test]
fn bootstrap_token_is_no_second_person() {
    let token = "0".repeat(64);
    let grant = Grant::of(alpha(), TenantRole::PolicyAuthor);
    let kept = BootstrapToken::new(BootstrapToken::digest(&token), 0, 10, [grant]).unwrap();
    let identity = kept.prove(&token, 5).unwrap();
    let any = FourEyes::new([Action::WritePolicy], Approvers::AnyAuthority).unwrap();
    assert_eq!(approval(&identity, &any), Err(ChangeRefusal::NoPerson));
    let refused = Change::propose(permit(&identity), proposal());
    assert_eq!(refused.unwrap_err(), ChangeRefusal::NoPerson);
}

#[test]
fn approval_of_what_was_not_seen_is_refused() {
    let other = ContentDigest::of(&alpha(), Action::WritePolicy, "strict", b"other");
    let refused = proposed().approve(&author("bob"), &rules(), other, older(), NOW + 1);
    assert_eq!(refused, Err(ChangeRefusal::OtherContent));
}

#[test]
fn change_of_what_moved_meanwhile_is_stale() {
    let stale = ChangeRefusal::Stale;
    let refused = proposed().approve(
        &author("bob"),
        &rules(),
        digest(),
        there(b"package newer"),
        NOW + 1,
    );
    assert_eq!(refused, Err(stale.clone()));
    let refused = approved().apply(&permit(&author("alice")), there(b"package newer"), NOW + 2);
    assert_eq!(refused.unwrap_err(), stale);
}

#[test]
fn change_expires_before_and_after_its_approval() {
    let end = NOW + DAY;
    let mut change = proposed();
    let refused = change.approve(&author("bob"), &rules(), digest(), older(), end);
    assert_eq!(refused, Err(ChangeRefusal::Expired));
    let last = change.approve(&author("bob"), &rules(), digest(), older(), end - 1);
    assert_eq!(last, Ok(()));
    let refused = change.apply(&permit(&author("alice")), older(), end);
    assert_eq!(refused.unwrap_err(), ChangeRefusal::Expired);
}

#[test]
fn change_that_was_rejected_or_withdrawn_is_over() {
    for by in ["bob", "alice"] {
        for mut change in [proposed(), approved()] {
            assert_eq!(change.reject(&author(by), NOW + 2), Ok(()));
            let refused = change.approve(&author("carol"), &rules(), digest(), older(), NOW + 3);
            assert_eq!(refused, Err(ChangeRefusal::Decided));
            let refused = change.apply(&permit(&author("carol")), older(), NOW + 3);
            assert_eq!(refused.unwrap_err(), ChangeRefusal::Decided);
        }
    }
    let auditor = person("corp", "eve", &[Grant::of(alpha(), TenantRole::Auditor)]);
    let refused = proposed().reject(&auditor, NOW + 2);
    assert!(matches!(refused, Err(ChangeRefusal::Denied(_))));
}

#[test]
fn permit_for_another_change_does_not_apply_it() {
    let both = [TenantRole::PolicyAuthor, TenantRole::Admin];
    let beta: TenantName = "beta".parse().unwrap();
    let mut grants: Vec<_> = both.map(|role| Grant::of(alpha(), role)).into();
    grants.push(Grant::of(beta.clone(), TenantRole::PolicyAuthor));
    let identity = person("corp", "carol", &grants);
    let other_action = decide::<deeds::WriteReferenceValue>(&identity, &alpha()).unwrap();
    let refused = approved().apply(&other_action, older(), NOW + 2);
    assert_eq!(refused.unwrap_err(), ChangeRefusal::OtherPermit);
    let other_tenant = decide::<deeds::WritePolicy>(&identity, &beta).unwrap();
    let refused = approved().apply(&other_tenant, older(), NOW + 2);
    assert_eq!(refused.unwrap_err(), ChangeRefusal::OtherPermit);
}

#[test]
fn change_waits_for_a_second_at_least_and_thirty_days_at_most() {
    let propose = |expires_at: u64| {
        let what = Proposal {
            expires_at,
            ..proposal()
        };
        Change::propose(permit(&author("alice")), what).map(|_| ())
    };
    assert_eq!(propose(NOW + 1), Ok(()));
    assert_eq!(propose(NOW + Change::LONGEST), Ok(()));
    for never in [NOW - 1, NOW, NOW + Change::LONGEST + 1] {
        assert_eq!(propose(never), Err(ChangeRefusal::Lifetime));
    }
}

#[test]
fn looking_needs_no_second_person_and_cannot() {
    for action in Action::ALL {
        let made = FourEyes::new([*action], Approvers::default());
        assert_eq!(made.is_ok(), FourEyes::CHANGES.contains(action), "{action}");
    }
    let auditor = person("corp", "eve", &[Grant::of(alpha(), TenantRole::Auditor)]);
    let reads = decide::<deeds::ReadAudit>(&auditor, &alpha()).unwrap();
    let refused = Change::propose(reads, proposal());
    assert_eq!(
        refused.unwrap_err(),
        ChangeRefusal::NotAChange(Action::ReadAudit)
    );
}

#[test]
fn what_needs_four_eyes_is_not_done_alone_and_the_rest_is() {
    let refused = rules().alone(permit(&author("alice")), "strict", POLICY);
    let NeedsApproval(back) = refused.unwrap_err();
    assert!(Change::propose(back, proposal()).is_ok());
    let alone = FourEyes::default().alone(permit(&author("alice")), "strict", POLICY);
    let mandate = alone.unwrap();
    assert!(mandate.covers("strict", POLICY) && !mandate.covers("strict", b"other"));
    assert!(mandate.approved_by().is_none());
}

#[test]
fn whoever_wants_four_eyes_cannot_be_made_to_do_without_by_one() {
    assert!(!FourEyes::default().needs(Action::WriteTenant));
    assert!(rules().needs(Action::WriteTenant));
    assert!(!rules().needs(Action::WriteSecret));
}

#[test]
fn four_eyes_are_read_as_they_are_written_and_of_nothing_else() {
    let text = serde_json::to_string(&rules()).unwrap();
    assert_eq!(serde_json::from_str::<FourEyes>(&text).unwrap(), rules());
    let reads = r#"{"actions":["read-audit"]}"#;
    assert!(serde_json::from_str::<FourEyes>(reads).is_err());
}

#[test]
fn change_that_was_kept_goes_on_where_it_was() {
    for change in [proposed(), approved()] {
        let text = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
    }
}

#[test]
fn kept_change_that_could_not_have_come_about_is_refused() {
    let kept = serde_json::to_value(approved()).unwrap();
    let broken: [(&str, Value); 6] = [
        ("proposer", json!("oidc:corp:bob")),
        ("proposer_proof", json!("bootstrap")),
        ("action", json!("read-audit")),
        ("expires_at", json!(NOW + 40 * DAY)),
        ("expires_at", json!(NOW + 1)),
        ("extra", json!(1)),
    ];
    assert!(serde_json::from_value::<Change>(kept.clone()).is_ok());
    for (name, value) in broken {
        let mut kept = kept.clone();
        kept[name] = value;
        assert!(serde_json::from_value::<Change>(kept).is_err(), "{name}");
    }
}
