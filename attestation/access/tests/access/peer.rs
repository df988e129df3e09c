//! Tokens that PyJWT made, and what it says of them: peer/make.py.

use std::collections::BTreeSet;

use attestation_access::KeySet;
use serde_json::Value;

use crate::signer::{issuer_of, settings};

fn document() -> Value {
    serde_json::from_str(include_str!("peer/tokens.json")).unwrap()
}

#[test]
fn token_of_pyjwt_is_judged_as_pyjwt_judges_it() {
    let document = document();
    let mut settings = settings();
    settings["issuer"] = document["issuer"].clone();
    settings["audience"] = document["audience"].clone();
    let issuer = issuer_of(settings);
    let keys = KeySet::read(document["jwks"].to_string().as_bytes()).unwrap();
    assert_eq!(keys.passed_over().count(), 0);
    let now = document["now"].as_u64().unwrap();
    let mut seen = [0, 0];
    for case in document["tokens"].as_array().unwrap() {
        let token = case["token"].as_str().unwrap();
        let judged = issuer.prove(token, &keys, now);
        let name = &case["name"];
        match case["subject"].as_str() {
            Some(sub) => {
                let expected = format!("oidc:corp:{sub}");
                assert_eq!(judged.unwrap().to_string(), expected, "{name}");
                seen[0] += 1;
            }
            None => {
                assert!(judged.is_err(), "{name}");
                seen[1] += 1;
            }
        }
    }
    assert_eq!(seen, [6, 16]);
}

#[test]
fn tokens_of_pyjwt_are_of_every_algorithm() {
    let document = document();
    let listed = document["jwks"]["keys"].as_array().unwrap();
    let found: BTreeSet<_> = listed
        .iter()
        .map(|key| key["alg"].as_str().unwrap())
        .collect();
    let all = attestation_access::Algorithm::ALL.map(attestation_access::Algorithm::as_str);
    assert_eq!(found, all.into());
}
