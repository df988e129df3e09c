//! What the sealed file is opened with.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::PrivateFileError;
use crate::envelope::{FileKey, KEY_LENGTH};
use crate::private_file::{self, Keeper};

/// The fewest bytes of a key file; below, it might be guessed.
const SHORTEST_KEY: usize = 32;
/// The fewest characters of a passphrase. Argon2 makes guessing dear, not impossible.
const SHORTEST_PASSPHRASE: usize = 12;
const LONGEST: usize = 4096;
pub(crate) const SALT_LENGTH: usize = 32;

const FILE_KEY: &[u8] = b"cloister keyring file key v1\n";

/// The unseal credential: a key file's bytes, or a passphrase. Wiped when dropped.
pub struct Credential {
    pub(crate) kind: CredentialKind,
    bytes: Zeroizing<Vec<u8>>,
}

/// How a credential becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CredentialKind {
    KeyFile,
    Passphrase,
}

/// Why a credential cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The file.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Too short.
    #[error(
        "a key file has at least {SHORTEST_KEY} bytes: make one with `head -c 32 /dev/urandom`"
    )]
    ShortKey,
    /// No PIN.
    #[error("the PIN file is empty, or is no text")]
    NoPin,
    /// Too short.
    #[error("a passphrase has at least {SHORTEST_PASSPHRASE} bytes")]
    ShortPassphrase,
}

impl Credential {
    /// Reads a key file: every byte of it counts, at least 32. With systemd, a credential of
    /// `LoadCredentialEncrypted=`.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn read_key_file(path: &Path) -> Result<Self, CredentialError> {
        let bytes = private_file::read(path, LONGEST, Keeper::UsOrManager)?;
        if bytes.len() < SHORTEST_KEY {
            return Err(CredentialError::ShortKey);
        }
        Ok(Self {
            kind: CredentialKind::KeyFile,
            bytes,
        })
    }

    /// Reads a passphrase: one line, whose end does not count.
    ///
    /// # Errors
    /// [`CredentialError`].
    pub fn read_passphrase_file(path: &Path) -> Result<Self, CredentialError> {
        let mut bytes = private_file::read(path, LONGEST, Keeper::UsOrManager)?;
        while bytes.last().is_some_and(|byte| b"\r\n".contains(byte)) {
            bytes.pop();
        }
        if bytes.len() < SHORTEST_PASSPHRASE {
            return Err(CredentialError::ShortPassphrase);
        }
        Ok(Self {
            kind: CredentialKind::Passphrase,
            bytes,
        })
    }

    /// The key that the file is sealed under.
    pub(crate) fn file_key(&self, salt: &[u8; SALT_LENGTH], cost: Option<Cost>) -> FileKey {
        match cost {
            None => from_key_file(&self.bytes, salt),
            Some(cost) => cost.spend_on(&self.bytes, salt),
        }
    }
}

/// A token's PIN: a line of text, whose end does not count. For the process that logs in.
///
/// # Errors
/// [`CredentialError`].
pub fn read_pin(path: &Path) -> Result<Zeroizing<String>, CredentialError> {
    let bytes = private_file::read(path, LONGEST, Keeper::UsOrManager)?;
    let text = str::from_utf8(&bytes).map_err(|_| CredentialError::NoPin)?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err(CredentialError::NoPin),
        pin => Ok(Zeroizing::new(pin.to_owned())),
    }
}

struct KeyLength;

impl KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_LENGTH
    }
}

/// HKDF-SHA256 (RFC 5869).
fn from_key_file(bytes: &[u8], salt: &[u8; SALT_LENGTH]) -> FileKey {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    Salt::new(HKDF_SHA256, salt)
        .extract(bytes)
        .expand(&[FILE_KEY], KeyLength)
        .and_then(|derived| derived.fill(key.as_mut_slice()))
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    FileKey(key)
}

/// What Argon2id is asked to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// The second recommendation of RFC 9106 section 4.
    pub(crate) const RECOMMENDED: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// More would let a file stop the machine.
    const MOST: Self = Self {
        memory_kib: 1024 * 1024,
        passes: 16,
        lanes: 16,
    };

    /// Whether a file may ask for it: no less than this program writes, or somebody could make a
    /// passphrase cheap to guess by making a file anew with little.
    pub(crate) const fn is_allowed(self) -> bool {
        let (least, most) = (Self::RECOMMENDED, Self::MOST);
        self.memory_kib >= least.memory_kib
            && self.memory_kib <= most.memory_kib
            && self.passes >= least.passes
            && self.passes <= most.passes
            && self.lanes >= 1
            && self.lanes <= most.lanes
    }

    fn spend_on(self, passphrase: &[u8], salt: &[u8; SALT_LENGTH]) -> FileKey {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_LENGTH));
        let params = params.expect("allowed costs are far inside of Argon2's");
        let mut key = Zeroizing::new([0; KEY_LENGTH]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, salt, key.as_mut_slice())
            .expect("passphrase, salt and output have lengths that Argon2 takes");
        FileKey(key)
    }
}
