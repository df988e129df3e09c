//! The verifier's own keys, as they are used while it serves. Their files are in [`DataDir`].

use attestation_access::TenantName;
use attestation_evidence::ResourcePath;
use attestation_ledger::SigningKey;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::challenge::ChallengeKey;
use crate::data_dir::{DataDir, DataDirError, names};
use crate::entropy::{self, NoEntropy};
use crate::terms::Terms;
use crate::token::TokenKey;

/// The keys that requests need. The TLS key is [`Server`](crate::Server)'s, the log's is the store's.
pub struct Keys {
    /// Makes nonces.
    pub challenge: ChallengeKey,
    /// Signs attestation tokens.
    pub token: TokenKey,
    /// Encrypts secrets at rest.
    pub seal: SealKey,
}

impl Keys {
    /// Reads the keys of a data directory.
    pub fn load(dir: &DataDir) -> Result<Self, DataDirError> {
        Ok(Self {
            challenge: ChallengeKey::new(&*load_hex_key(dir, names::CHALLENGE_KEY)?),
            token: TokenKey::load(dir)?,
            seal: SealKey::load(dir)?,
        })
    }
}

/// The log's signing key.
pub fn load_log_key(dir: &DataDir) -> Result<SigningKey, DataDirError> {
    const WHAT: &str = "log key (C2SP signed note key)";
    let text = dir.read_private_text(names::LOG_KEY, WHAT)?;
    text.trim_end()
        .parse()
        .map_err(|_| dir.malformed(names::LOG_KEY, WHAT))
}

fn load_hex_key(dir: &DataDir, name: &str) -> Result<Zeroizing<[u8; 32]>, DataDirError> {
    const WHAT: &str = "key of 64 hexadecimal digits";
    let text = dir.read_private_text(name, WHAT)?;
    let mut key = Zeroizing::new([0; 32]);
    hex::decode_to_slice(text.trim_end(), key.as_mut_slice())
        .map_err(|_| dir.malformed(name, WHAT))?;
    Ok(key)
}

/// The key under which secrets lie in the store.
pub struct SealKey(LessSafeKey);

/// A sealed secret does not open: the store or the key file was exchanged.
#[derive(Debug, thiserror::Error)]
#[error("the stored secret {0} does not open with seal.key: put it again")]
pub struct UnsealError(ResourcePath);

impl SealKey {
    fn load(dir: &DataDir) -> Result<Self, DataDirError> {
        let key = load_hex_key(dir, names::SEAL_KEY)?;
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice())
            .expect("AES-256-GCM takes any 32 bytes as its key");
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts `secret` for this resource under these terms: nonce, ciphertext, tag.
    pub fn seal(
        &self,
        tenant: &TenantName,
        resource: &ResourcePath,
        version: u64,
        terms: &Terms,
        secret: &[u8],
    ) -> Result<Vec<u8>, NoEntropy> {
        let nonce: [u8; NONCE_LEN] = entropy::random()?;
        let mut text = Zeroizing::new(secret.to_vec());
        let tag = self
            .0
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated_data(tenant, resource, version, terms)),
                &mut text,
            )
            .expect("a secret is far below AES-GCM's limit of 64 GiB");
        Ok([nonce.as_slice(), &text, tag.as_ref()].concat())
    }

    /// Decrypts what [`SealKey::seal`] made for the same resource and terms.
    pub fn unseal(
        &self,
        tenant: &TenantName,
        resource: &ResourcePath,
        version: u64,
        terms: &Terms,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let failed = || UnsealError(resource.clone());
        let (nonce, sealed) = sealed.split_first_chunk().ok_or_else(failed)?;
        let mut text = Zeroizing::new(sealed.to_vec());
        let length = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated_data(tenant, resource, version, terms)),
                &mut text,
            )
            .map_err(|_| failed())?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

/// A secret moved to another tenant's or resource's row, put back from an older version, or bound to other
/// launches by a hand on the store's file does not open. No name holds a line's end.
fn associated_data(
    tenant: &TenantName,
    resource: &ResourcePath,
    version: u64,
    terms: &Terms,
) -> Vec<u8> {
    let mut data = format!("cloister secret v4\n{tenant}\n{resource}\n{version}\n").into_bytes();
    data.extend(terms.to_bytes());
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal_key() -> SealKey {
        SealKey(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, &[7; 32]).unwrap(),
        ))
    }

    fn acme() -> TenantName {
        "acme".parse().unwrap()
    }

    fn disk() -> ResourcePath {
        "default/disk/data".parse().unwrap()
    }

    fn terms() -> Terms {
        Terms {
            policy: "strict".to_owned(),
            references: vec!["one".to_owned(), "two".to_owned()],
        }
    }

    #[test]
    fn sealed_secret_opens_for_its_resource_and_terms_only() {
        let key = seal_key();
        let sealed = key
            .seal(&acme(), &disk(), 2, &terms(), b"the secret")
            .unwrap();

        assert_eq!(
            *key.unseal(&acme(), &disk(), 2, &terms(), &sealed).unwrap(),
            b"the secret"
        );
        let other = "default/disk/other".parse().unwrap();
        assert!(key.unseal(&acme(), &other, 2, &terms(), &sealed).is_err());
        let foreign = "acm".parse().unwrap();
        assert!(key.unseal(&foreign, &disk(), 2, &terms(), &sealed).is_err());
        assert!(key.unseal(&acme(), &disk(), 1, &terms(), &sealed).is_err());
        let mut changed = [terms(), terms(), terms()];
        changed[0].policy = "lax".to_owned();
        changed[1].references.push("three".to_owned());
        changed[2].references[1] = "three".to_owned();
        for terms in changed {
            assert!(
                key.unseal(&acme(), &disk(), 2, &terms, &sealed).is_err(),
                "{terms:?}"
            );
        }
    }

    #[test]
    fn sealed_secret_changed_or_cut_does_not_open() {
        let key = seal_key();
        let sealed = key
            .seal(&acme(), &disk(), 2, &terms(), b"the secret")
            .unwrap();

        for length in 0..sealed.len() {
            assert!(
                key.unseal(&acme(), &disk(), 2, &terms(), &sealed[..length])
                    .is_err()
            );
        }
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.unseal(&acme(), &disk(), 2, &terms(), &changed).is_err());
        }
    }
}
