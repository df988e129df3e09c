//! Client certificates.

use attestation_access::{
    AcceptedByTls, CertificateRefusal, CertificateRule, ClientCertificates, InvalidCertificateRules,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, PublicKeyData, SanType};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

const SPIFFE: &str = "spiffe://corp.example/ci/policies";

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().unwrap())
}

/// A certificate of these names, and its key. The common name says what rules look for, and is never to be looked at.
fn certificate_of(
    names: Vec<SanType>,
    change: impl FnOnce(&mut CertificateParams),
) -> (Vec<u8>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    params.distinguished_name.push(DnType::CommonName, SPIFFE);
    change(&mut params);
    let spki = hex::encode(digest(&SHA256, &key.subject_public_key_info()));
    let certificate = params.self_signed(&key).unwrap();
    (certificate.der().to_vec(), spki)
}

fn certificate(names: Vec<SanType>) -> Vec<u8> {
    certificate_of(names, |_| ()).0
}

fn rule(kind: &str, text: &str, name: &str) -> Value {
    json!({
        "certificate": { kind: text }, "name": name,
        "grants": [{ "tenant": { "name": "alpha", "role": "policy-author" } }],
    })
}

fn read(rule: &Value) -> CertificateRule {
    serde_json::from_value(rule.clone()).unwrap()
}

fn rules(rules: &[Value]) -> ClientCertificates {
    ClientCertificates::new(rules.iter().map(read)).unwrap()
}

fn proven(rules: &ClientCertificates, der: &[u8]) -> Result<String, CertificateRefusal> {
    let identity = rules.prove(AcceptedByTls::end_entity(der))?;
    assert_eq!(identity.grants().count(), 1);
    Ok(identity.to_string())
}

#[test]
fn certificate_is_recognised_by_each_of_three_ways() {
    let (der, spki) = certificate_of(vec![uri(SPIFFE), dns("Client.Corp.example")], |_| ());
    for one in [
        rule("uri", SPIFFE, "ci"),
        rule("dns", "client.corp.example", "ci"),
        rule("spki-sha256", &spki, "ci"),
    ] {
        assert_eq!(proven(&rules(&[one]), &der).unwrap(), "mtls:ci");
    }
}

#[test]
fn common_name_is_never_looked_at() {
    let known = rules(&[rule("uri", SPIFFE, "ci"), rule("dns", "client", "ci")]);
    for names in [vec![], vec![dns("other")]] {
        let refused = proven(&known, &certificate(names)).unwrap_err();
        assert_eq!(refused, CertificateRefusal::Unknown);
    }
}

#[test]
fn name_that_is_only_alike_is_not_recognised() {
    let known = rules(&[
        rule("uri", SPIFFE, "ci"),
        rule("dns", "client.corp.example", "ci"),
    ]);
    for names in [
        vec![uri("spiffe://corp.example/ci/policies/")],
        vec![uri("spiffe://CORP.example/ci/policies")],
        vec![uri("spiffe://corp.example/ci")],
        vec![dns("*.corp.example")],
        vec![dns("client.corp.example.evil.example")],
        vec![dns("spiffe://corp.example/ci/policies")],
        vec![uri("client.corp.example")],
    ] {
        let refused = proven(&known, &certificate(names)).unwrap_err();
        assert_eq!(refused, CertificateRefusal::Unknown);
    }
}

#[test]
fn certificate_of_two_uris_is_not_recognised_by_either() {
    let der = certificate(vec![uri(SPIFFE), uri("spiffe://corp.example/other")]);
    let refused = proven(&rules(&[rule("uri", SPIFFE, "ci")]), &der).unwrap_err();
    assert_eq!(refused, CertificateRefusal::Unknown);
}

#[test]
fn certificate_that_rules_name_differently_is_refused() {
    let der = certificate(vec![uri(SPIFFE), dns("client")]);
    let two = rules(&[rule("uri", SPIFFE, "ci"), rule("dns", "client", "alice")]);
    let refused = proven(&two, &der).unwrap_err();
    assert!(matches!(refused, CertificateRefusal::Ambiguous(_, _)));
    let one = rules(&[rule("uri", SPIFFE, "ci"), rule("dns", "client", "ci")]);
    assert_eq!(proven(&one, &der).unwrap(), "mtls:ci");
}

#[test]
fn authority_is_nobodys_own_certificate() {
    let (der, spki) = certificate_of(vec![], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let known = rules(&[rule("spki-sha256", &spki, "ci")]);
    assert_eq!(
        proven(&known, &der).unwrap_err(),
        CertificateRefusal::Authority
    );
}

#[test]
fn bytes_that_are_no_certificate_are_refused() {
    let known = rules(&[rule("uri", SPIFFE, "ci")]);
    let mut der = certificate(vec![uri(SPIFFE)]);
    der.push(0);
    for bytes in [&der[..], &der[..40], b""] {
        let refused = proven(&known, bytes).unwrap_err();
        assert!(matches!(refused, CertificateRefusal::Format(_)));
    }
}

#[test]
fn alternative_names_that_are_broken_or_too_many_are_refused() {
    let known = rules(&[rule("uri", SPIFFE, "ci")]);
    let names = |content: Vec<u8>| {
        let extension = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], content);
        certificate_of(vec![], |params| params.custom_extensions.push(extension)).0
    };
    // A list of one name that ends too early, and a name behind the list.
    for content in [vec![0x30, 2, 0x86, 9], vec![0x30, 0, 0x86, 0]] {
        let refused = proven(&known, &names(content)).unwrap_err();
        assert!(matches!(refused, CertificateRefusal::Names(_)));
    }
    let many = certificate((0..65).map(|n| dns(&format!("h{n}"))).collect());
    let refused = proven(&known, &many).unwrap_err();
    assert!(matches!(refused, CertificateRefusal::Names(_)));
}

#[test]
fn rules_that_cannot_be_meant_are_refused() {
    let refused = |all: &[Value]| ClientCertificates::new(all.iter().map(read)).unwrap_err();
    let twice = refused(&[rule("uri", SPIFFE, "a"), rule("uri", SPIFFE, "b")]);
    assert!(matches!(twice, InvalidCertificateRules::Twice(_)));
    for (kind, text) in [
        ("uri", "no-scheme"),
        ("uri", "spiffe:"),
        ("uri", "spiffe://a b"),
        ("dns", "*.corp.example"),
        ("dns", "Client"),
        ("dns", ""),
        ("spki-sha256", "00"),
        ("spki-sha256", &"A0".repeat(32)),
    ] {
        let invalid = refused(&[rule(kind, text, "a")]);
        assert!(
            matches!(invalid, InvalidCertificateRules::Match(_)),
            "{text}"
        );
    }
    let invalid = refused(&[rule("uri", SPIFFE, "")]);
    assert!(matches!(invalid, InvalidCertificateRules::Name(_)));
    let common_name = rule("cn", "ci", "ci");
    assert!(serde_json::from_value::<CertificateRule>(common_name).is_err());
}

#[test]
fn rules_of_a_tenant_give_nothing_elsewhere() {
    let (alpha, beta) = ("alpha".parse().unwrap(), "beta".parse().unwrap());
    let (der, spki) = certificate_of(vec![], |_| ());
    let own = read(&rule("spki-sha256", &spki, "ci"));
    let known = ClientCertificates::of_tenant(alpha, [own.clone()]).unwrap();
    assert_eq!(proven(&known, &der).unwrap(), "mtls:alpha:ci");
    let refused = ClientCertificates::of_tenant(beta, [own.clone()]).unwrap_err();
    assert!(matches!(refused, InvalidCertificateRules::Elsewhere(_)));
    let mut operator = own;
    operator.grants.insert(attestation_access::Grant::Operator);
    let alpha = "alpha".parse().unwrap();
    let refused = ClientCertificates::of_tenant(alpha, [operator]).unwrap_err();
    assert!(matches!(refused, InvalidCertificateRules::Elsewhere(_)));
}
