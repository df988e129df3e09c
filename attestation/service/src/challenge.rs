//! Challenges: a nonce that evidence has to bind, and the session that it belongs to.
//!
//! To hand one out costs no memory and no write: the session's cookie says all that is to be known of it, under a MAC. What
//! is written down is that a nonce was **used up**. So whoever asks for a million of them takes no place from anybody, and
//! every replica that has the key takes the answers to all of them.
//!
//! ```text
//! body   = version ‖ expiry (8) ‖ random (16) ‖ length ‖ tenant ‖ length ‖ tee
//! cookie = base64url(body ‖ HMAC-SHA256(key, "cookie" ‖ generation ‖ body))
//! nonce  =                  HMAC-SHA256(key, "nonce"  ‖ generation ‖ body)
//! ```
//!
//! The generation is the store's. A store that was restored from a backup has another one: it has forgotten which nonces were
//! used up since, so all of them are void.

use attestation_access::TenantName;
use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use attestation_evidence::{Nonce, SESSION_COOKIE, Tee};
use ring::hmac;

use crate::entropy;

/// Bytes of a MAC, and of a nonce.
const MAC: usize = 32;
/// Bytes that tell two challenges of one second apart.
pub const RANDOM: usize = 16;
/// The longest cookie that is looked at: names are short.
const LONGEST: usize = 512;
const VERSION: u8 = 1;
/// Bytes of a session's name.
const NAME: usize = 16;

/// Makes challenges, and knows its own.
pub struct ChallengeKey(hmac::Key);

/// What a challenge says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose policy is asked.
    pub tenant: TenantName,
    /// What the client claims to be.
    pub tee: Tee,
    /// From this second on it is void: seconds since 1970.
    pub expires: u64,
}

/// The value of the session cookie. Who holds it may speak in the session, so it is never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionCookie(String);

impl ChallengeKey {
    /// The key, of 32 bytes that nobody else has.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Hands out a challenge; `random` was never used before.
    pub fn issue(
        &self,
        generation: &str,
        challenge: &Challenge,
        random: [u8; RANDOM],
    ) -> (SessionCookie, Nonce) {
        let mut body = vec![VERSION];
        body.extend(challenge.expires.to_be_bytes());
        body.extend(random);
        for text in [challenge.tenant.as_str(), challenge.tee.as_str()] {
            body.push(u8::try_from(text.len()).expect("names of tenants and TEEs are short"));
            body.extend(text.as_bytes());
        }
        let nonce = self.nonce(generation, &body);
        let mac = self.mac("cookie", generation, &body);
        body.extend(mac.as_ref());
        (SessionCookie(base64url_encode(&body)), nonce)
    }

    /// What the cookie's challenge was, and its nonce; `None` if this key did not hand it out in this generation.
    pub fn open(&self, generation: &str, cookie: &SessionCookie) -> Option<(Challenge, Nonce)> {
        let bytes = base64url_decode(&cookie.0)?;
        let (body, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        let signed = [b"cookie".as_slice(), &framed(generation), body].concat();
        hmac::verify(&self.0, &signed, mac).ok()?;
        Some((Challenge::read(body)?, self.nonce(generation, body)))
    }

    fn nonce(&self, generation: &str, body: &[u8]) -> Nonce {
        let mac = self.mac("nonce", generation, body);
        let bytes = mac.as_ref().try_into();
        Nonce::from_bytes(bytes.expect("HMAC-SHA256 has 32 bytes"))
    }

    fn mac(&self, what: &str, generation: &str, body: &[u8]) -> hmac::Tag {
        let signed = [what.as_bytes(), &framed(generation), body].concat();
        hmac::sign(&self.0, &signed)
    }
}

/// No generation is the beginning of another.
fn framed(generation: &str) -> Vec<u8> {
    let length = u64::try_from(generation.len()).unwrap_or(u64::MAX);
    [&length.to_be_bytes(), generation.as_bytes()].concat()
}

impl Challenge {
    fn read(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (_random, rest) = rest.split_first_chunk::<RANDOM>()?;
        let (tenant, rest) = text(rest)?;
        let (tee, rest) = text(rest)?;
        if *version != VERSION || !rest.is_empty() {
            return None;
        }
        Some(Self {
            tenant: tenant.parse().ok()?,
            tee: tee.parse().ok()?,
            expires: u64::from_be_bytes(*expires),
        })
    }
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

impl SessionCookie {
    /// Finds the one session cookie in a `Cookie` header. None, two, or one that is too long: `None`.
    pub fn find(header: &str) -> Option<Self> {
        let mut values = header
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(name, _)| *name == SESSION_COOKIE)
            .map(|(_, value)| value);
        let value = values.next().filter(|value| value.len() <= LONGEST)?;
        values.next().is_none().then(|| Self(value.to_owned()))
    }

    /// The session's name: it tells sessions apart and opens none. Different spellings of a cookie are different sessions;
    /// one of them at most opens.
    pub fn session_name(&self) -> String {
        let digest = entropy::sha256(format!("cloister session v2\n{}", self.0).as_bytes());
        hex::encode(
            digest
                .first_chunk::<NAME>()
                .expect("a SHA-256 digest is longer"),
        )
    }

    /// The `Set-Cookie` header.
    pub fn set_cookie(&self, path: &str, seconds: u64) -> String {
        let value = &self.0;
        format!(
            "{SESSION_COOKIE}={value}; Path={path}; Max-Age={seconds}; Secure; HttpOnly; \
             SameSite=Strict"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ChallengeKey {
        ChallengeKey::new(&[7; 32])
    }

    fn challenge() -> Challenge {
        Challenge {
            tenant: "acme".parse().unwrap(),
            tee: Tee::Snp,
            expires: 1_795_348_800,
        }
    }

    #[test]
    fn challenge_opens_with_its_key_and_generation_alone() {
        let (cookie, nonce) = key().issue("g1", &challenge(), [1; RANDOM]);

        assert_eq!(key().open("g1", &cookie), Some((challenge(), nonce)));
        assert_eq!(key().open("g2", &cookie), None);
        assert_eq!(key().open("g", &cookie), None);
        assert_eq!(ChallengeKey::new(&[8; 32]).open("g1", &cookie), None);
    }

    #[test]
    fn challenge_with_any_bit_changed_or_any_end_cut_off_does_not_open() {
        let (cookie, _) = key().issue("g1", &challenge(), [1; RANDOM]);
        let bytes = base64url_decode(&cookie.0).unwrap();

        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = SessionCookie(base64url_encode(&changed));
            assert_eq!(key().open("g1", &changed), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            let cut = SessionCookie(base64url_encode(&bytes[..length]));
            assert_eq!(key().open("g1", &cut), None, "{length} bytes");
        }
    }

    #[test]
    fn cookie_has_one_spelling_that_opens() {
        let (cookie, _) = key().issue("g1", &challenge(), [1; RANDOM]);

        for spelled in [
            format!("{}=", cookie.0),
            format!("{} ", cookie.0),
            format!("{}A", cookie.0),
        ] {
            assert_eq!(key().open("g1", &SessionCookie(spelled)), None);
        }
    }

    #[test]
    fn nonces_differ_by_what_their_challenges_say() {
        let mut others = vec![challenge(), challenge(), challenge()];
        others[0].tenant = "acm".parse().unwrap();
        others[1].tee = Tee::Tdx;
        others[2].expires += 1;
        let (cookie, nonce) = key().issue("g1", &challenge(), [1; RANDOM]);
        for other in others {
            let (other_cookie, other_nonce) = key().issue("g1", &other, [1; RANDOM]);
            assert_ne!(other_nonce, nonce);
            assert_ne!(other_cookie.session_name(), cookie.session_name());
        }
        assert_ne!(key().issue("g1", &challenge(), [2; RANDOM]).1, nonce);
        assert_ne!(key().issue("g2", &challenge(), [1; RANDOM]).1, nonce);
    }

    #[test]
    fn nonce_is_not_in_the_cookie() {
        let (cookie, nonce) = key().issue("g1", &challenge(), [1; RANDOM]);
        let bytes = base64url_decode(&cookie.0).unwrap();

        assert!(!bytes.windows(MAC).any(|window| window == nonce.as_bytes()));
    }

    #[test]
    fn cookie_among_others_is_found_and_one_there_twice_is_not() {
        let (cookie, _) = key().issue("g1", &challenge(), [1; RANDOM]);
        let value = &cookie.0;
        let found = SessionCookie::find(&format!("theme=dark; kbs-session-id={value}; x=y"));
        assert!(found == Some(cookie.clone()));
        for header in [
            String::new(),
            format!("KBS-session-id={value}"),
            format!("kbs-session-id={value}; kbs-session-id={value}"),
            format!("kbs-session-id={}", "A".repeat(LONGEST + 1)),
        ] {
            assert!(SessionCookie::find(&header).is_none(), "{header}");
        }
    }

    #[test]
    fn cookie_that_was_set_is_found_again() {
        let (cookie, _) = key().issue("g1", &challenge(), [1; RANDOM]);
        let sent = cookie.set_cookie("/kbs", 300);
        let pair = sent.split(';').next().unwrap();

        assert!(SessionCookie::find(pair) == Some(cookie.clone()));
        assert!(!cookie.session_name().contains(&cookie.0));
    }
}
