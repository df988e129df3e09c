//! The life of a tenant, and how much it may have.

use crate::support::people::token;
use crate::support::{
    DIGEST, Place, RESOURCE, SECRET, Verifier, expect_error, policy, policy_named,
};
use attestation_audit::Conclusion;
use attestation_judge::test_support::reference;
use attestation_service::Answer;
use serde_json::{Value, json};

const ACME: &str = "/v1/tenants/acme";

fn operator() -> String {
    token("olga", &["operators"])
}

/// Somebody with every role in the tenant `acme`.
fn alice() -> String {
    let roles = ["admin", "policy-author", "secret-owner", "relying-party"];
    let roles = roles.map(|role| format!("acme:{role}"));
    token("alice", &roles.each_ref().map(String::as_str))
}

fn operate(verifier: &Verifier<'_>, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
    verifier.send(&operator(), method, path, body)
}

#[track_caller]
fn done(answer: &Answer) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
    serde_json::from_slice(&answer.body).unwrap()
}

/// A verifier with a tenant `acme`, which has a policy, a reference value and a secret.
fn with_acme(place: &Place) -> Verifier<'_> {
    let verifier = place.serve();
    done(&operate(&verifier, "PUT", ACME, None));
    for (path, body) in furniture() {
        done(&verifier.send(&alice(), "PUT", &path, Some(&body)));
    }
    verifier
}

fn furniture() -> [(String, Vec<u8>); 3] {
    let value = serde_json::to_vec(&reference(DIGEST)).unwrap();
    let secret = format!("/t/acme/v1/secrets/{RESOURCE}?references=demo");
    [
        ("/t/acme/v1/policies/demo".to_owned(), policy().into_bytes()),
        ("/t/acme/v1/reference-values/demo".to_owned(), value),
        (secret, SECRET.to_vec()),
    ]
}

fn set_quotas(verifier: &Verifier<'_>, quotas: &Value) {
    let body = quotas.to_string();
    let path = format!("{ACME}/quotas");
    done(&operate(verifier, "PUT", &path, Some(body.as_bytes())));
}

fn used(verifier: &Verifier<'_>) -> Value {
    done(&verifier.send(&alice(), "GET", ACME, None))["used"].clone()
}

fn suspend(verifier: &Verifier<'_>) {
    done(&operate(
        verifier,
        "PUT",
        &format!("{ACME}/suspension"),
        None,
    ));
}

#[test]
fn suspended_tenant_gets_no_challenge_verdict_or_secret_until_it_is_resumed() {
    let place = Place::new().believes_people();
    let verifier = with_acme(&place);
    let guest = verifier.guest().of("acme");
    let (accepted, waiting) = (guest.auth(), guest.auth());
    let said: Value = serde_json::from_slice(&guest.attest(&accepted).body).unwrap();
    let ear = said["token"].as_str().unwrap();

    suspend(&verifier);

    let opening = br#"{"version":"0.4.0","tee":"simulated","extra-params":""}"#.as_slice();
    let verify = br#"{"tee":"sample","evidence":{},"report_data":null}"#.as_slice();
    let resource = format!("/t/acme/kbs/v0/resource/{RESOURCE}");
    let by_v1 = format!("/t/acme/v1/secrets/{RESOURCE}");
    let refused = [
        verifier.send("", "POST", "/t/acme/kbs/v0/auth", Some(opening)),
        verifier.send("", "POST", "/t/acme/v1/challenge", Some(opening)),
        guest.attest(&waiting),
        guest.resource(&accepted.cookie, RESOURCE),
        verifier.send(ear, "GET", &resource, None),
        verifier.send(ear, "GET", &by_v1, None),
        verifier.send(&alice(), "POST", "/t/acme/v1/verify", Some(verify)),
    ];
    for answer in refused {
        expect_error(&answer, 403, "TenantSuspended");
    }
    for (path, body) in furniture() {
        let answer = verifier.send(&alice(), "PUT", &path, Some(&body));
        expect_error(&answer, 403, "TenantSuspended");
    }
    // What there is can be seen, and that it is not served.
    done(&verifier.send(&alice(), "GET", "/t/acme/v1/secrets", None));
    let listed = done(&verifier.send(&alice(), "GET", ACME, None));
    assert_eq!(listed["state"], "suspended");
    done(&operate(
        &verifier,
        "DELETE",
        &format!("{ACME}/suspension"),
        None,
    ));
    let (secret, _) = verifier.guest().of("acme").fetch(&place.pins);
    assert_eq!(secret, SECRET);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn suspension_of_one_tenant_is_not_anothers_and_stays_over_a_restart() {
    let place = Place::new().believes_people();
    let verifier = with_acme(&place).furnished();
    suspend(&verifier);
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
    let twice = operate(&verifier, "PUT", &format!("{ACME}/suspension"), None);
    expect_error(&twice, 400, "InvalidRequest");
    verifier.stop();

    let verifier = place.serve();

    let opening = br#"{"version":"0.4.0","tee":"simulated","extra-params":""}"#.as_slice();
    let answer = verifier.send("", "POST", "/t/acme/kbs/v0/auth", Some(opening));
    expect_error(&answer, 403, "TenantSuspended");
    let entry = verifier.log_size() + crate::support::BORN - 2;
    let auditor = token("eve", &["acme:auditor"]);
    let page = done(&verifier.send(&auditor, "GET", "/t/acme/v1/audit/entries", None));
    let last = page.as_array().unwrap().last().unwrap();
    assert!(last["index"].as_u64().unwrap() <= entry);
    assert_eq!(last["entry"]["by"], "oidc:corp:olga");
    assert!(last["entry"]["what"]["tenant_changed"].is_object());
}

#[test]
fn removed_tenant_has_nothing_left_but_its_entries_and_its_name_is_not_given_again() {
    let place = Place::new().believes_people();
    let verifier = with_acme(&place);
    let guest = verifier.guest().of("acme");
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    let removed = done(&operate(&verifier, "DELETE", ACME, None));

    assert_eq!(removed["name"], "acme");
    let answer = guest.resource(&opened.cookie, RESOURCE);
    expect_error(&answer, 404, "ResourceNotFound");
    let answer = verifier.send(&alice(), "GET", ACME, None);
    expect_error(&answer, 403, "NotPermitted");
    for (path, body) in furniture() {
        let answer = verifier.send(&alice(), "PUT", &path, Some(&body));
        expect_error(&answer, 403, "NotPermitted");
    }
    for method in ["PUT", "DELETE"] {
        let answer = operate(&verifier, method, ACME, None);
        assert!(matches!(answer.status, 400 | 403), "{method}");
    }
    let path = format!("{ACME}/suspension");
    expect_error(&operate(&verifier, "PUT", &path, None), 403, "NotPermitted");
    let listed = done(&operate(&verifier, "GET", "/v1/tenants", None));
    assert_eq!(listed[0]["state"], "removed");
    assert_eq!(listed[0]["used"]["policies"], 0);
    let auditor = token("eve", &["acme:auditor"]);
    let page = done(&verifier.send(&auditor, "GET", "/t/acme/v1/audit/entries", None));
    assert_eq!(page.as_array().unwrap().len(), 6, "{page}");
    let sealed: i64 = place
        .open_store()
        .query_row(
            "SELECT sum(length(sealed)) FROM secret WHERE tenant = 'acme'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(sealed, 0);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
    verifier.stop();
    let verifier = place.serve();
    expect_error(
        &operate(&verifier, "PUT", ACME, None),
        400,
        "InvalidRequest",
    );
}

#[test]
fn tenant_that_nobody_made_can_be_removed_too() {
    let place = Place::new().believes_people();
    let verifier = place.serve().furnished();

    done(&operate(&verifier, "DELETE", "/v1/tenants/default", None));

    let opening = br#"{"version":"0.4.0","tee":"simulated","extra-params":""}"#.as_slice();
    let answer = verifier.send("", "POST", "/kbs/v0/auth", Some(opening));
    expect_error(&answer, 403, "NotPermitted");
    let again = operate(&verifier, "PUT", "/v1/tenants/default", None);
    expect_error(&again, 400, "InvalidRequest");
}

#[test]
fn tenant_is_suspended_resumed_and_removed_by_operators_alone() {
    let place = Place::new().believes_people();
    let verifier = with_acme(&place);
    let size = verifier.log_size();
    let suspension = format!("{ACME}/suspension");

    for (method, path) in [
        ("PUT", suspension.as_str()),
        ("DELETE", suspension.as_str()),
        ("DELETE", ACME),
        ("PUT", "/v1/tenants/acme/quotas"),
    ] {
        let answer = verifier.send(&alice(), method, path, Some(b"{}"));
        expect_error(&answer, 403, "NotPermitted");
        let answer = verifier.send("", method, path, Some(b"{}"));
        expect_error(&answer, 401, "NotProven");
    }
    let nowhere = operate(&verifier, "PUT", "/v1/tenants/ghost/suspension", None);
    expect_error(&nowhere, 403, "NotPermitted");
    assert_eq!(verifier.log_size(), size);
}

/// One more of everything than there may be.
#[test]
fn what_is_beyond_a_quota_is_refused_by_its_name_and_nothing_of_it_is_kept() {
    let place = Place::new().believes_people();
    let verifier = with_acme(&place);
    let mut value = reference(DIGEST);
    value.name = "other".to_owned();
    let value = serde_json::to_vec(&value).unwrap();
    let more = [
        (
            "policies",
            "/t/acme/v1/policies/other",
            policy_named("other").into_bytes(),
        ),
        (
            "reference_values",
            "/t/acme/v1/reference-values/other",
            value,
        ),
        (
            "secrets",
            "/t/acme/v1/secrets/a/b/c?references=demo",
            SECRET.to_vec(),
        ),
    ];
    for (quota, path, body) in &more {
        set_quotas(&verifier, &json!({ *quota: 1 }));
        let before = (verifier.log_size(), used(&verifier));

        let answer = verifier.send(&alice(), "PUT", path, Some(body));

        let detail = expect_error(&answer, 403, "QuotaExceeded");
        assert!(
            detail.contains(&format!("limit of {quota} is 1")),
            "{detail}"
        );
        assert_eq!((verifier.log_size(), used(&verifier)), before);
    }
    // What there is can be replaced though no more fits, and be taken away.
    set_quotas(
        &verifier,
        &json!({"policies": 0, "reference_values": 0, "secrets": 0}),
    );
    for (path, body) in furniture() {
        done(&verifier.send(&alice(), "PUT", &path, Some(&body)));
    }
    let secret = format!("/t/acme/v1/secrets/{RESOURCE}");
    done(&verifier.send(&alice(), "DELETE", &secret, None));
    done(&verifier.send(&alice(), "DELETE", "/t/acme/v1/policies/demo", None));
}

#[test]
fn stored_bytes_are_of_everything_together_and_shown_beside_the_quota() {
    let place = Place::new().believes_people();
    let verifier = with_acme(&place);
    let now = used(&verifier);
    assert_eq!(now["policies"], 1);
    assert_eq!(now["reference_values"], 1);
    assert_eq!(now["secrets"], 1);
    assert_eq!(now["changes"], 0);
    let bytes = now["stored_bytes"].as_u64().unwrap();
    assert!(bytes > u64::try_from(policy().len() + SECRET.len()).unwrap());
    set_quotas(&verifier, &json!({"stored_bytes": bytes + 1000}));
    let path = "/t/acme/v1/secrets/a/b/c?references=demo";

    let answer = verifier.send(&alice(), "PUT", path, Some(&[7; 1000]));

    let detail = expect_error(&answer, 403, "QuotaExceeded");
    assert!(detail.contains("stored_bytes"), "{detail}");
    done(&verifier.send(&alice(), "PUT", path, Some(&[7; 500])));
    let listed = done(&operate(&verifier, "GET", "/v1/tenants", None));
    assert_eq!(listed[0]["name"], "acme");
    assert_eq!(listed[0]["quotas"]["stored_bytes"], bytes + 1000);
    assert_eq!(listed[0]["used"]["secrets"], 2);
}
