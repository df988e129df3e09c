//! Tokens of an OpenID Connect issuer: JWTs (RFC 7519) signed as compact JWS (RFC 7515), judged by RFC 8725.

mod algorithm;
mod claims;
mod compact;
mod header;
mod issuer;
mod json;
mod key;
mod key_set;
mod mapping;
mod refusal;

pub use algorithm::Algorithm;
pub use issuer::{InvalidIssuer, Issuer, IssuerSettings};
pub use key::KeyFault;
pub use key_set::{InvalidKeys, KeySet};
pub use mapping::{ClaimPath, ClaimRule, InvalidClaimPath};
pub use refusal::{JsonProblem, TokenRefusal};
