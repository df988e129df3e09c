//! What is registered is what the log says, whatever is written to the store's file.

use crate::support::{Place, RESOURCE, expect_error};

/// A stopped verifier with two policies, two reference values and a secret.
fn furnished_place() -> Place {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let policy = crate::support::policy_named("other");
    let body = policy.into_bytes();
    assert_eq!(verifier.put("/v1/policies/other", &body).status, 200);
    let mut reference = attestation_judge::test_support::reference([0x77; 48]);
    reference.name = "other".to_owned();
    let body = serde_json::to_vec(&reference).unwrap();
    assert_eq!(
        verifier.put("/v1/reference-values/other", &body).status,
        200
    );
    verifier.stop();
    place
}

#[test]
fn row_that_is_not_what_the_log_says_stops_the_start_and_is_named() {
    let replace = |table: &str, from: &str, to: &str| {
        format!(
            "UPDATE document SET bytes = CAST(replace(CAST(bytes AS TEXT), '{from}', '{to}') AS BLOB)
             WHERE name = 'demo' AND kind = '{table}'"
        )
    };
    let policy = "the policy `demo`";
    let reference = "the reference value `demo`";
    let secret = "the secret `default/disk/data version ";
    let rebind = |from: &str, to: &str| {
        format!(
            "UPDATE secret SET terms = CAST(replace(CAST(terms AS TEXT), '{from}', '{to}') AS BLOB)"
        )
    };
    for (sql, row) in [
        (replace("policy", "false", "true"), policy),
        (
            "DELETE FROM document WHERE kind = 'policy' AND name = 'demo'".to_owned(),
            policy,
        ),
        (replace("reference", "5a5a", "5a5b"), reference),
        (
            "DELETE FROM document WHERE kind = 'reference' AND name = 'demo'".to_owned(),
            reference,
        ),
        (
            "INSERT INTO document VALUES ('default', 'reference', 'third', x'7b7d')".to_owned(),
            "the reference value `third`",
        ),
        (
            rebind(r#""demo","references""#, r#""other","references""#),
            secret,
        ),
        (rebind(r#"["demo"]"#, r#"["demo","other"]"#), secret),
        ("UPDATE secret SET version = 2".to_owned(), secret),
        ("DELETE FROM secret".to_owned(), secret),
    ] {
        let place = furnished_place();
        place.tamper(&sql);

        let error = place.serve_error();

        assert!(
            error.contains(row) && error.contains("store.sqlite"),
            "{sql}: {error}"
        );
    }
}

#[test]
fn secret_whose_row_was_bound_to_another_launch_or_policy_does_not_open() {
    for (binding, change) in [
        ("references=other", [r#"["other"]"#, r#"["demo"]"#]),
        (
            "references=demo&policy=other",
            [r#""policy":"other""#, r#""policy":"demo""#],
        ),
    ] {
        let place = furnished_place();
        let verifier = place.serve();
        let path = format!("/v1/secrets/{RESOURCE}?{binding}");
        assert_eq!(verifier.put(&path, b"for others").status, 200);
        let guest = verifier.guest();
        let opened = guest.auth();
        assert_eq!(guest.attest(&opened).status, 200);
        expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");

        let [from, to] = change;
        place.tamper(&format!(
            "UPDATE secret SET terms = CAST(replace(CAST(terms AS TEXT), '{from}', '{to}') AS BLOB)
             WHERE length(sealed) > 0"
        ));

        expect_error(
            &guest.resource(&opened.cookie, RESOURCE),
            500,
            "InternalError",
        );
        assert!(verifier.journal().contains("does not open"), "{change:?}");
    }
}
