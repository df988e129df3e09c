//! OpenID Connect Discovery 1.0.

use std::time::Instant;

use attestation_access::KeySet;
use serde::Deserialize;

use crate::connection::{TrustedRoots, get};
use crate::{Address, KeysError};

/// Section 4: below the issuer's own path.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// What is looked at of a configuration. A member twice is an error of serde's.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

/// Asks an issuer for its keys.
pub(crate) fn keys_of(
    issuer: &str,
    address: &Address,
    roots: &TrustedRoots,
    until: Instant,
) -> Result<KeySet, KeysError> {
    let place = address.with_suffix(WELL_KNOWN);
    let text = get(&place, roots, until)?;
    let configuration: Configuration =
        serde_json::from_slice(&text).map_err(|source| KeysError::Configuration {
            address: place.to_string(),
            source,
        })?;
    // Section 4.3: who has another issuer's configuration here would have its tokens taken for this one's.
    if configuration.issuer != issuer {
        let address = place.to_string();
        return Err(KeysError::OtherIssuer { address });
    }
    let place: Address = configuration
        .jwks_uri
        .parse()
        .map_err(KeysError::KeysAddress)?;
    let keys = get(&place, roots, until)?;
    KeySet::read(&keys).map_err(KeysError::Keys)
}
