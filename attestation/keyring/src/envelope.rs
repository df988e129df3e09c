//! The envelope: a data key of its own for each secret, and how a key of the sealed file wraps it.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, Tag, UnboundKey};
use ring::digest;
use ring::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use crate::entropy::{self, Entropy, NoEntropy};
use crate::sealed::FILE_WRAP_LENGTH;
use crate::{KeyId, LONGEST_SECRET};

/// The length of keys, of both kinds.
pub const KEY_LENGTH: usize = 32;
pub(crate) const TAG_LENGTH: usize = 16;
const SALT_LENGTH: usize = 32;

/// What a wrap is bound to: key-encryption key and associated data.
pub const CONTEXT_LENGTH: usize = PURPOSE_LENGTH + KeyId::LENGTH + 32;

const CONTENT: &[u8] = b"cloister keyring content v1\n";
const WRAP_KEY: &[u8] = b"cloister keyring wrap key v1\n";

const PURPOSE_LENGTH: usize = 25;

/// What a data key is for. A secret that somebody chose, bound to something that somebody chose, is never taken
/// for a ring, whatever key wraps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Secret,
    Ring,
}

impl Purpose {
    const fn text(self) -> &'static [u8; PURPOSE_LENGTH] {
        match self {
            Self::Secret => b"cloister keyring wrap v1\n",
            Self::Ring => b"cloister keyring ring v1\n",
        }
    }
}

/// Each key that is used with it serves for one message only, so that the pair is never used twice.
const ONLY_NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

/// What was encrypted does not open: it is under another key, bound to something else, or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DoesNotOpen;

/// The key of one secret. Wiped when dropped.
pub(crate) struct DataKey(pub(crate) Zeroizing<[u8; KEY_LENGTH]>);

impl DataKey {
    pub(crate) fn draw(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        entropy::secret(entropy).map(Self)
    }

    /// Ciphertext and tag. Takes the key's one message: what it returns next to is the key's end.
    pub(crate) fn encrypt(&self, secret: &[u8], associated_data: &[u8]) -> Vec<u8> {
        assert!(secret.len() <= LONGEST_SECRET, "the caller has looked");
        // With room for the tag, so that no copy of the secret is left in a smaller buffer.
        let mut content = Zeroizing::new(Vec::with_capacity(secret.len() + TAG_LENGTH));
        content.extend_from_slice(secret);
        let tag = aead(&self.0)
            .seal_in_place_separate_tag(nonce(), content_aad(associated_data), &mut content)
            .expect("a secret is far below AES-GCM's limit of 64 GiB");
        content.extend_from_slice(tag.as_ref());
        std::mem::take(&mut content)
    }

    pub(crate) fn decrypt(
        &self,
        content: &[u8],
        associated_data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, DoesNotOpen> {
        let (text, tag) = content.split_last_chunk().ok_or(DoesNotOpen)?;
        let mut text = Zeroizing::new(text.to_vec());
        aead(&self.0)
            .open_in_place_separate_tag(
                nonce(),
                content_aad(associated_data),
                Tag::from(*tag),
                &mut text,
                0..,
            )
            .map_err(|_| DoesNotOpen)?;
        Ok(text)
    }
}

/// A key-encryption key that is here, in memory. Wiped when dropped.
#[derive(Clone)]
pub(crate) struct FileKey(pub(crate) Zeroizing<[u8; KEY_LENGTH]>);

impl FileKey {
    pub(crate) fn draw(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        entropy::secret(entropy).map(Self)
    }

    /// Salt, ciphertext, tag. AES-GCM under one key may not be asked more than 2^32 times with random
    /// IVs (NIST SP 800-38D section 8.3), and nobody could count that over replicas and restored backups.
    /// So each wrap has a key of its own, derived by a salt of 256 bits (HKDF, RFC 5869): there is nothing
    /// to count.
    pub(crate) fn wrap(
        &self,
        data_key: &DataKey,
        context: &[u8; CONTEXT_LENGTH],
        entropy: &dyn Entropy,
    ) -> Result<[u8; FILE_WRAP_LENGTH], NoEntropy> {
        let salt: [u8; SALT_LENGTH] = entropy::public(entropy)?;
        let mut text = data_key.0.clone();
        let tag = self
            .wrap_key(&salt)
            .seal_in_place_separate_tag(nonce(), Aad::from(context), text.as_mut_slice())
            .expect("a key is far below AES-GCM's limit of 64 GiB");
        let mut wrapped = [0; FILE_WRAP_LENGTH];
        let (head, rest) = wrapped.split_at_mut(SALT_LENGTH);
        let (middle, end) = rest.split_at_mut(KEY_LENGTH);
        head.copy_from_slice(&salt);
        middle.copy_from_slice(text.as_slice());
        end.copy_from_slice(tag.as_ref());
        Ok(wrapped)
    }

    pub(crate) fn unwrap(
        &self,
        wrapped: &[u8; FILE_WRAP_LENGTH],
        context: &[u8; CONTEXT_LENGTH],
    ) -> Result<DataKey, DoesNotOpen> {
        let (salt, sealed) = wrapped.split_first_chunk().ok_or(DoesNotOpen)?;
        let (text, tag) = sealed.split_last_chunk().ok_or(DoesNotOpen)?;
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        key.copy_from_slice(text);
        self.wrap_key(salt)
            .open_in_place_separate_tag(
                nonce(),
                Aad::from(context),
                Tag::from(*tag),
                key.as_mut_slice(),
                0..,
            )
            .map_err(|_| DoesNotOpen)?;
        Ok(DataKey(key))
    }

    fn wrap_key(&self, salt: &[u8; SALT_LENGTH]) -> LessSafeKey {
        let derived = Salt::new(HKDF_SHA256, salt).extract(self.0.as_slice());
        let derived = derived
            .expand(&[WRAP_KEY], &AES_256_GCM)
            .map(UnboundKey::from);
        LessSafeKey::new(derived.expect("HKDF-SHA256 gives up to 8160 bytes"))
    }
}

/// What a data key's wrap is bound to. Of fixed length whatever the associated data, since tokens are
/// choosy.
pub(crate) fn context(
    purpose: Purpose,
    key: KeyId,
    associated_data: &[u8],
) -> [u8; CONTEXT_LENGTH] {
    let digest = digest::digest(&digest::SHA256, associated_data);
    let mut context = [0; CONTEXT_LENGTH];
    let (head, rest) = context.split_at_mut(PURPOSE_LENGTH);
    let (middle, end) = rest.split_at_mut(KeyId::LENGTH);
    head.copy_from_slice(purpose.text());
    middle.copy_from_slice(key.as_bytes());
    end.copy_from_slice(digest.as_ref());
    context
}

fn content_aad(associated_data: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([CONTENT, associated_data].concat())
}

fn aead(key: &[u8; KEY_LENGTH]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256-GCM keys have 32 bytes"))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key(ONLY_NONCE)
}
