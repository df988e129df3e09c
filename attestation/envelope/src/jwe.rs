//! The envelope's cryptography: a JWE (RFC 7516) with ECDH-ES+A256KW and A256GCM (RFC 7518).

use std::fmt;

use aes_kw::{KeyInit as _, KwAes256};
use attestation_evidence::TeePublicKey;
use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use attestation_ledger::Digest;
use p256::SecretKey;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::agreement::{ALGORITHM, key_encryption_key, point, public_half};
use crate::{TeeKey, UnusableEntropy};

const ENCRYPTION: &str = "A256GCM";
const KEY_TYPE: &str = "EC";
const CURVE: &str = "P-256";

const CONTENT_KEY_LENGTH: usize = 32;
/// AES key wrap adds one block of 64 bits (RFC 3394).
const WRAPPED_KEY_LENGTH: usize = CONTENT_KEY_LENGTH + 8;
const IV_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;

/// The random numbers of one wrapping. Used up by it: none may serve twice.
pub struct Entropy {
    ephemeral_key: Zeroizing<[u8; 32]>,
    content_key: Zeroizing<[u8; CONTENT_KEY_LENGTH]>,
    iv: [u8; IV_LENGTH],
}

impl Entropy {
    /// How many random bytes one wrapping takes.
    pub const LENGTH: usize = 32 + CONTENT_KEY_LENGTH + IV_LENGTH;

    /// Takes bytes that the caller drew from a cryptographic random number generator for this.
    #[must_use]
    pub fn from_bytes(bytes: &Zeroizing<[u8; Self::LENGTH]>) -> Self {
        let mut entropy = Self {
            ephemeral_key: Zeroizing::new([0; 32]),
            content_key: Zeroizing::new([0; CONTENT_KEY_LENGTH]),
            iv: [0; IV_LENGTH],
        };
        let (ephemeral_key, rest) = bytes.split_at(32);
        let (content_key, iv) = rest.split_at(CONTENT_KEY_LENGTH);
        entropy.ephemeral_key.copy_from_slice(ephemeral_key);
        entropy.content_key.copy_from_slice(content_key);
        entropy.iv.copy_from_slice(iv);
        entropy
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(redacted)")
    }
}

/// The five members of a flattened JWE, each base64url text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JweParts {
    /// The protected header: algorithms and the sender's ephemeral key.
    pub protected: String,
    /// The content key, wrapped.
    pub encrypted_key: String,
    /// The content's initialisation vector.
    pub iv: String,
    /// The content.
    pub ciphertext: String,
    /// The content's authentication tag, over the protected header too.
    pub tag: String,
}

impl JweParts {
    /// What the log calls this JWE: SHA-256 over the canonical JSON (RFC 8785) of the members.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let canonical = serde_json_canonicalizer::to_vec(self)
            .expect("strings under string keys always have a canonical form");
        Digest::of(&canonical)
    }

    /// Encrypts `secret` to `recipient`. Whether it may have it is not asked here.
    ///
    /// # Errors
    /// [`JweError`] if the key, the entropy or the secret's length cannot be used.
    pub fn seal(
        secret: &[u8],
        recipient: &TeePublicKey,
        entropy: Entropy,
    ) -> Result<Self, JweError> {
        let recipient = point(recipient).ok_or(JweError::RecipientNotOnCurve)?;
        let ephemeral =
            SecretKey::from_slice(entropy.ephemeral_key.as_slice()).map_err(|_| UnusableEntropy)?;
        let key_encryption_key = key_encryption_key(&ephemeral, &recipient);
        let mut encrypted_key = [0; WRAPPED_KEY_LENGTH];
        KwAes256::new((&*key_encryption_key).into())
            .wrap_key(entropy.content_key.as_slice(), &mut encrypted_key)
            .expect("the output is one block longer than the key");

        let protected = Header::new(public_half(&ephemeral)).to_base64url();
        // Encrypted in place: the buffer ends up without the secret.
        let mut content = Zeroizing::new(secret.to_vec());
        let tag = content_key(&entropy.content_key)
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(entropy.iv),
                Aad::from(protected.as_bytes()),
                &mut content,
            )
            .map_err(|_| JweError::SecretTooLong)?;
        Ok(Self {
            protected,
            encrypted_key: base64url_encode(&encrypted_key),
            iv: base64url_encode(&entropy.iv),
            ciphertext: base64url_encode(&content),
            tag: base64url_encode(tag.as_ref()),
        })
    }

    /// Whether a secret can be wrapped to `recipient`: to be asked before anything else is done for
    /// it.
    ///
    /// # Errors
    /// [`JweError::RecipientNotOnCurve`].
    pub fn check_recipient(recipient: &TeePublicKey) -> Result<(), JweError> {
        point(recipient)
            .map(|_| ())
            .ok_or(JweError::RecipientNotOnCurve)
    }

    /// Decrypts with the recipient's secret key.
    pub(crate) fn unseal(&self, key: &TeeKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let ephemeral = Header::from_base64url(&self.protected)?.ephemeral_key()?;
        let ephemeral = point(&ephemeral).ok_or(JweError::Header)?;
        let encrypted_key = member::<WRAPPED_KEY_LENGTH>(&self.encrypted_key, "encrypted_key")?;
        let iv = member::<IV_LENGTH>(&self.iv, "iv")?;
        let tag = member::<TAG_LENGTH>(&self.tag, "tag")?;
        let ciphertext = base64url_decode(&self.ciphertext);
        let mut content = Zeroizing::new(ciphertext.ok_or(JweError::Member {
            member: "ciphertext",
        })?);

        let key_encryption_key = key_encryption_key(&key.0, &ephemeral);
        let mut unwrapped = Zeroizing::new([0; CONTENT_KEY_LENGTH]);
        KwAes256::new((&*key_encryption_key).into())
            .unwrap_key(&encrypted_key, unwrapped.as_mut_slice())
            .map_err(|_| JweError::NotForThisKey)?;
        content_key(&unwrapped)
            .open_in_place_separate_tag(
                Nonce::assume_unique_for_key(iv),
                Aad::from(self.protected.as_bytes()),
                Tag::from(tag),
                &mut content,
                0..,
            )
            .map_err(|_| JweError::Altered)?;
        Ok(content)
    }
}

fn content_key(bytes: &[u8; CONTENT_KEY_LENGTH]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("A256GCM keys have 32 bytes"))
}

fn member<const N: usize>(text: &str, member: &'static str) -> Result<[u8; N], JweError> {
    let bytes = base64url_decode(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(JweError::Member { member })
}

/// The protected header. Only the one pair of algorithms is spoken, so nothing is negotiated.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    enc: String,
    epk: EphemeralKey,
}

/// The sender's key, with the members that RFC 7518 section 4.6.1.1 asks for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EphemeralKey {
    crv: String,
    kty: String,
    x: String,
    y: String,
}

impl Header {
    fn new(ephemeral: TeePublicKey) -> Self {
        let epk = EphemeralKey {
            crv: CURVE.to_owned(),
            kty: KEY_TYPE.to_owned(),
            x: base64url_encode(ephemeral.x()),
            y: base64url_encode(ephemeral.y()),
        };
        Self {
            alg: ALGORITHM.to_owned(),
            enc: ENCRYPTION.to_owned(),
            epk,
        }
    }

    fn to_base64url(&self) -> String {
        let json = serde_json::to_vec(self).expect("strings under string keys are always JSON");
        base64url_encode(&json)
    }

    fn from_base64url(text: &str) -> Result<Self, JweError> {
        let json = base64url_decode(text).ok_or(JweError::Header)?;
        serde_json::from_slice(&json).map_err(|_| JweError::Header)
    }

    fn ephemeral_key(&self) -> Result<TeePublicKey, JweError> {
        let epk = &self.epk;
        let spoken = self.alg == ALGORITHM && self.enc == ENCRYPTION;
        if !spoken || epk.kty != KEY_TYPE || epk.crv != CURVE {
            return Err(JweError::Header);
        }
        Ok(TeePublicKey::from_coordinates(
            member(&epk.x, "epk.x")?,
            member(&epk.y, "epk.y")?,
        ))
    }
}

/// Why a JWE cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// The recipient's key is no point of P-256.
    #[error("the recipient's key is not a point of P-256: no secret can be wrapped to it")]
    RecipientNotOnCurve,
    /// See [`UnusableEntropy`].
    #[error(transparent)]
    Entropy(#[from] UnusableEntropy),
    /// AES-GCM takes less than 64 GiB.
    #[error("the secret is too long for one message")]
    SecretTooLong,
    /// The protected header is another one than is spoken here.
    #[error("the JWE's protected header is not that of ECDH-ES+A256KW with A256GCM on P-256")]
    Header,
    /// A member of another size or spelling.
    #[error("the JWE's `{member}` is not canonical base64url of the right length")]
    Member {
        /// Its name.
        member: &'static str,
    },
    /// The wrapped key does not open.
    #[error("the JWE is wrapped to another key, or its header or wrapped key was changed")]
    NotForThisKey,
    /// The content does not authenticate.
    #[error("the JWE's content was changed on its way")]
    Altered,
}

#[cfg(test)]
mod tests;
