//! A token's claims (RFC 7519, 4), looked at only after its signature held.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{TokenRefusal, json};

/// Groups of a person may be some hundred.
const MOST_VALUES: u32 = 2048;
/// OpenID Connect Core 1.0, section 2: `sub` has at most 255 ASCII characters.
const LONGEST_SUBJECT: usize = 255;

/// Claims of a signed token.
pub(super) struct Claims(Map<String, Value>);

/// What a token's times are held to, in seconds.
pub(super) struct Times {
    pub(super) now: u64,
    pub(super) leeway: u64,
    pub(super) max_lifetime: u64,
}

impl Claims {
    pub(super) fn read(text: &[u8]) -> Result<Self, TokenRefusal> {
        let members = json::object(text, MOST_VALUES).map_err(TokenRefusal::ClaimsJson)?;
        Ok(Self(members))
    }

    pub(super) const fn members(&self) -> &Map<String, Value> {
        &self.0
    }

    /// RFC 7519, 4.1.1: compared as it is.
    pub(super) fn check_issuer(&self, issuer: &str) -> Result<(), TokenRefusal> {
        match self.0.get("iss") {
            Some(Value::String(found)) if found == issuer => Ok(()),
            Some(Value::String(_)) => Err(TokenRefusal::Issuer),
            _ => Err(TokenRefusal::Claim("iss")),
        }
    }

    /// The audience is among them, and whoever else is, is expected: another one could hand the token on.
    pub(super) fn check_audience(
        &self,
        audience: &str,
        beside: &BTreeSet<String>,
    ) -> Result<(), TokenRefusal> {
        let claim = TokenRefusal::Claim("aud");
        let named = texts(self.0.get("aud").ok_or(claim)?).ok_or(claim)?;
        let expected = |name: &&str| *name == audience || beside.contains(*name);
        if named.contains(&audience) && named.iter().all(expected) {
            Ok(())
        } else {
            Err(TokenRefusal::Audience)
        }
    }

    /// `exp`, `nbf` and `iat` (RFC 7519, 4.1.4 to 4.1.6), all whole seconds. `nbf` may be missing.
    pub(super) fn check_times(&self, times: &Times) -> Result<(), TokenRefusal> {
        let expires = self.seconds("exp")?;
        let issued = self.seconds("iat")?;
        let begins = match self.0.get("nbf") {
            None => issued,
            Some(_) => self.seconds("nbf")?,
        };
        let latest = times.now.saturating_add(times.leeway);
        if times.now >= expires.saturating_add(times.leeway) {
            Err(TokenRefusal::Expired)
        } else if issued > latest {
            Err(TokenRefusal::IssuedInFuture)
        } else if begins > latest {
            Err(TokenRefusal::NotYet)
        } else if expires.saturating_sub(issued) > times.max_lifetime {
            Err(TokenRefusal::LivesTooLong)
        } else {
            Ok(())
        }
    }

    fn seconds(&self, name: &'static str) -> Result<u64, TokenRefusal> {
        let value = self.0.get(name).and_then(Value::as_u64);
        value.ok_or(TokenRefusal::Claim(name))
    }

    pub(super) fn subject(&self) -> Result<&str, TokenRefusal> {
        self.0
            .get("sub")
            .and_then(Value::as_str)
            .filter(|sub| (1..=LONGEST_SUBJECT).contains(&sub.len()) && sub.is_ascii())
            .ok_or(TokenRefusal::Claim("sub"))
    }
}

/// One text, or an array of texts and nothing else.
pub(super) fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(vec![text]),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        _ => None,
    }
}
