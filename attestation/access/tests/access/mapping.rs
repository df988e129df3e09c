//! What claims give.

use std::collections::BTreeSet;

use attestation_access::{ClaimPath, Grant, InvalidIssuer, Issuer, IssuerSettings, Proof};
use serde_json::{Value, json};

use crate::signer::{NOW, Signer, claims, issuer_of, settings};

fn grants(rules: Value, change: impl FnOnce(&mut Value)) -> BTreeSet<String> {
    let mut settings = settings();
    settings["rules"] = rules;
    let mut claims = claims();
    change(&mut claims);
    let signer = Signer::ed_dsa();
    let identity = issuer_of(settings)
        .prove(&signer.token(&claims), &signer.keys(), NOW)
        .unwrap();
    let text = |grant: &Grant| match grant.tenant() {
        Some(tenant) => format!("{tenant}:{}", grant.role()),
        None => grant.role().to_string(),
    };
    identity.grants().map(text).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn two_claims() -> Value {
    json!([{ "tenant-and-roles": {
        "tenant_claim": ["org", "id"], "tenants": { "Alpha Corp": "alpha", "Beta": "beta" },
        "roles_claim": ["https://corp.example/roles"],
        "roles": { "authors": ["policy-author"], "all": ["admin", "auditor"] },
    }}])
}

#[test]
fn tenant_and_roles_of_two_claims_are_joined() {
    let found = grants(two_claims(), |claims| {
        claims["org"] = json!({ "id": "Alpha Corp" });
        claims["https://corp.example/roles"] = json!(["authors", "all", "unknown"]);
    });
    assert_eq!(
        found,
        set(&["alpha:policy-author", "alpha:admin", "alpha:auditor"])
    );
}

#[test]
fn two_tenants_in_one_claim_give_nothing() {
    // Whose author he is, the token does not say.
    for both in [
        json!(["Alpha Corp", "Beta"]),
        json!(["Alpha Corp", "unknown"]),
    ] {
        let found = grants(two_claims(), |claims| {
            claims["org"] = json!({ "id": both });
            claims["https://corp.example/roles"] = json!("authors");
        });
        assert_eq!(found, set(&[]));
    }
}

#[test]
fn value_that_no_rule_has_gives_nothing() {
    for (id, roles) in [
        (json!("Gamma"), json!("authors")),
        (json!("alpha"), json!("authors")),
        (json!("Alpha Corp"), json!("author")),
        (json!("Alpha Corp"), json!("policy-author")),
        (json!("Alpha Corp"), json!("operator")),
        (json!("Alpha Corp"), json!(["authors", 1])),
        (json!("Alpha Corp"), json!({ "authors": true })),
        (json!("Alpha Corp"), json!("authors all")),
        (json!(1), json!("authors")),
        (Value::Null, json!("authors")),
    ] {
        let found = grants(two_claims(), |claims| {
            claims["org"] = json!({ "id": id });
            claims["https://corp.example/roles"] = roles.clone();
        });
        assert_eq!(found, set(&[]), "{id} {roles}");
    }
}

#[test]
fn claim_that_is_not_there_gives_nothing() {
    assert_eq!(grants(two_claims(), |_| ()), set(&[]));
    let flat = grants(two_claims(), |claims| claims["org"] = "Alpha Corp".into());
    assert_eq!(flat, set(&[]));
}

#[test]
fn value_gives_the_grants_that_stand_beside_it() {
    let rules = json!([{ "grants": { "claim": ["groups"], "values": {
        "ops": ["operator"],
        "both": [
            { "tenant": { "name": "alpha", "role": "admin" } },
            { "tenant": { "name": "beta", "role": "auditor" } },
        ],
    }}}]);
    let found = grants(rules.clone(), |claims| claims["groups"] = json!(["both"]));
    assert_eq!(found, set(&["alpha:admin", "beta:auditor"]));
    let found = grants(rules, |claims| claims["groups"] = json!("ops"));
    assert_eq!(found, set(&["operator"]));
}

#[test]
fn path_without_a_name_is_none() {
    let path = |names: Vec<&str>| {
        ClaimPath::try_from(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())
    };
    assert!(path(vec!["a"; 8]).is_ok());
    assert!(path(vec!["a"; 9]).is_err());
    assert!(path(vec![]).is_err());
    assert!(path(vec!["a", ""]).is_err());
}

#[test]
fn issuer_of_a_tenant_gives_nothing_elsewhere() {
    let of_tenant = |tenant: &str, rules: Value| {
        let mut settings = settings();
        settings["rules"] = rules;
        let settings = serde_json::from_value(settings).unwrap();
        Issuer::of_tenant(&tenant.parse().unwrap(), settings).map(|_| ())
    };
    let grants =
        |grants: Value| json!([{ "grants": { "claim": ["g"], "values": { "x": grants } } }]);
    let in_alpha = json!({ "tenant": { "name": "alpha", "role": "admin" } });
    assert_eq!(of_tenant("alpha", grants(json!([in_alpha]))), Ok(()));
    let elsewhere = Err(InvalidIssuer::Elsewhere);
    assert_eq!(of_tenant("beta", grants(json!([in_alpha]))), elsewhere);
    assert_eq!(
        of_tenant("alpha", grants(json!([in_alpha, "operator"]))),
        elsewhere
    );
    assert_eq!(of_tenant("alpha", two_claims()), elsewhere);
}

#[test]
fn issuer_of_a_tenant_is_never_taken_for_the_verifiers() {
    let signer = Signer::ed_dsa();
    let token = signer.token(&claims());
    let own: IssuerSettings = serde_json::from_value(settings()).unwrap();
    let own = Issuer::of_tenant(&"alpha".parse().unwrap(), own).unwrap();
    let identity = own.prove(&token, &signer.keys(), NOW).unwrap();
    assert_eq!(identity.to_string(), "oidc:alpha/corp:alice");
    assert_eq!(
        identity.proof(),
        Some(&Proof::Oidc("alpha/corp".to_owned()))
    );
}

#[test]
fn token_says_whose_it_is_before_anything_is_proven() {
    let mut claims = claims();
    let signer = Signer::ed_dsa();
    let issuer = issuer_of(settings());
    assert!(issuer.is_named_by(&signer.token(&claims)));
    claims["iss"] = "https://other.example".into();
    assert!(!issuer.is_named_by(&signer.token(&claims)));
    assert!(!issuer.is_named_by("..") && !issuer.is_named_by(""));
}
