//! Sessions have a secret side, the cookie, and a public name, which logs and the store use.

use attestation_evidence::SESSION_COOKIE;

use crate::entropy::{self, NoEntropy};

const COOKIE_BYTES: usize = 16;
const COOKIE_DIGITS: usize = 2 * COOKIE_BYTES;
const NAME_BYTES: usize = 16;

/// The value of the session cookie. Who holds it may speak in the session, so it is never logged.
pub struct SessionCookie(String);

impl SessionCookie {
    /// A new one, unguessable.
    pub fn draw() -> Result<Self, NoEntropy> {
        Ok(Self(hex::encode(entropy::random::<COOKIE_BYTES>()?)))
    }

    /// Finds the one session cookie in a `Cookie` header. None, two, or another form: `None`.
    pub fn find(header: &str) -> Option<Self> {
        let mut values = header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == SESSION_COOKIE)
            .map(|(_, value)| value);
        let value = values.next().filter(|value| well_formed(value))?;
        values.next().is_none().then(|| Self(value.to_owned()))
    }

    /// The session's name: it tells sessions apart and opens none.
    pub fn session_name(&self) -> String {
        let digest = entropy::sha256(format!("cloister session v1\n{}", self.0).as_bytes());
        hex::encode(
            digest
                .first_chunk::<NAME_BYTES>()
                .expect("a SHA-256 digest is longer"),
        )
    }

    /// The `Set-Cookie` header.
    pub fn set_cookie(&self, seconds: u64) -> String {
        let value = &self.0;
        format!(
            "{SESSION_COOKIE}={value}; Path=/kbs; Max-Age={seconds}; Secure; HttpOnly; \
             SameSite=Strict"
        )
    }
}

fn well_formed(value: &str) -> bool {
    value.len() == COOKIE_DIGITS
        && value
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn cookie_among_others_is_found() {
        let header = format!("theme=dark; kbs-session-id={VALUE}; x=y");
        assert_eq!(SessionCookie::find(&header).unwrap().0, VALUE);
    }

    #[test]
    fn cookie_twice_or_of_another_form_is_not_found() {
        let upper = VALUE.to_uppercase();
        for header in [
            String::new(),
            "kbs-session-id=".to_owned(),
            format!("kbs-session-id={upper}"),
            format!("kbs-session-id={VALUE}0"),
            format!("KBS-session-id={VALUE}"),
            format!("kbs-session-id={VALUE}; kbs-session-id={VALUE}"),
        ] {
            assert!(SessionCookie::find(&header).is_none(), "{header}");
        }
    }

    #[test]
    fn session_name_does_not_contain_the_cookie() {
        let name = SessionCookie(VALUE.to_owned()).session_name();
        assert_eq!(name.len(), 32);
        assert_ne!(name, VALUE);
    }

    #[test]
    fn drawn_cookie_is_found_again_in_its_header() {
        let cookie = SessionCookie::draw().unwrap();
        let sent = cookie.set_cookie(300);
        let pair = sent.split(';').next().unwrap();
        assert_eq!(SessionCookie::find(pair).unwrap().0, cookie.0);
    }
}
