//! What goes wrong.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use attestation_access::{InvalidKeys, TokenRefusal};
use attestation_pinned_http::HttpError;
use thiserror::Error;

use crate::InvalidAddress;

/// Why there are no keys, or no newer ones.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("cannot read the keys in {path}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody answers, or not in time.
    #[error("cannot connect to {address}")]
    Connect {
        /// Whom.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Whoever answers is not who was asked, or speaks no TLS 1.3.
    #[error("no TLS 1.3 with {address} by the roots that are trusted")]
    Tls {
        /// Whom.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// The answer is no HTTP, too long, or does not come in time.
    #[error("{address} does not answer as it should")]
    Http {
        /// Whom.
        address: String,
        /// Why.
        source: HttpError,
    },
    /// Another status than 200: a redirection is not followed.
    #[error("{address} answers with status {status}, where 200 belongs")]
    Status {
        /// Whom.
        address: String,
        /// What.
        status: u16,
    },
    /// Longer than a set of keys may be.
    #[error("{address} answers with too much")]
    TooLong {
        /// Whom.
        address: String,
    },
    /// OpenID Connect Discovery 1.0, 4.2: not a configuration.
    #[error("what {address} answers is no configuration of an issuer")]
    Configuration {
        /// Whom.
        address: String,
        /// Why.
        source: serde_json::Error,
    },
    /// OpenID Connect Discovery 1.0, 4.3: it has to be the one that was asked for.
    #[error("{address} answers with the configuration of another issuer")]
    OtherIssuer {
        /// Whom.
        address: String,
    },
    /// Where the keys are said to be is nowhere to look.
    #[error("the issuer's jwks_uri cannot be asked")]
    KeysAddress(#[source] InvalidAddress),
    /// The issuer's own address.
    #[error("the issuer cannot be asked by its address")]
    IssuerAddress(#[source] InvalidAddress),
    /// They are no keys for tokens.
    #[error("the issuer's keys cannot be used")]
    Keys(#[source] InvalidKeys),
}

/// Why a token's bearer is not proven.
#[derive(Debug, Clone, Error)]
pub enum OidcRefusal {
    /// It is the token.
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// There are no keys to judge it by: the last attempt to get them failed so.
    #[error("there are no keys of the issuer to judge the token by, and none are asked for again within {} s", .again.as_secs())]
    NoKeys {
        /// Why there are none.
        #[source]
        why: Option<Arc<KeysError>>,
        /// How often the issuer is asked.
        again: Duration,
    },
}
