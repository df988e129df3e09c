//! The owner's keys.

use measured_boot_snp_abi::{
    EcdsaPublicKey, EcdsaSignature, IdAuth, IdBlock, KEY_ALGORITHM_ECDSA_P384_SHA384,
};
use p384::ecdsa::signature::Signer;
use p384::ecdsa::{Signature, SigningKey};
use p384::pkcs8::DecodePrivateKey;
use zerocopy::little_endian::U32;
use zerocopy::{FromZeros, IntoBytes};

/// An ID key or an author key: ECDSA on P-384.
pub struct IdKey(SigningKey);

/// A file is no key that an ID block can be signed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file is encrypted.
    #[error("the key is encrypted: decrypt it first (openssl pkey)")]
    Encrypted,
    /// No private key is in the file.
    #[error("no private key: give a PEM file with BEGIN PRIVATE KEY or BEGIN EC PRIVATE KEY")]
    NotAKey,
    /// The file has more than one.
    #[error("more than one private key is in the file: leave the one that is meant")]
    SeveralKeys,
    /// A key, but of another curve or algorithm.
    #[error("the key is none of ECDSA on P-384 (secp384r1), the one kind that is signed with")]
    NotP384,
}

const PKCS8: &str = "-----BEGIN PRIVATE KEY-----";
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----";
const ENCRYPTED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";

impl IdKey {
    /// Reads a private key as PEM: PKCS #8, or SEC1 as `openssl ecparam -genkey` writes it, with or
    /// without the parameters before it.
    ///
    /// # Errors
    /// It is no private key, one of another kind, encrypted, or not the only one.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        if pem.contains(ENCRYPTED) || pem.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        if pem.matches(PKCS8).count() + pem.matches(SEC1).count() > 1 {
            return Err(KeyError::SeveralKeys);
        }
        let secret = if let Some(start) = pem.find(PKCS8) {
            p384::SecretKey::from_pkcs8_pem(&pem[start..]).map_err(|_| KeyError::NotP384)?
        } else if let Some(start) = pem.find(SEC1) {
            p384::SecretKey::from_sec1_pem(&pem[start..]).map_err(|_| KeyError::NotP384)?
        } else {
            return Err(KeyError::NotAKey);
        };
        Ok(Self(SigningKey::from(secret)))
    }

    /// Its public half, as the firmware reads it.
    pub fn public(&self) -> EcdsaPublicKey {
        let point = self.0.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: &[u8]| *bytes.first_chunk().expect("P-384 has 48 bytes");
        let bytes = &point.as_bytes()[1..];
        EcdsaPublicKey::p384(coordinate(bytes), coordinate(&bytes[48..]))
    }

    /// Signs an ID block, and with `author` this key. Signatures are those of RFC 6979: the same each
    /// time.
    pub fn sign(&self, block: &IdBlock, author: Option<&Self>) -> IdAuth {
        let id_key = self.public();
        let mut auth = IdAuth {
            id_key_algorithm: U32::new(KEY_ALGORITHM_ECDSA_P384_SHA384),
            author_key_algorithm: U32::new(KEY_ALGORITHM_ECDSA_P384_SHA384),
            id_block_signature: self.signature(block.as_bytes()),
            id_key,
            ..IdAuth::new_zeroed()
        };
        if let Some(author) = author {
            auth.id_key_signature = author.signature(id_key.as_bytes());
            auth.author_key = author.public();
        }
        auth
    }

    /// Its public half as a point, uncompressed: 4, x, y.
    pub fn public_point(&self) -> [u8; 97] {
        let point = self.0.verifying_key().to_sec1_point(false);
        *point
            .as_bytes()
            .first_chunk()
            .expect("a point of P-384 has 97 bytes")
    }

    /// Signs another document of the owner's: r and s, big-endian, by RFC 6979. Not for what could be taken for
    /// an ID block (96 bytes) or for a key as the firmware reads it (1028 bytes, beginning with its curve).
    pub fn sign_message(&self, message: &[u8]) -> [u8; 96] {
        let signature: Signature = self.0.sign(message);
        let bytes = signature.to_bytes();
        *bytes
            .first_chunk()
            .expect("a signature by P-384 has 96 bytes")
    }

    fn signature(&self, message: &[u8]) -> EcdsaSignature {
        let signature: Signature = self.0.sign(message);
        let (r, s) = signature.split_bytes();
        EcdsaSignature::new(r.into(), s.into())
    }
}
