//! What docs/tokens.md says of claims and numbers is so.

use crate::support::{claims, key, simulated_with_init_data, token};
use attestation_ear::{CLOCK_SKEW, LONGEST_LIFE, LONGEST_TOKEN, PROFILE, PUBLISHED_BEFORE};
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../docs/tokens.md");

/// What is documented elsewhere, or is one value to whoever reads a token.
const WHOLE: [&str; 4] = [
    "/submods/cpu0/ear.trustworthiness-vector",
    "/submods/cpu0/ear.veraison.annotated-evidence/simulated",
    "/submods/cpu0/ear.veraison.annotated-evidence/runtime_data_claims/tee-pubkey",
    "/submods/cpu0/ear.veraison.annotated-evidence/init_data_claims",
];

fn places(value: &Value, place: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) if !WHOLE.contains(&place) => {
            for (name, member) in members {
                places(member, &format!("{place}/{name}"), found);
            }
        }
        _ => {
            // Each TEE's claims have a member of its name.
            found.insert(place.replace("/simulated", "/TEE"));
        }
    }
}

fn documented() -> BTreeSet<String> {
    let (_, section) = PAGE.split_once("## Claims\n").expect("the section");
    let table = section.split("\n#").next().expect("its end");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `/"));
    let place = |row: &str| format!("/{}", row.split('`').next().expect("a name"));
    rows.map(place).collect()
}

#[test]
fn every_claim_of_a_token_is_documented_and_no_other() {
    let claims =
        claims(&token(&simulated_with_init_data("a = \"b\""), &key(7))).expect("its own token");
    let mut found = BTreeSet::new();
    places(claims.document(), "", &mut found);
    assert_eq!(documented(), found);
}

#[test]
fn numbers_of_the_page_are_the_codes() {
    for number in [
        format!("{LONGEST_LIFE} s"),
        format!("{CLOCK_SKEW} s"),
        format!("{PUBLISHED_BEFORE} s"),
        format!("{LONGEST_TOKEN} bytes"),
        format!("`{PROFILE}`"),
    ] {
        assert!(PAGE.contains(&number), "{number}");
    }
}
