//! What administrators list and take back; and a restart after each, which compares the store with its log.

use crate::support::{
    DIGEST, Guest, OpenedSession, Place, RESOURCE, SECRET, Verifier, expect_error, policy_named,
};
use attestation_audit::Conclusion;
use attestation_judge::test_support::reference;
use serde_json::json;

const SECRET_PATH: &str = "/v1/secrets/default/disk/data";

/// A guest that was accepted, and its session.
fn attested<'a>(verifier: &'a Verifier<'_>) -> (Guest<'a>, OpenedSession) {
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    (guest, opened)
}

#[track_caller]
fn done(
    verifier: &Verifier<'_>,
    method: &str,
    path: &str,
    body: Option<&[u8]>,
) -> serde_json::Value {
    let answer = verifier.administer(method, path, body);
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{method} {path}: {text}");
    serde_json::from_str(&text).unwrap()
}

fn revoke(verifier: &Verifier<'_>, reason: &str) -> serde_json::Value {
    let body = json!({ "reason": reason }).to_string();
    let path = "/v1/reference-values/demo/revocation";
    done(verifier, "PUT", path, Some(body.as_bytes()))
}

/// The store is what its log says, to the verifier that starts anew and to the auditor; the verifier that did.
#[track_caller]
fn restarted<'a>(place: &'a Place, verifier: Verifier<'_>) -> Verifier<'a> {
    verifier.stop();
    let verifier = place.serve();
    let report = verifier.audit();
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    verifier
}

#[test]
fn lists_name_what_is_registered_and_keep_the_secrets() {
    let place = Place::new();
    let verifier = place.serve();
    for path in [
        "/v1/policies",
        "/v1/reference-values",
        "/v1/secrets",
        "/v1/audit/entries",
    ] {
        assert_eq!(verifier.look(path), json!([]), "{path}");
    }
    let verifier = verifier.furnished();
    let another = policy_named("another").into_bytes();
    assert_eq!(verifier.put("/v1/policies/another", &another).status, 200);

    let policies = verifier.look("/v1/policies");
    let values = verifier.look("/v1/reference-values");
    let secrets = verifier.look("/v1/secrets");

    let names = policies.as_array().unwrap().iter().map(|one| &one["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["another", "demo"]);
    let registration = verifier.entry(0);
    assert_eq!(
        policies[1]["sha256"],
        registration["what"]["policy"]["digest"]
    );
    assert_eq!(
        values,
        json!([serde_json::to_value(reference(DIGEST)).unwrap()])
    );
    assert_eq!(
        secrets,
        json!([{"resource": RESOURCE, "version": 1, "policy": "demo", "references": ["demo"], "destroyed": false}])
    );
    assert_eq!(verifier.look("/v1/reference-values/demo"), values[0]);
    let text = verifier
        .administer("GET", "/v1/policies/another", None)
        .body;
    assert_eq!(text, another);
    restarted(&place, verifier);
}

#[test]
fn what_is_not_registered_is_not_found() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let size = verifier.log_size();
    let reason = Some(br#"{"reason":"over"}"#.as_slice());

    for (method, path, body) in [
        ("GET", "/v1/policies/none", None),
        ("DELETE", "/v1/policies/none", None),
        ("GET", "/v1/reference-values/none", None),
        ("DELETE", "/v1/reference-values/none", None),
        ("PUT", "/v1/reference-values/none/revocation", reason),
        ("DELETE", "/v1/secrets/default/disk/none", None),
        ("GET", "/v1/audit/entries/3", None),
    ] {
        let answer = verifier.administer(method, path, body);
        expect_error(&answer, 404, "ResourceNotFound");
    }

    assert_eq!(verifier.log_size(), size);
}

#[test]
fn removed_policy_judges_nobody_and_releases_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (guest, opened) = attested(&verifier);

    let answered = done(&verifier, "DELETE", "/v1/policies/demo", None);

    assert_eq!(answered, json!({"name": "demo", "log_index": 8}));
    expect_error(&guest.resource(&opened.cookie, RESOURCE), 503, "NotReady");
    expect_error(&guest.attest(&guest.auth()), 503, "NotReady");
    assert_eq!(verifier.look("/v1/policies"), json!([]));
    let verifier = restarted(&place, verifier);
    expect_error(
        &verifier.guest().resource(&opened.cookie, RESOURCE),
        503,
        "NotReady",
    );
    verifier.put_policy();
    let guest = verifier.guest();
    assert_eq!(guest.attest(&guest.auth()).status, 200);
    restarted(&place, verifier);
}

#[test]
fn removed_reference_value_allows_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (guest, opened) = attested(&verifier);

    done(&verifier, "DELETE", "/v1/reference-values/demo", None);

    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
    expect_error(&guest.attest(&guest.auth()), 401, "AttestationFailed");
    let verifier = restarted(&place, verifier);
    expect_error(
        &verifier.guest().resource(&opened.cookie, RESOURCE),
        403,
        "PolicyDeny",
    );
    verifier.put_reference(DIGEST);
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
    restarted(&place, verifier);
}

#[test]
fn revoked_reference_value_is_named_with_the_reason_by_the_refusals_it_causes() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (guest, opened) = attested(&verifier);

    revoke(&verifier, "CVE-2026-0001 in this kernel");

    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
    let detail = expect_error(&guest.attest(&guest.auth()), 401, "AttestationFailed");
    assert!(
        detail.contains("`demo`") || detail.contains("demo"),
        "{detail}"
    );
    assert!(detail.contains("CVE-2026-0001 in this kernel"), "{detail}");
    assert!(verifier.journal().contains("CVE-2026-0001"));
    let listed = verifier.look("/v1/reference-values");
    assert_eq!(
        listed[0]["revoked"]["reason"],
        "CVE-2026-0001 in this kernel"
    );
    let verifier = restarted(&place, verifier);
    let guest = verifier.guest();
    let detail = expect_error(&guest.attest(&guest.auth()), 401, "AttestationFailed");
    assert!(detail.contains("CVE-2026-0001 in this kernel"), "{detail}");
}

#[test]
fn second_revocation_and_one_without_a_reason_are_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let path = "/v1/reference-values/demo/revocation";
    for body in ["", "{}", r#"{"reason":1}"#, r#"{"reason":"a","at":0}"#] {
        let answer = verifier.administer("PUT", path, Some(body.as_bytes()));
        expect_error(&answer, 400, "InvalidRequest");
    }
    revoke(&verifier, "first");

    let answer = verifier.administer("PUT", path, Some(br#"{"reason":"second"}"#));

    let detail = expect_error(&answer, 400, "InvalidRequest");
    assert!(detail.contains("revoked already"), "{detail}");
    let kept = verifier.look("/v1/reference-values/demo");
    assert_eq!(kept["revoked"]["reason"], "first");
}

#[test]
fn destroyed_secret_is_released_to_nobody_and_its_bytes_are_gone() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (guest, opened) = attested(&verifier);
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);

    let answered = done(&verifier, "DELETE", SECRET_PATH, None);

    assert_eq!(answered["version"], 1);
    let answer = guest.resource(&opened.cookie, RESOURCE);
    expect_error(&answer, 404, "ResourceNotFound");
    let again = verifier.administer("DELETE", SECRET_PATH, None);
    expect_error(&again, 404, "ResourceNotFound");
    assert_eq!(verifier.look("/v1/secrets")[0]["destroyed"], true);
    let left: i64 = place
        .open_store()
        .query_row(
            "SELECT coalesce(sum(length(sealed)), 0) FROM secret",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(left, 0, "no sealed bytes");
    let verifier = restarted(&place, verifier);
    let answer = verifier.guest().resource(&opened.cookie, RESOURCE);
    expect_error(&answer, 404, "ResourceNotFound");
}

#[test]
fn secret_after_its_destruction_has_the_next_version() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let put = format!("{SECRET_PATH}?references=demo");
    assert_eq!(done(&verifier, "PUT", &put, Some(b"second"))["version"], 2);
    assert_eq!(done(&verifier, "DELETE", SECRET_PATH, None)["version"], 2);

    let third = done(&verifier, "PUT", &put, Some(b"third"));

    assert_eq!(third["version"], 3);
    let listed = verifier.look("/v1/secrets");
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed[0]["version"], &listed[0]["destroyed"]),
        (&json!(3), &json!(false))
    );
    let verifier = restarted(&place, verifier);
    assert_eq!(verifier.guest().fetch(&place.pins).0, b"third");
}

#[test]
fn destroyed_secret_that_comes_back_into_the_store_stops_the_start() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let sealed: Vec<u8> = place
        .open_store()
        .query_row("SELECT sealed FROM secret", [], |row| row.get(0))
        .unwrap();
    done(&verifier, "DELETE", SECRET_PATH, None);
    verifier.stop();

    place.tamper(&format!("UPDATE secret SET sealed = X'{}'", hex(&sealed)));

    let error = place.serve_error();
    assert!(error.contains("not what the log says"), "{error}");
}

#[test]
fn revocation_that_is_taken_out_of_the_store_stops_the_start() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let before: Vec<u8> = place
        .open_store()
        .query_row(
            "SELECT bytes FROM document WHERE kind = 'reference'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    revoke(&verifier, "over");
    verifier.stop();

    place.tamper(&format!(
        "UPDATE document SET bytes = X'{}' WHERE kind = 'reference'",
        hex(&before)
    ));

    let error = place.serve_error();
    assert!(error.contains("not what the log says"), "{error}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn log_is_listed_from_where_it_is_asked_for() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    let all = verifier.look("/v1/audit/entries");
    let last = verifier.look("/v1/audit/entries?from=6");

    let indexes = |page: &serde_json::Value| -> Vec<u64> {
        let page = page.as_array().unwrap().iter();
        page.map(|one| one["index"].as_u64().unwrap()).collect()
    };
    assert_eq!(indexes(&all), [4, 5, 6]);
    assert_eq!(indexes(&last), [6]);
    assert_eq!(last[0]["entry"], verifier.entry(2));
    assert_eq!(verifier.look("/v1/audit/entries?from=99"), json!([]));
    for query in ["from=a", "from=-1", "before=1"] {
        let answer = verifier.administer("GET", &format!("/v1/audit/entries?{query}"), None);
        expect_error(&answer, 400, "InvalidRequest");
    }
}
