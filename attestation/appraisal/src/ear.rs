//! Verdicts as EAR tokens: draft-ietf-rats-ear-04 over JWT (RFC 7519, RFC 7515).
//!
//! The key is the verifier's, durable, and comes in as the bytes of its file. A key that is made for the occasion would sign
//! anything for anybody: nothing here makes one. Signatures are those of RFC 6979, so that one verdict gives one token.

mod claims;
mod key;
mod public_key;
mod sign;

pub use claims::VerifierId;
pub use key::{EarKey, KeyError};
pub use public_key::{EarError, EarPublicKey};
pub use sign::{Sign, SignError, signed};

use crate::verdict::Document;
use std::fmt;

/// An EAR token: a JWT in its compact form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarToken(String);

impl EarToken {
    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EarToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The signature algorithm of a key, by its curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }

    fn curve(self) -> &'static str {
        match self {
            Self::Es256 => "P-256",
            Self::Es384 => "P-384",
        }
    }

    /// Bytes of a coordinate, and of each half of a signature.
    fn size(self) -> usize {
        match self {
            Self::Es256 => 32,
            Self::Es384 => 48,
        }
    }
}

/// The token of a verdict.
pub(crate) fn token(document: &Document, key: &EarKey, verifier: &VerifierId) -> EarToken {
    let claims = claims::of(document, verifier);
    signed(&claims, key).expect("a key in memory signs whatever it is given")
}
