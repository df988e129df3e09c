//! What is in a token, and what gets none.

use crate::support::{
    EXPECTED, ISSUER, LIFETIME, TENANT, claims, key, key_p384, keys, nonce, of, sample, simulated,
    simulated_with_init_data, snp, token, verifier,
};
use attestation_appraisal::{EarPublicKey, Sign, SignError, TrustTier};
use attestation_ear::{IssueError, LONGEST_LIFE, LONGEST_TOKEN, PROFILE, issue, verify};
use attestation_evidence::{Tee, TeePublicKey};
use attestation_judge::test_support::{NOW, Scene};
use attestation_judge::{VendorRoot, judge};
use serde_json::{Value, json};

#[test]
fn token_says_what_the_verdict_says_and_where_the_log_has_it() {
    for key in [key(7), key_p384()] {
        let verdict = simulated();
        let claims = claims(&token(&verdict, &key)).expect("its own token");
        assert_eq!((claims.tenant(), claims.session()), (TENANT, "5f2a"));
        assert_eq!(claims.log_origin(), "verifier.example/log");
        assert_eq!(claims.log_index(), 41);
        assert_eq!(claims.tee(), Tee::Simulated);
        assert_eq!(claims.status(), TrustTier::Warning);
        assert_eq!(
            (claims.issued_at(), claims.expires_at()),
            (NOW, NOW + LIFETIME)
        );
        assert_eq!(claims.id(), "BgYGBgYGBgYGBgYGBgYGBg");
        assert_eq!(Some(claims.recipient()), verdict.recipient());
        let policy = format!("acme/simulated@{}", verdict.policy_digest());
        assert_eq!(claims.appraisal_policy_id(), policy);
    }
}

/// The names and places are those that Trustee's resource policies and its key service go by.
#[test]
fn token_has_trustees_names_in_trustees_places() {
    let verdict = simulated();
    let claims = claims(&token(&verdict, &key(7))).expect("its own token");
    let document = claims.document();
    assert_eq!(document["eat_profile"], PROFILE);
    assert_eq!(document["iss"], ISSUER);
    assert_eq!(
        document["ear.verifier-id"],
        json!({"developer": "https://cloister.example", "build": "cloister-verifier 0.1.0"})
    );
    let cpu = &document["submods"]["cpu0"];
    assert_eq!(cpu["ear.status"], "warning");
    assert_eq!(
        cpu["ear.trustworthiness-vector"],
        json!(verdict.appraised().appraisal().trust_vector())
    );
    let evidence = &cpu["ear.veraison.annotated-evidence"];
    assert_eq!(
        evidence["simulated"],
        verdict.appraised().claims()["simulated"]
    );
    let key: TeePublicKey =
        serde_json::from_value(evidence["runtime_data_claims"]["tee-pubkey"].clone())
            .expect("a key");
    assert_eq!(Some(&key), verdict.recipient());
    assert_eq!(
        evidence["runtime_data_claims"]["nonce"],
        nonce().to_string()
    );
}

#[test]
fn token_of_a_sample_has_it_where_resource_policies_look_for_it() {
    let claims = claims(&token(&sample(), &key(7))).expect("its own token");
    let sample = "/submods/cpu0/ear.veraison.annotated-evidence/sample/svn";
    assert!(claims.document().pointer(sample).is_some());
    assert_eq!(claims.document()["cloister_simulated"], true);
    assert_ne!(claims.status(), TrustTier::Affirming);
}

#[test]
fn refused_verdict_gets_no_token() {
    let refused = Scene::any()
        .with_input(|input| input.references.clear())
        .input
        .verdict();
    let verifier = verifier();
    let refusal = issue(&of(&refused, &verifier), &key(7));
    assert_eq!(refusal, Err(IssueError::NotAccepted));
}

#[test]
fn token_lives_no_longer_than_its_key_is_published() {
    let (verdict, verifier) = (simulated(), verifier());
    let living = |lifetime| {
        let mut issued = of(&verdict, &verifier);
        issued.lifetime = lifetime;
        issue(&issued, &key(7))
    };
    assert_eq!(living(0), Err(IssueError::Lifetime(0)));
    let longer = LONGEST_LIFE + 1;
    assert_eq!(living(longer), Err(IssueError::Lifetime(longer)));
    for lifetime in [1, LONGEST_LIFE] {
        let token = living(lifetime).expect("a good time");
        assert!(verify(token.as_str(), &keys(), NOW, &EXPECTED).is_ok());
    }
    let mut late = of(&verdict, &verifier);
    late.issued_at = u64::MAX;
    assert_eq!(issue(&late, &key(7)), Err(IssueError::Time(u64::MAX)));
}

#[test]
fn token_too_long_for_a_header_is_not_issued() {
    let (verdict, verifier) = (simulated(), verifier());
    let session = "s".repeat(LONGEST_TOKEN);
    let mut issued = of(&verdict, &verifier);
    issued.session = &session;
    let refusal = issue(&issued, &key(7));
    assert!(
        matches!(refusal, Err(IssueError::TooLong(LONGEST_TOKEN..))),
        "{refusal:?}"
    );
}

/// Far below the bound, so that what a client sends back fits into its header too.
#[test]
fn token_of_each_tee_is_a_few_thousand_bytes() {
    for (tee, verdict) in [
        ("simulated", simulated()),
        ("sample", sample()),
        ("snp", snp()),
    ] {
        let length = token(&verdict, &key(7)).len();
        println!("{tee}: {length} bytes");
        assert!(length < LONGEST_TOKEN / 2, "{tee}: {length}");
    }
    let made = attestation_tdx::test_support::Scene::new().make();
    let mut case = Scene::any().input.case();
    case.tee = Tee::Tdx;
    case.evidence = made
        .quote
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    case.collateral.tdx = Some(made.json().into_bytes());
    case.trust.intel = VendorRoot::Named(made.root.clone());
    let claims = judge(&case).appraised().claims();
    let length = json!(claims).to_string().len();
    println!("claims of tdx: {length} bytes");
    assert!((1..LONGEST_TOKEN / 4).contains(&length), "tdx: {length}");
}

struct Broken(EarPublicKey);

impl Sign for Broken {
    fn public(&self) -> &EarPublicKey {
        &self.0
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        Err(SignError("the token is gone".to_owned()))
    }
}

#[test]
fn key_that_gives_no_signature_gives_no_token() {
    let (verdict, verifier) = (simulated(), verifier());
    let broken: &dyn Sign = &Broken(key(7).public().clone());
    let refusal = issue(&of(&verdict, &verifier), broken);
    assert_eq!(
        refusal,
        Err(IssueError::Sign(SignError("the token is gone".to_owned())))
    );
}

/// Members stand in the order of their names, so that one verdict has one token for one key and moment.
#[test]
fn token_is_the_same_for_the_same_verdict() {
    let verdict = simulated();
    assert_eq!(token(&verdict, &key(7)), token(&verdict, &key(7)));
    let value: Value = claims(&token(&verdict, &key(7)))
        .expect("a token")
        .document()
        .clone();
    assert_eq!(value["jti"], "BgYGBgYGBgYGBgYGBgYGBg");
}

/// Trustee's names, and where its resource policies look for them.
#[test]
fn token_has_the_init_data_that_the_evidence_binds() {
    let with = simulated_with_init_data("a = \"b\"");
    let given = claims(&token(&with, &key(7))).expect("its own token");
    let evidence = "/submods/cpu0/ear.veraison.annotated-evidence";
    let evidence = given.document().pointer(evidence).expect("evidence");
    assert_eq!(
        evidence["init_data"],
        with.appraised().claims()["init_data"]
    );
    assert_eq!(evidence["init_data_claims"], json!({"a": "b"}));
    let without = claims(&token(&simulated(), &key(7))).expect("its own token");
    assert!(!without.document().to_string().contains("init_data"));
}

#[test]
fn token_that_would_be_too_long_for_it_has_the_init_datas_digest_alone() {
    for (bytes, whole) in [(8 * 1024, true), (16 * 1024, false)] {
        let verdict = simulated_with_init_data(&format!("a = \"{}\"", "b".repeat(bytes)));
        let judged = verdict.appraised().claims();
        assert!(judged.contains_key("init_data_claims"));
        let token = token(&verdict, &key(7));
        assert!(token.len() <= LONGEST_TOKEN);
        let claims = claims(&token).expect("its own token");
        let evidence = "/submods/cpu0/ear.veraison.annotated-evidence";
        let evidence = claims.document().pointer(evidence).expect("evidence");
        assert_eq!(evidence["init_data"], judged["init_data"]);
        assert_eq!(evidence.get("init_data_claims").is_some(), whole, "{bytes}");
    }
}
