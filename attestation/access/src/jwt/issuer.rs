//! An issuer whose tokens are believed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::claims::{Claims, Times};
use super::compact::Compact;
use super::header::Header;
use super::{Algorithm, ClaimRule, KeySet, TokenRefusal};
use crate::{Identity, Proof, Subject, TenantName};

/// What an operator says of an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerSettings {
    /// What it is called in subjects and logs: of the form of a tenant's name, and no other issuer has it.
    pub name: TenantName,
    /// `iss`, compared as it is.
    pub issuer: String,
    /// Who has to be in `aud`: this verifier.
    pub audience: String,
    /// Who else may be in `aud`.
    #[serde(default)]
    pub other_audiences: BTreeSet<String>,
    /// The algorithms that are allowed.
    #[serde(default = "all_algorithms")]
    pub algorithms: BTreeSet<Algorithm>,
    /// The types that `typ` may say, in lower case; tokens without one are accepted.
    #[serde(default = "usual_types")]
    pub types: BTreeSet<String>,
    /// How far the issuer's clock may be from ours; 120 s at most.
    #[serde(default = "usual_leeway")]
    pub leeway_seconds: u64,
    /// How long tokens may live, from `iat` to `exp`; a day at most.
    #[serde(default = "usual_lifetime")]
    pub max_lifetime_seconds: u64,
    /// What claims give.
    pub rules: Vec<ClaimRule>,
}

fn all_algorithms() -> BTreeSet<Algorithm> {
    Algorithm::ALL.into()
}

/// RFC 7519, 5.1, and RFC 9068, 2.1.
fn usual_types() -> BTreeSet<String> {
    ["jwt", "at+jwt"].map(str::to_owned).into()
}

const fn usual_leeway() -> u64 {
    30
}

const fn usual_lifetime() -> u64 {
    3600
}

const LONGEST_LEEWAY: u64 = 120;
const LONGEST_LIFETIME: u64 = 86_400;
/// Longer ones would make subjects that are none.
const LONGEST_ISSUER: usize = 1024;

/// Settings that cannot be meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidIssuer {
    /// `iss` or the audience is empty, or too long.
    #[error("an issuer has an `iss` and an audience, of 1 to {LONGEST_ISSUER} characters each")]
    Names,
    /// Nothing could ever be accepted.
    #[error("an issuer has at least one algorithm, and at least one rule")]
    Empty,
    /// A type with a capital letter or `application/` never matches.
    #[error("a type is written in lower case and without application/")]
    Type,
    /// A tenant cannot let anybody into another one, or into the whole verifier.
    #[error("a tenant's own issuer cannot give grants elsewhere")]
    Elsewhere,
    /// Above the bounds.
    #[error(
        "leeway is at most {LONGEST_LEEWAY} s, and tokens live for 1 s to {LONGEST_LIFETIME} s"
    )]
    Times,
}

/// An issuer whose tokens are believed, for what its rules give and no more.
#[derive(Debug, Clone)]
pub struct Issuer {
    settings: IssuerSettings,
    /// In subjects and proofs: no two issuers have one.
    name: String,
}

impl Issuer {
    /// By settings of the operator's, whose rules may give any grant.
    ///
    /// # Errors
    /// They cannot be meant.
    pub fn new(settings: IssuerSettings) -> Result<Self, InvalidIssuer> {
        let name = settings.name.to_string();
        Self::called(name, settings)
    }

    /// By settings of a tenant's own, whose rules may give grants in that tenant alone.
    ///
    /// # Errors
    /// They cannot be meant, or give something elsewhere.
    pub fn of_tenant(tenant: &TenantName, settings: IssuerSettings) -> Result<Self, InvalidIssuer> {
        if !settings.rules.iter().all(|rule| rule.stays_within(tenant)) {
            return Err(InvalidIssuer::Elsewhere);
        }
        // No tenant's name has a slash, so that this is no other issuer's.
        let name = format!("{tenant}/{}", settings.name);
        Self::called(name, settings)
    }

    fn called(name: String, settings: IssuerSettings) -> Result<Self, InvalidIssuer> {
        let named = [&settings.issuer, &settings.audience]
            .iter()
            .all(|name| (1..=LONGEST_ISSUER).contains(&name.len()));
        if !named {
            return Err(InvalidIssuer::Names);
        }
        if settings.algorithms.is_empty() || settings.rules.is_empty() {
            return Err(InvalidIssuer::Empty);
        }
        let matches =
            |kind: &String| *kind == kind.to_ascii_lowercase() && !kind.starts_with("application/");
        if !settings.types.iter().all(matches) {
            return Err(InvalidIssuer::Type);
        }
        let lives = (1..=LONGEST_LIFETIME).contains(&settings.max_lifetime_seconds);
        if !lives || settings.leeway_seconds > LONGEST_LEEWAY {
            return Err(InvalidIssuer::Times);
        }
        Ok(Self { settings, name })
    }

    /// Its settings.
    pub const fn settings(&self) -> &IssuerSettings {
        &self.settings
    }

    /// Whether a token says that it is this issuer's. It proves nothing: it says whose keys to look at, where there are
    /// several issuers.
    pub fn is_named_by(&self, token: &str) -> bool {
        let claims = Compact::split(token).and_then(|compact| Claims::read(&compact.claims));
        claims.is_ok_and(|claims| claims.check_issuer(&self.settings.issuer).is_ok())
    }

    /// Proves whoever bears `token`, by the issuer's keys, at `now`. A person whom no rule gives anything is proven too,
    /// and may nothing.
    ///
    /// # Errors
    /// The token is not one of this issuer's for this audience and time. [`TokenRefusal::UnknownKey`] is the one that
    /// newer keys may mend.
    pub fn prove(&self, token: &str, keys: &KeySet, now: u64) -> Result<Identity, TokenRefusal> {
        let compact = Compact::split(token)?;
        let header = Header::read(&compact.header)?;
        self.check_header(&header)?;
        let key = keys.find(&header.key_id).ok_or(TokenRefusal::UnknownKey)?;
        if key.algorithm != header.algorithm {
            return Err(TokenRefusal::KeyAlgorithm(key.algorithm));
        }
        if !key.verifies(compact.signed, &compact.signature) {
            return Err(TokenRefusal::Signature);
        }
        self.identity(&Claims::read(&compact.claims)?, now)
    }

    fn check_header(&self, header: &Header) -> Result<(), TokenRefusal> {
        if !self.settings.algorithms.contains(&header.algorithm) {
            return Err(TokenRefusal::Algorithm);
        }
        match &header.kind {
            Some(kind) if !self.settings.types.contains(kind) => Err(TokenRefusal::Type),
            _ => Ok(()),
        }
    }

    fn identity(&self, claims: &Claims, now: u64) -> Result<Identity, TokenRefusal> {
        claims.check_issuer(&self.settings.issuer)?;
        claims.check_audience(&self.settings.audience, &self.settings.other_audiences)?;
        claims.check_times(&Times {
            now,
            leeway: self.settings.leeway_seconds,
            max_lifetime: self.settings.max_lifetime_seconds,
        })?;
        let subject =
            Subject::oidc(&self.name, claims.subject()?).ok_or(TokenRefusal::Claim("sub"))?;
        let rules = self.settings.rules.iter();
        let grants = rules.flat_map(|rule| rule.grants(claims.members()));
        Ok(Identity::proven(
            subject,
            Proof::Oidc(self.name.clone()),
            grants,
        ))
    }
}
