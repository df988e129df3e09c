//! A token's header (RFC 7515, 4).

use serde_json::{Map, Value};

use super::{Algorithm, TokenRefusal, json};

/// A header has some five members; certificates in it are refused anyhow.
const MOST_VALUES: u32 = 64;
/// RFC 7515, 4.1.4, sets no bound; a thumbprint has 43 characters.
const LONGEST_KEY_ID: usize = 256;

/// What a header says that is looked at.
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) key_id: String,
    /// In lower case, without `application/` before it.
    pub(super) kind: Option<String>,
}

impl Header {
    pub(super) fn read(text: &[u8]) -> Result<Self, TokenRefusal> {
        let members = json::object(text, MOST_VALUES).map_err(TokenRefusal::HeaderJson)?;
        refuse_what_is_not_plain(&members)?;
        let algorithm = members.get("alg").and_then(Value::as_str);
        Ok(Self {
            algorithm: algorithm
                .and_then(Algorithm::named)
                .ok_or(TokenRefusal::Algorithm)?,
            key_id: key_id(&members).ok_or(TokenRefusal::NoKeyId)?.to_owned(),
            kind: kind(&members)?,
        })
    }
}

fn refuse_what_is_not_plain(members: &Map<String, Value>) -> Result<(), TokenRefusal> {
    let has = |names: &[&str]| names.iter().any(|name| members.contains_key(*name));
    if has(&["crit", "b64"]) {
        Err(TokenRefusal::Critical)
    } else if has(&["jwk", "jku", "x5u", "x5c"]) {
        Err(TokenRefusal::BringsKey)
    } else if has(&["enc", "zip", "cty"]) {
        Err(TokenRefusal::Wrapped)
    } else {
        Ok(())
    }
}

/// The `kid` of a header or of a key.
pub(super) fn key_id(members: &Map<String, Value>) -> Option<&str> {
    let id = members.get("kid")?.as_str()?;
    (1..=LONGEST_KEY_ID).contains(&id.len()).then_some(id)
}

/// RFC 7515, 4.1.9: a media type, not minding case, of which `application/` may be left out.
fn kind(members: &Map<String, Value>) -> Result<Option<String>, TokenRefusal> {
    let Some(kind) = members.get("typ") else {
        return Ok(None);
    };
    let kind = kind
        .as_str()
        .ok_or(TokenRefusal::Type)?
        .to_ascii_lowercase();
    let short = kind.strip_prefix("application/").unwrap_or(&kind);
    Ok(Some(short.to_owned()))
}
