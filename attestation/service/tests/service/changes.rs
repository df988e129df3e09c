//! What a tenant wants a second person for is done by two, exactly as it was approved, and once.

use crate::support::people::{token, token_of};
use crate::support::{
    BORN, Place, RESOURCE, SECRET, Verifier, expect_error, policy, policy_without_smt,
};
use attestation_audit::Conclusion;
use attestation_judge::test_support::{NOW, reference};
use attestation_service::Answer;
use base64_of::{policy_message, reference_message};
use serde_json::{Value, json};

const WEEK: u64 = 7 * 86_400;
const EVERYTHING: &str = r#"{"actions": ["write-tenant", "write-policy", "write-reference-value",
    "revoke-reference-value", "write-secret", "destroy-secret"]}"#;
const ROLES: [&str; 3] = [
    "default:admin",
    "default:policy-author",
    "default:secret-owner",
];

/// Bodies of Trustee's own tools.
mod base64_of {
    use attestation_evidence::encoding::{base64_encode, base64url_encode};

    pub fn policy_message(text: &str) -> Vec<u8> {
        let text = base64url_encode(text.as_bytes());
        format!(r#"{{"type":"rego","policy_id":"default","policy":"{text}"}}"#).into_bytes()
    }

    pub fn reference_message(value: &[u8]) -> Vec<u8> {
        let value = String::from_utf8(value.to_vec()).unwrap();
        let payload = base64_encode(format!(r#"{{"demo":{value}}}"#).as_bytes());
        format!(r#"{{"version":"0.1.0","type":"sample","payload":"{payload}"}}"#).into_bytes()
    }
}

/// Method, path and body.
type Asked<'a> = (&'a str, &'a str, Option<&'a [u8]>);

fn alice() -> String {
    token("alice", &ROLES)
}

fn bob() -> String {
    token("bob", &ROLES)
}

/// A verifier on which nobody does anything alone.
fn careful(place: &Place) -> Verifier<'_> {
    let verifier = place.serve().furnished();
    want(&verifier, EVERYTHING);
    verifier
}

fn want(verifier: &Verifier<'_>, four_eyes: &str) {
    let answer = verifier.send(&alice(), "PUT", "/v1/four-eyes", Some(four_eyes.as_bytes()));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn said(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// What is proposed by this request of alice's.
#[track_caller]
fn propose(verifier: &Verifier<'_>, method: &str, path: &str, body: Option<&[u8]>) -> Value {
    let answer = verifier.send(&alice(), method, path, body);
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 202, "{method} {path}: {text}");
    said(&answer)
}

fn propose_policy(verifier: &Verifier<'_>) -> Value {
    let body = policy_without_smt().into_bytes();
    propose(verifier, "PUT", "/v1/policies/demo", Some(&body))
}

fn decide(verifier: &Verifier<'_>, who: &str, change: &Value, how: &str) -> Answer {
    let path = format!("/v1/changes/{}/{how}", change["change"].as_str().unwrap());
    let body = json!({ "digest": change["digest"] }).to_string();
    let body = (how == "approve").then_some(body.as_bytes());
    verifier.send(who, "POST", &path, body)
}

fn approve(verifier: &Verifier<'_>, who: &str, change: &Value) -> Answer {
    decide(verifier, who, change, "approve")
}

fn policy_of(verifier: &Verifier<'_>) -> String {
    let answer = verifier.send(&alice(), "GET", "/v1/policies/demo", None);
    String::from_utf8(answer.body).unwrap()
}

fn waiting(verifier: &Verifier<'_>) -> Vec<Value> {
    let answer = verifier.send(&alice(), "GET", "/v1/changes", None);
    said(&answer).as_array().unwrap().clone()
}

#[test]
fn change_waits_until_another_approves_it_and_both_are_in_the_log() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);

    let change = propose_policy(&verifier);

    assert_eq!(change["by"], "oidc:corp:alice");
    assert_eq!(change["action"], "write-policy");
    assert_eq!(change["expires_at"], NOW + WEEK);
    assert_eq!(policy_of(&verifier), policy(), "nothing is done yet");
    assert_eq!(waiting(&verifier), std::slice::from_ref(&change));
    let path = format!("/v1/changes/{}", change["change"].as_str().unwrap());
    let whole = said(&verifier.send(&bob(), "GET", &path, None));
    assert_eq!(whole["text"], policy_without_smt());
    let at = change["change"].as_str().unwrap().parse::<u64>().unwrap();

    let answer = approve(&verifier, &bob(), &change);

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(said(&answer), json!({"name": "demo", "log_index": at + 2}));
    assert_eq!(policy_of(&verifier), policy_without_smt());
    assert!(waiting(&verifier).is_empty());
    // As the tests count entries: without those of `init`.
    let from = at - BORN;
    let proposed = verifier.entry(from);
    assert_eq!(proposed["by"], "oidc:corp:alice");
    assert_eq!(
        proposed["what"]["change_proposed"]["content"],
        change["digest"]
    );
    let approved = verifier.entry(from + 1);
    assert_eq!(approved["by"], "oidc:corp:bob");
    assert_eq!(
        approved["what"]["change_approved"]["change"],
        change["change"]
    );
    let made = verifier.entry(from + 2);
    assert_eq!(made["by"], "oidc:corp:alice");
    assert_eq!(made["approved_by"], "oidc:corp:bob");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

/// Every way to change something, with what is there before and after it.
#[test]
fn everything_that_a_tenant_puts_under_four_eyes_is_proposed_whichever_way_it_is_asked_for() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let value = serde_json::to_vec(&reference([0x66; 48])).unwrap();
    let lax = br#"{"actions": []}"#;
    let policy_body = policy_without_smt().into_bytes();
    let (by_kbs, value_by_kbs) = (policy_message(&policy()), reference_message(&value));
    let secret = format!("/v1/secrets/{RESOURCE}");
    let put_secret = format!("{secret}?references=demo");
    let by_kbs_resource = format!("/kbs/v0/resource/{RESOURCE}");
    let reason = br#"{"reason": "it was a bad one"}"#.as_slice();
    let requests: [Asked<'_>; 12] = [
        ("PUT", "/v1/policies/demo", Some(&policy_body)),
        ("POST", "/kbs/v0/attestation-policy", Some(&by_kbs)),
        ("PUT", "/v1/reference-values/demo", Some(&value)),
        ("POST", "/kbs/v0/reference-value", Some(&value_by_kbs)),
        ("PUT", &put_secret, Some(SECRET)),
        ("POST", &by_kbs_resource, Some(SECRET)),
        ("DELETE", &by_kbs_resource, None),
        ("PUT", "/v1/reference-values/demo/revocation", Some(reason)),
        ("DELETE", "/v1/reference-values/demo", None),
        ("DELETE", "/v1/policies/demo", None),
        ("PUT", "/v1/four-eyes", Some(EVERYTHING.as_bytes())),
        ("PUT", "/v1/four-eyes", Some(lax)),
    ];

    for (method, path, body) in requests {
        let before = verifier.log_size();
        let change = propose(&verifier, method, path, body);
        assert_eq!(verifier.log_size(), before + 1, "{method} {path}");
        let answer = approve(&verifier, &bob(), &change);
        let text = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{method} {path}: {text}");
        assert_eq!(verifier.log_size(), before + 3, "{method} {path}");
    }

    // The last one has taken four eyes away, so that one person does again.
    let answer = verifier.send(&alice(), "PUT", "/v1/policies/demo", Some(&policy_body));
    assert_eq!(answer.status, 200);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
    verifier.stop();
    assert!(waiting(&place.serve()).is_empty());
}

#[test]
fn nobody_approves_but_another_person_of_the_same_authority_with_the_role() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let change = propose_policy(&verifier);
    let size = verifier.log_size();

    for (who, status, name, why) in [
        (alice(), 409, "ChangeRefused", "does not approve it"),
        // A name of another issuer's may be hers too.
        (
            token_of("partner", "bob", &ROLES, NOW),
            409,
            "ChangeRefused",
            "one person",
        ),
        (
            place.admin_token.clone(),
            409,
            "ChangeRefused",
            "bootstrap token",
        ),
        (token("eve", &["default:admin"]), 403, "NotPermitted", ""),
        (
            token("eve", &["default:secret-owner"]),
            403,
            "NotPermitted",
            "",
        ),
        (token("eve", &["default:auditor"]), 403, "NotPermitted", ""),
        (
            token("eve", &["acme:policy-author"]),
            403,
            "NotPermitted",
            "",
        ),
        (token("eve", &["operators"]), 403, "NotPermitted", ""),
        ("nonsense".to_owned(), 401, "NotProven", ""),
    ] {
        let detail = expect_error(&approve(&verifier, &who, &change), status, name);
        assert!(detail.contains(why), "{detail}");
    }

    assert_eq!(verifier.log_size(), size);
    assert_eq!(policy_of(&verifier), policy());
    let author = token("carol", &["default:policy-author"]);
    assert_eq!(approve(&verifier, &author, &change).status, 200);
}

#[test]
fn name_of_another_authority_counts_where_the_tenant_says_so() {
    let place = Place::new().believes_people();
    let verifier = place.serve().furnished();
    want(
        &verifier,
        r#"{"actions": ["write-policy"], "approvers": "any-authority"}"#,
    );
    let change = propose_policy(&verifier);

    let answer = approve(&verifier, &token_of("partner", "bob", &ROLES, NOW), &change);

    assert_eq!(answer.status, 200);
}

#[test]
fn bootstrap_token_proposes_nothing() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let body = policy_without_smt().into_bytes();

    let detail = expect_error(
        &verifier.put("/v1/policies/demo", &body),
        409,
        "ChangeRefused",
    );

    assert!(detail.contains("no person"), "{detail}");
    assert!(waiting(&verifier).is_empty());
}

#[test]
fn setting_is_loosened_by_two_and_tightened_by_one() {
    let place = Place::new().believes_people();
    let verifier = place.serve().furnished();
    want(&verifier, r#"{"actions": ["write-secret"]}"#);

    let change = propose(
        &verifier,
        "PUT",
        "/v1/four-eyes",
        Some(br#"{"actions": []}"#),
    );

    let now = said(&verifier.send(&alice(), "GET", "/v1/four-eyes", None));
    assert_eq!(now["actions"], json!(["write-secret"]));
    assert_eq!(approve(&verifier, &bob(), &change).status, 200);
    let now = said(&verifier.send(&alice(), "GET", "/v1/four-eyes", None));
    assert_eq!(now["actions"], json!([]));
    // An operator's settings are beside it, and neither writes over the other's.
    let operator = token("olga", &["operators"]);
    want(&verifier, r#"{"actions": ["write-policy"]}"#);
    let quotas = br#"{"policies": 3}"#;
    let path = "/v1/tenants/default/quotas";
    assert_eq!(
        verifier.send(&operator, "PUT", path, Some(quotas)).status,
        200
    );
    let now = said(&verifier.send(&alice(), "GET", "/v1/four-eyes", None));
    assert_eq!(now["actions"], json!(["write-policy"]));
}

#[test]
fn setting_of_an_unknown_action_or_of_one_that_only_looks_is_refused() {
    let place = Place::new().believes_people();
    let verifier = place.serve();
    for body in [
        r#"{"actions": ["read-audit"]}"#,
        r#"{"actions": ["fly"]}"#,
        r#"{"action": []}"#,
        "",
    ] {
        let answer = verifier.send(&alice(), "PUT", "/v1/four-eyes", Some(body.as_bytes()));
        expect_error(&answer, 400, "InvalidRequest");
    }
    assert_eq!(verifier.log_size(), 0);
}

#[test]
fn approval_of_what_was_not_shown_is_refused() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let mut change = propose_policy(&verifier);
    change["digest"] = json!("00".repeat(32));

    let detail = expect_error(&approve(&verifier, &bob(), &change), 409, "ChangeRefused");

    assert!(detail.contains("what was seen"), "{detail}");
    assert_eq!(policy_of(&verifier), policy());
}

/// Two proposals for one thing: the second one was made without knowing of the first.
#[test]
fn change_of_what_was_changed_meanwhile_is_stale() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let secret = format!("/v1/secrets/{RESOURCE}?references=demo");
    let value = serde_json::to_vec(&reference([0x66; 48])).unwrap();
    let stricter = policy_without_smt();
    let four_eyes = r#"{"actions": ["write-tenant"]}"#.as_bytes();
    let other_four_eyes = r#"{"actions": []}"#.as_bytes();
    let requests: [[Asked<'_>; 2]; 4] = [
        [
            ("PUT", "/v1/policies/demo", Some(stricter.as_bytes())),
            ("DELETE", "/v1/policies/demo", None),
        ],
        [
            ("PUT", &secret, Some(b"one")),
            ("PUT", &secret, Some(b"other")),
        ],
        [
            ("PUT", "/v1/reference-values/demo", Some(&value)),
            ("DELETE", "/v1/reference-values/demo", None),
        ],
        [
            ("PUT", "/v1/four-eyes", Some(four_eyes)),
            ("PUT", "/v1/four-eyes", Some(other_four_eyes)),
        ],
    ];
    for two in requests {
        let [first, second] =
            two.map(|(method, path, body)| propose(&verifier, method, path, body));
        assert_eq!(approve(&verifier, &bob(), &first).status, 200);

        let answer = approve(&verifier, &bob(), &second);

        let detail = expect_error(&answer, 409, "ChangeRefused");
        assert!(detail.contains("propose it anew"), "{detail}");
        assert_eq!(decide(&verifier, &alice(), &second, "reject").status, 200);
    }
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn change_that_was_rejected_or_withdrawn_is_over_and_in_the_log() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);

    for (who, name) in [(bob(), "oidc:corp:bob"), (alice(), "oidc:corp:alice")] {
        let change = propose_policy(&verifier);
        let eve = token("eve", &["default:auditor"]);
        expect_error(
            &decide(&verifier, &eve, &change, "reject"),
            403,
            "NotPermitted",
        );

        let answer = decide(&verifier, &who, &change, "reject");

        assert_eq!(answer.status, 200);
        let entry = verifier.entry(said(&answer)["log_index"].as_u64().unwrap() - BORN);
        assert_eq!(entry["by"], name);
        assert_eq!(entry["what"]["change_rejected"]["change"], change["change"]);
        expect_error(
            &approve(&verifier, &bob(), &change),
            404,
            "ResourceNotFound",
        );
    }
    assert_eq!(policy_of(&verifier), policy());
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn change_that_nobody_approved_in_a_week_is_over_and_in_the_log() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let change = propose_policy(&verifier);
    let other = propose_policy(&verifier);
    let before = verifier.log_size();
    let late = |now| token_of("corp", "bob", &ROLES, now);
    verifier.advance(WEEK - 1);
    assert_eq!(
        approve(&verifier, &late(NOW + WEEK - 1), &change).status,
        200
    );
    verifier.advance(1);

    let answer = approve(&verifier, &late(NOW + WEEK), &other);

    let detail = expect_error(&answer, 409, "ChangeRefused");
    assert!(detail.contains("expired"), "{detail}");
    assert_eq!(verifier.log_size(), before + 3);
    let entry = format!("/v1/audit/entries/{}", BORN + before + 2);
    let auditor = token_of("corp", "eve", &["default:auditor"], NOW + WEEK);
    let entry = said(&verifier.send(&auditor, "GET", &entry, None));
    assert_eq!(entry["by"], "verifier");
    assert_eq!(entry["what"]["change_expired"]["change"], other["change"]);
    let listed = verifier.send(&auditor, "GET", "/v1/changes", None);
    assert_eq!(said(&listed), json!([]));
}

#[test]
fn change_that_is_over_is_cleared_away_by_whoever_looks() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    propose_policy(&verifier);
    let before = verifier.log_size();
    verifier.advance(WEEK);
    let auditor = token_of("corp", "eve", &["default:auditor"], NOW + WEEK);

    for _ in 0..2 {
        let listed = verifier.send(&auditor, "GET", "/v1/changes", None);
        assert_eq!(said(&listed), json!([]));
        assert_eq!(verifier.log_size(), before + 1);
    }
}

/// Neither the store nor the answers have the secret while it waits, and the guest has it afterwards.
#[test]
fn secret_that_waits_is_sealed_and_shown_to_nobody() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let secret = b"a secret that nobody but the guest ever sees";
    let path = format!("/v1/secrets/{RESOURCE}?references=demo");

    let change = propose(&verifier, "PUT", &path, Some(secret));

    let shown = format!("/v1/changes/{}", change["change"].as_str().unwrap());
    let shown = verifier.send(&bob(), "GET", &shown, None).body;
    let whole: Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(
        whole["binds"],
        json!({"policy": "demo", "references": ["demo"]})
    );
    let wal = place.store().with_extension("db-wal");
    let files = [Some(place.store()), Some(wal).filter(|file| file.exists())];
    let mut everything = vec![shown, verifier.journal().into_bytes()];
    everything.extend(
        files
            .iter()
            .flatten()
            .map(|file| std::fs::read(file).unwrap()),
    );
    for bytes in everything {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret));
    }
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
    assert_eq!(approve(&verifier, &bob(), &change).status, 200);
    assert_eq!(verifier.guest().fetch(&place.pins).0, secret);
}

#[test]
fn change_outlives_a_restart() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let change = propose_policy(&verifier);
    verifier.stop();

    let verifier = place.serve();

    assert_eq!(waiting(&verifier), std::slice::from_ref(&change));
    assert_eq!(approve(&verifier, &bob(), &change).status, 200);
    assert_eq!(policy_of(&verifier), policy_without_smt());
}

/// Many approve at once: one of them makes the change, and it is made once.
#[test]
fn change_is_made_once_however_many_approve_at_once() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let path = format!("/v1/secrets/{RESOURCE}?references=demo");
    let change = propose(&verifier, "PUT", &path, Some(b"next"));
    let before = verifier.log_size();

    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let approvals = ["bob", "carol", "dora", "emil"]
            .map(|name| token(name, &ROLES))
            .map(|who| {
                scope.spawn({
                    let (verifier, change) = (&verifier, &change);
                    move || approve(verifier, &who, change).status
                })
            });
        approvals.map(|one| one.join().unwrap()).to_vec()
    });

    let made = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(made, 1, "{statuses:?}");
    assert!(
        statuses
            .iter()
            .all(|status| [200, 404, 409].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(verifier.log_size(), before + 2);
}

/// Whoever can write to the store's file proposes nothing by that, and alters no proposal.
#[test]
fn proposal_that_the_log_does_not_have_is_not_believed() {
    let tampered = [
        // By somebody else, whom its proposer may then be a second person for.
        "UPDATE document SET bytes = CAST(replace(CAST(bytes AS TEXT), 'oidc:corp:alice', 'oidc:corp:mallo')
            AS BLOB) WHERE kind = 'change'",
        "UPDATE document SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"target\":\"demo\"', '\"target\":\"dem0\"')
            AS BLOB) WHERE kind = 'change'",
        "UPDATE document SET name = '1' WHERE kind = 'change'",
    ];
    for sql in tampered {
        let place = Place::new().believes_people();
        let verifier = careful(&place);
        let mut change = propose_policy(&verifier);
        place.tamper(sql);
        if sql.contains("SET name") {
            change["change"] = json!("1");
        }

        let answer = approve(&verifier, &bob(), &change);

        expect_error(&answer, 503, "LogUnavailable");
        assert_eq!(policy_of(&verifier), policy(), "{sql}");
    }
}

#[test]
fn store_with_a_proposal_that_the_log_does_not_have_is_not_served() {
    for sql in [
        "UPDATE document SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"target\":\"demo\"', '\"target\":\"dem0\"')
            AS BLOB) WHERE kind = 'change'",
        "DELETE FROM document WHERE kind = 'change'",
    ] {
        let place = Place::new().believes_people();
        let verifier = careful(&place);
        propose_policy(&verifier);
        verifier.stop();
        place.tamper(sql);

        let error = place.serve_error();

        assert!(error.contains("the change `"), "{error}");
    }
}

#[test]
fn proposals_beyond_the_quota_are_refused_by_its_name() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let operator = token("olga", &["operators"]);
    let quotas = br#"{"changes": 1}"#;
    let path = "/v1/tenants/default/quotas";
    assert_eq!(
        verifier.send(&operator, "PUT", path, Some(quotas)).status,
        200
    );
    propose_policy(&verifier);
    let body = policy_without_smt().into_bytes();

    let answer = verifier.send(&alice(), "PUT", "/v1/policies/demo", Some(&body));

    let detail = expect_error(&answer, 403, "QuotaExceeded");
    assert!(detail.contains("changes is 1"), "{detail}");
    assert_eq!(waiting(&verifier).len(), 1);
}

/// To put nothing is a slip, and not the way to take something away.
#[test]
fn empty_body_takes_nothing_away() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let nothing = policy_message("");
    let size = verifier.log_size();

    for (method, path, body) in [
        ("PUT", "/v1/policies/demo", b"".as_slice()),
        ("PUT", "/v1/reference-values/demo", b""),
        ("POST", "/kbs/v0/attestation-policy", &nothing),
    ] {
        let answer = verifier.send(&place.admin_token, method, path, Some(body));
        expect_error(&answer, 400, "InvalidRequest");
    }

    assert_eq!(verifier.log_size(), size);
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
}

/// What waits is under a key like what is stored: the key is not destroyed unless on purpose, and then nothing comes of it.
#[test]
fn secret_whose_key_was_destroyed_while_it_waited_is_not_put() {
    let place = Place::new().believes_people();
    let verifier = careful(&place);
    let path = format!("/v1/secrets/{RESOURCE}?references=demo");
    let change = propose(&verifier, "PUT", &path, Some(b"what waits"));
    let first = place.key_desk().list().unwrap()[0].key;
    place.key_desk().rotate().unwrap();
    place.key_desk().rewrap().unwrap();

    let refused = place.key_desk().destroy(first, false);
    assert!(refused.is_err_and(|error| error.to_string().contains("1 secrets are still under")));
    place.key_desk().destroy(first, true).unwrap();

    let detail = expect_error(&approve(&verifier, &bob(), &change), 403, "PolicyDeny");
    assert!(detail.contains("destroyed while it waited"), "{detail}");
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
    let again = propose(&verifier, "PUT", &path, Some(b"what waits"));
    assert_eq!(approve(&verifier, &bob(), &again).status, 200);
    assert_eq!(verifier.guest().fetch(&place.pins).0, b"what waits");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}
