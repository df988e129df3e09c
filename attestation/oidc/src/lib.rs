//! Fetches and keeps the keys of OpenID Connect issuers, and proves bearers of their tokens by them.
//!
//! Keys come from a file, or from the issuer by OpenID Connect Discovery 1.0. What a token has to be is judged by
//! `attestation-access`, which this crate only brings keys to. Everything here blocks, for [`Patience::fetch`] at most:
//! call it where that is allowed.

#![forbid(unsafe_code)]

mod address;
mod cache;
mod connection;
mod discovery;
mod error;
mod issuer;
mod patience;

pub use address::{Address, InvalidAddress};
pub use connection::{InvalidRoots, TrustedRoots};
pub use error::{KeysError, OidcRefusal};
pub use issuer::{InvalidOidcIssuer, KeysState, OidcIssuer, Source};
pub use patience::{InvalidPatience, Patience};
