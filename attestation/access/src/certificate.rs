//! Client certificates.

use std::collections::{BTreeMap, BTreeSet};

use attestation_certificates::der::{Der, DerError, SEQUENCE};
use attestation_certificates::{Certificate, FormatError, Oid};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::hex32;
use crate::{Grant, Identity, Proof, Subject, TenantName};

/// A client's own certificate, whose chain, dates and use rustls has accepted in the handshake: this crate proves
/// nothing of them, and what it is made of has to come from there.
#[derive(Debug, Clone, Copy)]
pub struct AcceptedByTls<'a>(&'a [u8]);

impl<'a> AcceptedByTls<'a> {
    /// The first of `peer_certificates()` of a finished handshake with a client verifier: DER.
    pub const fn end_entity(der: &'a [u8]) -> Self {
        Self(der)
    }
}

/// How a certificate is recognised. Names are compared whole; there are no wildcards, and the common name is never looked
/// at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateMatch {
    /// Its one URI among the subject's alternative names (RFC 5280, 4.2.1.6), such as a SPIFFE ID.
    Uri(String),
    /// One of its DNS names, in lower case.
    Dns(String),
    /// SHA-256 of its `SubjectPublicKeyInfo`, 64 lower-case hexadecimal digits.
    SpkiSha256(String),
}

/// Whoever has such a certificate is called so, and has these grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CertificateRule {
    /// Which certificates.
    pub certificate: CertificateMatch,
    /// What its holder is called: the same for all certificates of one person or machine.
    pub name: String,
    /// What the holder may be.
    pub grants: BTreeSet<Grant>,
}

/// The rules by which client certificates are recognised: of the whole verifier, or of one tenant.
#[derive(Debug, Clone, Default)]
pub struct ClientCertificates {
    tenant: Option<TenantName>,
    rules: BTreeMap<CertificateMatch, CertificateRule>,
}

/// Rules that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCertificateRules {
    /// Two rules for one certificate.
    #[error("two rules for {0:?}")]
    Twice(CertificateMatch),
    /// No certificate can have it.
    #[error("{0:?} is nothing that a certificate can be recognised by")]
    Match(CertificateMatch),
    /// Too long or empty.
    #[error("{0:?} cannot be called so")]
    Name(String),
    /// A tenant cannot let anybody into another one, or into the whole verifier.
    #[error("a tenant's own rules cannot give {0:?}")]
    Elsewhere(Grant),
}

/// Why a certificate proves nobody.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateRefusal {
    /// Not a certificate that can be read.
    #[error("the client's certificate cannot be read")]
    Format(#[from] FormatError),
    /// Its alternative names cannot be read.
    #[error("the alternative names of the client's certificate cannot be read")]
    Names(#[from] DerError),
    /// An authority is nobody's own certificate.
    #[error("the client's certificate is an authority's")]
    Authority,
    /// No rule has it.
    #[error("no rule is for the client's certificate")]
    Unknown,
    /// Two rules have it, with different names for its holder.
    #[error("rules for the client's certificate give it two names, {0:?} and {1:?}")]
    Ambiguous(String, String),
}

const SUBJECT_ALT_NAME: Oid = Oid::new(&[2, 5, 29, 17]);
/// `GeneralName ::= [2] IA5String` (RFC 5280, 4.2.1.6).
const DNS_NAME: u8 = 0x82;
/// `[6] IA5String`.
const URI: u8 = 0x86;
/// RFC 5280 says no bound; 64 names are more than any client has.
const MOST_NAMES: usize = 64;

impl ClientCertificates {
    /// Of the operator's rules, which may give any grant.
    ///
    /// # Errors
    /// Two for one certificate, or what no certificate has.
    pub fn new(
        rules: impl IntoIterator<Item = CertificateRule>,
    ) -> Result<Self, InvalidCertificateRules> {
        Self::of(None, rules)
    }

    /// Of a tenant's own rules, which may give grants in that tenant alone.
    ///
    /// # Errors
    /// Two for one certificate, what no certificate has, or a grant elsewhere.
    pub fn of_tenant(
        tenant: TenantName,
        rules: impl IntoIterator<Item = CertificateRule>,
    ) -> Result<Self, InvalidCertificateRules> {
        Self::of(Some(tenant), rules)
    }

    fn of(
        tenant: Option<TenantName>,
        rules: impl IntoIterator<Item = CertificateRule>,
    ) -> Result<Self, InvalidCertificateRules> {
        let mut all = BTreeMap::new();
        for rule in rules {
            let key = rule.certificate.clone();
            if !key.is_possible() {
                return Err(InvalidCertificateRules::Match(key));
            }
            if rule.name.is_empty() || Subject::mtls(tenant.as_ref(), &rule.name).is_none() {
                return Err(InvalidCertificateRules::Name(rule.name));
            }
            let elsewhere = |grant: &&Grant| tenant.is_some() && grant.tenant() != tenant.as_ref();
            if let Some(grant) = rule.grants.iter().find(elsewhere) {
                return Err(InvalidCertificateRules::Elsewhere(grant.clone()));
            }
            if all.insert(key.clone(), rule).is_some() {
                return Err(InvalidCertificateRules::Twice(key));
            }
        }
        Ok(Self { tenant, rules: all })
    }

    /// Says who has this certificate.
    ///
    /// # Errors
    /// Nobody that the rules know, or it is not clear who.
    pub fn prove(&self, accepted: AcceptedByTls<'_>) -> Result<Identity, CertificateRefusal> {
        let certificate = Certificate::from_der(accepted.0)?;
        let constraints = certificate.basic_constraints();
        if constraints.is_some_and(|constraints| constraints.authority) {
            return Err(CertificateRefusal::Authority);
        }
        let mut name: Option<&str> = None;
        let mut grants = BTreeSet::new();
        for key in recognised_by(&certificate)? {
            let Some(rule) = self.rules.get(&key) else {
                continue;
            };
            if let Some(other) = name.filter(|name| *name != rule.name) {
                return Err(CertificateRefusal::Ambiguous(
                    other.to_owned(),
                    rule.name.clone(),
                ));
            }
            name = Some(&rule.name);
            grants.extend(rule.grants.iter().cloned());
        }
        let subject = name.and_then(|name| Subject::mtls(self.tenant.as_ref(), name));
        let subject = subject.ok_or(CertificateRefusal::Unknown)?;
        Ok(Identity::proven(
            subject,
            Proof::Mtls(self.tenant.clone()),
            grants,
        ))
    }
}

/// Everything by which a rule may recognise it.
fn recognised_by(certificate: &Certificate) -> Result<Vec<CertificateMatch>, DerError> {
    let spki = digest(&SHA256, certificate.public_key_info());
    let mut keys = vec![CertificateMatch::SpkiSha256(hex::encode(spki))];
    let Some(names) = certificate.extension(SUBJECT_ALT_NAME) else {
        return Ok(keys);
    };
    let mut file = Der::new(names);
    let list = file.value(SEQUENCE)?;
    file.end()?;
    let mut names = list.inside();
    let mut uris = Vec::new();
    let mut count = 0;
    while !names.is_empty() {
        count += 1;
        if count > MOST_NAMES {
            return Err(list.wrong("more than 64 alternative names"));
        }
        let name = names.any()?;
        // What is no text in ASCII matches no rule.
        let text = std::str::from_utf8(name.content).ok();
        match (name.tag, text) {
            (DNS_NAME, Some(text)) => keys.push(CertificateMatch::Dns(text.to_ascii_lowercase())),
            (URI, text) => uris.push(text),
            _ => {}
        }
    }
    // SPIFFE X.509-SVID, section 2: with two URIs a certificate is not valid, since it is not clear whose it is.
    if let [Some(uri)] = uris[..] {
        keys.push(CertificateMatch::Uri(uri.to_owned()));
    }
    Ok(keys)
}

impl CertificateMatch {
    fn is_possible(&self) -> bool {
        match self {
            Self::Uri(uri) => {
                let has_scheme = uri
                    .split_once(':')
                    .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty());
                has_scheme && uri.bytes().all(|byte| byte.is_ascii_graphic())
            }
            Self::Dns(name) => {
                let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
                (1..=253).contains(&name.len()) && name.bytes().all(plain)
            }
            Self::SpkiSha256(digits) => hex32(digits).is_some(),
        }
    }
}
