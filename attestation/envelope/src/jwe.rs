//! The envelope's cryptography: a JWE (RFC 7516) with ECDH-ES+A256KW or RSA-OAEP-256, and A256GCM (RFC 7518).

use std::fmt;

use aes_kw::{KeyInit as _, KwAes256};
use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use attestation_evidence::{Coordinates, RsaPublicKey, TeePublicKey};
use attestation_ledger::Digest;
use p256::SecretKey;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, Tag, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::agreement::{
    KeyEncryptionKey, key_encryption_key, key_encryption_key_p521, point, point_p521, public_half,
    public_half_p521,
};
use crate::{TeeKey, UnusableEntropy, oaep};

mod header;

use header::Header;

const CONTENT_KEY_LENGTH: usize = 32;
/// AES key wrap adds one block of 64 bits (RFC 3394).
const WRAPPED_KEY_LENGTH: usize = CONTENT_KEY_LENGTH + 8;
const IV_LENGTH: usize = 12;
const SHORT_LENGTH: usize = 32;
/// P-521's numbers are the longest.
const EPHEMERAL_LENGTH: usize = 66;
const TAG_LENGTH: usize = 16;

/// The random numbers of one wrapping. Used up by it: none may serve twice.
pub struct Entropy {
    /// The sender's secret number, of which P-256 takes the first 32 bytes, as RSA's padding does for its seed.
    ephemeral_key: Zeroizing<[u8; EPHEMERAL_LENGTH]>,
    content_key: ContentKey,
    iv: [u8; IV_LENGTH],
}

type ContentKey = Zeroizing<[u8; CONTENT_KEY_LENGTH]>;

impl Entropy {
    /// How many random bytes one wrapping takes, whatever the recipient's key.
    pub const LENGTH: usize = EPHEMERAL_LENGTH + CONTENT_KEY_LENGTH + IV_LENGTH;

    /// Takes bytes that the caller drew from a cryptographic random number generator for this.
    #[must_use]
    pub fn from_bytes(bytes: &Zeroizing<[u8; Self::LENGTH]>) -> Self {
        let mut entropy = Self {
            ephemeral_key: Zeroizing::new([0; EPHEMERAL_LENGTH]),
            content_key: Zeroizing::new([0; CONTENT_KEY_LENGTH]),
            iv: [0; IV_LENGTH],
        };
        let (first, rest) = bytes.split_at(SHORT_LENGTH);
        let (content_key, rest) = rest.split_at(CONTENT_KEY_LENGTH);
        let (iv, more) = rest.split_at(IV_LENGTH);
        entropy.ephemeral_key[..SHORT_LENGTH].copy_from_slice(first);
        entropy.ephemeral_key[SHORT_LENGTH..].copy_from_slice(more);
        entropy.content_key.copy_from_slice(content_key);
        entropy.iv.copy_from_slice(iv);
        entropy
    }

    fn short(&self) -> &[u8; SHORT_LENGTH] {
        self.ephemeral_key
            .first_chunk()
            .expect("the longest number is longer")
    }

    fn ephemeral_p256(&self) -> Result<SecretKey, UnusableEntropy> {
        SecretKey::from_slice(self.short()).map_err(|_| UnusableEntropy)
    }

    /// A number of 521 bits: the seven bits above them are cut off (FIPS 186-5, A.2.2: candidates are tested).
    fn ephemeral_p521(&self) -> Result<p521::SecretKey, UnusableEntropy> {
        let mut number = self.ephemeral_key.clone();
        number[0] &= 1;
        p521::SecretKey::from_slice(number.as_slice()).map_err(|_| UnusableEntropy)
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
        let (header, encrypted_key) = wrapped(recipient, &entropy)?;
        let protected = header.to_base64url();
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
        let on_curve = match recipient {
            TeePublicKey::P256(key) => point(key).is_some(),
            TeePublicKey::P521(key) => point_p521(key).is_some(),
            TeePublicKey::Rsa(_) => true,
        };
        on_curve.then_some(()).ok_or(JweError::RecipientNotOnCurve)
    }

    /// Decrypts with the recipient's secret key.
    pub(crate) fn unseal(&self, key: &TeeKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let ephemeral = Header::from_base64url(&self.protected)?.ephemeral_p256()?;
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

/// The content key, wrapped to the recipient, and the header that says how.
fn wrapped(recipient: &TeePublicKey, entropy: &Entropy) -> Result<(Header, Vec<u8>), JweError> {
    match recipient {
        TeePublicKey::P256(key) => agreed_p256(key, entropy),
        TeePublicKey::P521(key) => agreed_p521(key, entropy),
        TeePublicKey::Rsa(key) => Ok(encrypted(key, entropy)),
    }
}

fn agreed_p256(
    recipient: &Coordinates<32>,
    entropy: &Entropy,
) -> Result<(Header, Vec<u8>), JweError> {
    let recipient = point(recipient).ok_or(JweError::RecipientNotOnCurve)?;
    let ephemeral = entropy.ephemeral_p256()?;
    let key = key_encryption_key(&ephemeral, &recipient);
    let header = Header::p256(&public_half(&ephemeral));
    Ok((header, wrapped_under(&key, &entropy.content_key)))
}

fn agreed_p521(
    recipient: &Coordinates<66>,
    entropy: &Entropy,
) -> Result<(Header, Vec<u8>), JweError> {
    let recipient = point_p521(recipient).ok_or(JweError::RecipientNotOnCurve)?;
    let ephemeral = entropy.ephemeral_p521()?;
    let key = key_encryption_key_p521(&ephemeral, &recipient);
    let header = Header::p521(&public_half_p521(&ephemeral));
    Ok((header, wrapped_under(&key, &entropy.content_key)))
}

fn encrypted(recipient: &RsaPublicKey, entropy: &Entropy) -> (Header, Vec<u8>) {
    let seed = entropy.short();
    (
        Header::rsa(),
        oaep::encrypt(recipient, &entropy.content_key, seed),
    )
}

/// AES key wrap (RFC 3394).
fn wrapped_under(key: &KeyEncryptionKey, content_key: &ContentKey) -> Vec<u8> {
    let mut wrapped = vec![0; WRAPPED_KEY_LENGTH];
    KwAes256::new((&**key).into())
        .wrap_key(content_key.as_slice(), &mut wrapped)
        .expect("the output is one block longer than the key");
    wrapped
}

fn content_key(bytes: &[u8; CONTENT_KEY_LENGTH]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("A256GCM keys have 32 bytes"))
}

fn member<const N: usize>(text: &str, member: &'static str) -> Result<[u8; N], JweError> {
    let bytes = base64url_decode(text).and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or(JweError::Member { member })
}

/// Why a JWE cannot be made or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// The recipient's key is no point of its curve.
    #[error("the recipient's key is not a point of its curve: no secret can be wrapped to it")]
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
