//! Reads and proves certificates and revocation lists, and remembers the newest seen.
//!
//! Reading is strict DER (X.690, section 10) with offsets in errors: exactly one certificate or list, no byte more.
//! Reading proves nothing: [`Certificate::verify_issued_by`], [`prove_chain`] and [`Crl::prove`] do, and say everything
//! that is wrong, not only the first. Times are seconds since 1970-01-01T00:00:00Z and come in from the caller.

#![forbid(unsafe_code)]

mod algorithm;
mod certificate;
mod chain;
mod crl;
pub mod der;
mod extensions;
mod format;
mod name;
mod number;
mod oid;
pub mod p384;
mod pem;
mod public_key;
mod seen;
mod signed;
mod time;

pub use algorithm::SignatureAlgorithm;
pub use certificate::Certificate;
pub use chain::{CertificateProblem, ChainProblem, MAX_CHAIN, prove_chain};
pub use crl::{Crl, CrlProblem};
pub use extensions::{BasicConstraints, KeyUsage};
pub use format::FormatError;
pub use number::Number;
pub use oid::Oid;
pub use public_key::{PublicKey, RsaKey};
pub use seen::{CrlIssuer, Observation, Older, QuotingIdentity, Seen, SeenError, Tee};
pub use signed::IssueProblem;
pub use time::{Validity, rfc3339};
