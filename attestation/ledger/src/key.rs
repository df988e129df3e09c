//! The log's Ed25519 keys and their text forms (c2sp.org/signed-note, golang.org/x/mod/sumdb/note).

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::text::{decode_base64, encode_base64};

/// Signature type identifier of plain Ed25519 (c2sp.org/signed-note, "Signature types").
const ED25519_TYPE: u8 = 0x01;

const SIGNING_KEY_PREFIX: &str = "PRIVATE+KEY+";

/// Why a key's text or name was refused. A private key's text is never repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The name is empty or holds a space, a plus or a control character.
    #[error("`{0}` cannot name a log key: it must be non-empty, without spaces and without `+`")]
    BadName(String),
    /// Not `NAME+ID+BASE64`.
    #[error(
        "not a log key: `NAME+ID+BASE64` is expected (a signing key begins with `PRIVATE+KEY+`)"
    )]
    Malformed,
    /// Not plain Ed25519.
    #[error("the log key of `{0}` is not an Ed25519 key (type 1, 32 bytes)")]
    UnknownType(String),
    /// The id is not the one that name and key give.
    #[error("the log key of `{0}` does not have the id that it claims: the text is damaged")]
    WrongId(String),
}

/// A log's public key, pinned by whoever verifies. Its text form is a "vkey":
/// `NAME+ID+BASE64(0x01 || public key)`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    public: [u8; 32],
}

impl VerifyingKey {
    /// The key's name, which is the log's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name || 0x0A || 0x01 || public key).
    pub fn id(&self) -> [u8; 4] {
        let mut input = self.name.clone().into_bytes();
        input.extend_from_slice(b"\n");
        input.push(ED25519_TYPE);
        input.extend_from_slice(&self.public);
        let hash = digest(&SHA256, &input);
        hash.as_ref()
            .first_chunk()
            .copied()
            .expect("a SHA-256 digest is longer than 4 bytes")
    }

    pub(crate) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(text.as_bytes(), signature)
            .is_ok()
    }
}

impl FromStr for VerifyingKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let parts = KeyText::parse(text)?;
        let key = Self {
            name: parts.name.to_owned(),
            public: *parts.material,
        };
        parts.check_id(&key)?;
        Ok(key)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut material = vec![ED25519_TYPE];
        material.extend_from_slice(&self.public);
        write!(
            f,
            "{}+{}+{}",
            self.name,
            hex::encode(self.id()),
            encode_base64(&material)
        )
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({self})")
    }
}

/// A log's private key. Its text form is an "skey": `PRIVATE+KEY+NAME+ID+BASE64(0x01 || seed)`.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// Makes the key `name` from 32 secret random bytes.
    ///
    /// # Errors
    /// The name cannot name a key.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .expect("every 32-byte seed makes an Ed25519 key");
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key is 32 bytes");
        Ok(Self {
            pair,
            public: VerifyingKey {
                name: name.to_owned(),
                public,
            },
        })
    }

    /// The text that keeps the key `name` made from `seed`; [`str::parse`] reads it again.
    ///
    /// # Errors
    /// The name cannot name a key.
    pub fn to_text(name: &str, seed: &[u8; 32]) -> Result<Zeroizing<String>, KeyError> {
        let id = Self::from_seed(name, seed)?.public.id();
        let mut material = Zeroizing::new(vec![ED25519_TYPE]);
        material.extend_from_slice(seed);
        let material = Zeroizing::new(encode_base64(&material));
        Ok(Zeroizing::new(format!(
            "{SIGNING_KEY_PREFIX}{name}+{}+{}",
            hex::encode(id),
            material.as_str()
        )))
    }

    /// The public half, to be pinned by verifiers.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    pub(crate) fn sign(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }
}

impl FromStr for SigningKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let text = text
            .strip_prefix(SIGNING_KEY_PREFIX)
            .ok_or(KeyError::Malformed)?;
        let parts = KeyText::parse(text)?;
        let key = Self::from_seed(parts.name, &parts.material)?;
        parts.check_id(&key.public)?;
        Ok(key)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.name)
    }
}

/// `NAME+ID+BASE64`, taken apart.
struct KeyText<'a> {
    name: &'a str,
    id: &'a str,
    material: Zeroizing<[u8; 32]>,
}

impl<'a> KeyText<'a> {
    fn parse(text: &'a str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Malformed)?;
        let (id, material) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        check_name(name)?;
        let bytes = Zeroizing::new(decode_base64(material).ok_or(KeyError::Malformed)?);
        match bytes.split_first() {
            Some((&ED25519_TYPE, key)) if key.len() == 32 => {
                let mut material = Zeroizing::new([0; 32]);
                material.copy_from_slice(key);
                Ok(Self { name, id, material })
            }
            _ => Err(KeyError::UnknownType(name.to_owned())),
        }
    }

    fn check_id(&self, key: &VerifyingKey) -> Result<(), KeyError> {
        (self.id == hex::encode(key.id()))
            .then_some(())
            .ok_or_else(|| KeyError::WrongId(self.name.to_owned()))
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.contains(forbidden) {
        return Err(KeyError::BadName(name.to_owned()));
    }
    Ok(())
}
