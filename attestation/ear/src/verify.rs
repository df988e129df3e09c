//! Reads tokens, and believes them under the keys of a set alone.

use attestation_appraisal::EarError;
use attestation_evidence::encoding::base64url_decode;
use serde::Deserialize;

use crate::claims::PROFILE;
use crate::{EarClaims, JwkSet, LONGEST_LIFE};

/// The longest token, in bytes: it has to fit into a header of HTTP.
pub const LONGEST_TOKEN: usize = 16 * 1024;

/// How far clocks of verifiers may be apart, in seconds. It makes a token good earlier, and never longer.
pub const CLOCK_SKEW: u64 = 60;

/// What a token has to be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Who issued it.
    pub issuer: &'a str,
    /// Whose guest it stands for.
    pub tenant: &'a str,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url, or longer than any token of ours.
    #[error("not a JWT in its compact form of {LONGEST_TOKEN} bytes at most")]
    Form,
    /// The header is not exactly `alg`, `kid` and `typ`, or the algorithm is not that of the key that it names.
    #[error("the token's header is not that of an attestation token")]
    Header,
    /// No key of that name is published.
    #[error("the token is signed by a key that is not, or no more, in the key set")]
    UnknownKey,
    /// The signature is not that key's.
    #[error("the signature is not that of the key that the token names")]
    Signature,
    /// The claims are not those of a token of ours.
    #[error("the token's claims are not those of docs/tokens.md")]
    Claims,
    /// It is good later.
    #[error("the token is not good yet")]
    NotYetValid,
    /// It was good.
    #[error("the token has expired: attest again")]
    Expired,
    /// It is good for longer than a key is published, or is dated otherwise than tokens are.
    #[error("the token's dates are not those of a token of ours")]
    Dates,
    /// Somebody else issued it.
    #[error("the token was issued by another verifier")]
    OtherIssuer,
    /// It stands for somebody else's guest.
    #[error("the token is another tenant's")]
    OtherTenant,
}

/// Three members, none twice and none missing. What they say is compared with the key, in one place, by whoever has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    kid: String,
    #[serde(rename = "alg")]
    _alg: String,
    #[serde(rename = "typ")]
    _typ: String,
}

/// What a token says, if a key of the set signed it, it is good now, and it is of this issuer and for this tenant.
///
/// # Errors
/// The first reason not to believe it.
pub fn verify(
    token: &str,
    keys: &JwkSet,
    now: u64,
    expected: &Expected<'_>,
) -> Result<EarClaims, TokenError> {
    let header = header(token)?;
    let key = keys.key(&header.kid).ok_or(TokenError::UnknownKey)?;
    // The algorithm is the key's; a header that names another, or another type, is refused before the signature is looked at.
    let claims = key.verify_signed(token).map_err(|error| match error {
        EarError::Form => TokenError::Form,
        EarError::Header => TokenError::Header,
        EarError::Signature => TokenError::Signature,
        EarError::Claims => TokenError::Claims,
    })?;
    let claims = EarClaims::read(&claims).ok_or(TokenError::Claims)?;
    check_claims(&claims, now, expected)?;
    Ok(claims)
}

fn header(token: &str) -> Result<Header, TokenError> {
    if token.len() > LONGEST_TOKEN {
        return Err(TokenError::Form);
    }
    let (header, _) = token.split_once('.').ok_or(TokenError::Form)?;
    let header = base64url_decode(header).ok_or(TokenError::Form)?;
    serde_json::from_slice(&header).map_err(|_| TokenError::Header)
}

fn check_claims(claims: &EarClaims, now: u64, expected: &Expected<'_>) -> Result<(), TokenError> {
    let written = claims.written();
    if written.eat_profile != PROFILE || written.cloister_simulated != claims.tee().is_simulated() {
        return Err(TokenError::Claims);
    }
    let (from, to) = (written.iat, written.exp);
    let life = to.checked_sub(from).ok_or(TokenError::Dates)?;
    if written.nbf != from || !(1..=LONGEST_LIFE).contains(&life) {
        return Err(TokenError::Dates);
    }
    if from > now.saturating_add(CLOCK_SKEW) {
        return Err(TokenError::NotYetValid);
    }
    if to <= now {
        return Err(TokenError::Expired);
    }
    if written.iss != expected.issuer {
        return Err(TokenError::OtherIssuer);
    }
    match written.cloister_tenant == expected.tenant {
        true => Ok(()),
        false => Err(TokenError::OtherTenant),
    }
}
