//! Why a token proves nobody.

use thiserror::Error;

use super::Algorithm;

/// A part of a token, or a set of keys, is not the JSON that it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonProblem {
    /// Not JSON, cut off, or text behind it.
    #[error("it is not JSON")]
    Syntax,
    /// Another value than an object.
    #[error("it is no object")]
    NoObject,
    /// A member's name is there twice.
    #[error("a member is there twice")]
    Repeated,
    /// More than a token needs.
    #[error("it has too many values")]
    TooManyValues,
}

/// Why a token proves nobody: for the operator's log. None of these has text of the token in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TokenRefusal {
    /// Beyond 16 KiB, or a header beyond 2 KiB.
    #[error("the token is too long")]
    TooLong,
    /// Not three parts in base64url without padding.
    #[error("the token is not a compact JWS: three parts in base64url, joined by points")]
    Form,
    /// Its header cannot be read.
    #[error("the token's header: {0}")]
    HeaderJson(JsonProblem),
    /// Its claims cannot be read.
    #[error("the token's claims: {0}")]
    ClaimsJson(JsonProblem),
    /// RFC 7515, 4.1.11: nothing critical is understood here.
    #[error("the token has critical header parameters")]
    Critical,
    /// RFC 8725, 3.10: a key that a token brings along proves nothing.
    #[error("the token's header brings a key or says where one is")]
    BringsKey,
    /// Encrypted, compressed, or a token in a token.
    #[error("the token is encrypted, compressed or nested")]
    Wrapped,
    /// No `alg`, or none that these settings allow: `none` and shared keys never.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// The issuer's tokens have to name their key.
    #[error("the token names no key")]
    NoKeyId,
    /// Another type of token (RFC 8725, 3.11).
    #[error("the token is of another type")]
    Type,
    /// The issuer has no such key, or none for signatures.
    #[error("the issuer has no key of the token's kid for signatures")]
    UnknownKey,
    /// RFC 8725, 3.1: a key is for one algorithm.
    #[error("the token's algorithm is not its key's, which is {0}")]
    KeyAlgorithm(Algorithm),
    /// The signature does not hold.
    #[error("the token's signature does not hold")]
    Signature,
    /// A claim is missing, or not of its form.
    #[error("the token's claim {0} is missing or malformed")]
    Claim(&'static str),
    /// By somebody else.
    #[error("the token is another issuer's")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Over.
    #[error("the token has expired")]
    Expired,
    /// Not begun.
    #[error("the token is not valid yet")]
    NotYet,
    /// By a clock that is ahead.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// Longer than the settings allow.
    #[error("the token lives for too long")]
    LivesTooLong,
}
