//! Where keys lie, and what the ring's file is sealed under.

use super::KeyringError;
use crate::credential::{Credential, SALT_LENGTH};
use crate::entropy::{self, Entropy};
use crate::envelope::{CONTEXT_LENGTH, DataKey, FileKey, Purpose, context};
use crate::ring::Ring;
use crate::ring_file::{Header, Lock, RingPath};
use crate::sealed::{TokenWrap, Wrapped};
use crate::{Home, KeyId, RingFileError, Sealed, Token, TokenError, TokenRefusal};

/// Where a ring's keys lie.
pub enum Backend {
    /// In its file, which is sealed under this credential.
    File(Credential),
    /// In this token, and the file is sealed under a key there.
    Token(Box<Token>),
}

/// Something that a ring's file can be sealed under and opened with as often as it is needed.
pub(super) enum Unlocked {
    File { lock: Lock, key: FileKey },
    Token { token: Box<Token>, ring_key: KeyId },
}

/// Stands for the key that the credential gives, which has no name.
const CREDENTIAL: KeyId = KeyId::from_bytes([0; KeyId::LENGTH]);
/// The number in the label of the key that the file is sealed under: keys of the ring begin with 1.
const RING_KEY_NUMBER: u32 = 0;
const FILE: &[u8] = b"cloister keyring file v1\n";

impl Unlocked {
    /// Of a ring that is being made.
    pub(super) fn new(backend: Backend, entropy: &dyn Entropy) -> Result<Self, KeyringError> {
        match backend {
            Backend::File(credential) => {
                let salt: [u8; SALT_LENGTH] = entropy::public(entropy)?;
                Ok(Self::by(&credential, Lock::new(credential.kind, salt)))
            }
            Backend::Token(token) => {
                let ring_key = KeyId::from_bytes(entropy::public(entropy)?);
                token.ensure(ring_key, RING_KEY_NUMBER)?;
                Ok(Self::Token { token, ring_key })
            }
        }
    }

    /// Of a ring that is there.
    pub(super) fn of_file(
        place: &RingPath,
        file: &[u8],
        backend: Backend,
    ) -> Result<Self, KeyringError> {
        let (Header { lock, .. }, sealed) = place.split(file)?;
        let other = |given| RingFileError::OtherLock {
            path: place.path(),
            found: lock.name(),
            given,
        };
        match (lock, backend) {
            (Lock::Passphrase(_, cost), _) if !cost.is_allowed() => {
                Err(RingFileError::Cost { path: place.path() }.into())
            }
            (Lock::KeyFile(salt) | Lock::Passphrase(salt, _), Backend::File(credential)) => {
                let given = Lock::new(credential.kind, salt);
                if given.name() != lock.name() {
                    return Err(other(given.name()).into());
                }
                Ok(Self::by(&credential, lock))
            }
            (Lock::Token, Backend::Token(token)) => Ok(Self::Token {
                token,
                ring_key: read_sealed(place, sealed)?.key,
            }),
            (_, Backend::File(_)) => Err(other("an unseal credential").into()),
            (_, Backend::Token(_)) => Err(other("a token").into()),
        }
    }

    fn by(credential: &Credential, lock: Lock) -> Self {
        let key = match lock {
            Lock::KeyFile(salt) => credential.file_key(&salt, None),
            Lock::Passphrase(salt, cost) => credential.file_key(&salt, Some(cost)),
            Lock::Token => unreachable!("a credential makes no such lock"),
        };
        Self::File { lock, key }
    }

    pub(super) const fn home(&self) -> Home {
        match self {
            Self::File { .. } => Home::File,
            Self::Token { .. } => Home::Token,
        }
    }

    /// The token, if keys lie in one.
    pub(super) const fn token(&self) -> Option<&Token> {
        match self {
            Self::File { .. } => None,
            Self::Token { token, .. } => Some(token),
        }
    }

    /// The whole file of a ring.
    pub(super) fn seal_ring(
        &self,
        ring: &Ring,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, KeyringError> {
        let header = Header {
            generation: ring.generation,
            lock: self.lock(),
        };
        let mut file = header.to_bytes();
        let bound_to = [FILE, &file].concat();
        let data_key = DataKey::draw(entropy)?;
        let (key, own) = self.ring_key();
        let wrapped = self.wrap(
            key,
            own,
            &context(Purpose::Ring, key, &bound_to),
            &data_key,
            entropy,
        )?;
        let sealed = Sealed {
            key,
            wrapped,
            content: data_key.encrypt(&ring.to_bytes(), &bound_to),
        };
        file.extend_from_slice(&sealed.to_bytes());
        Ok(file)
    }

    /// The ring of a file.
    pub(super) fn open_ring(&self, place: &RingPath, file: &[u8]) -> Result<Ring, KeyringError> {
        let (header, sealed) = place.split(file)?;
        let does_not_open = || RingFileError::DoesNotOpen { path: place.path() };
        let (key, own) = self.ring_key();
        let bytes = read_sealed(place, sealed)?;
        if header.lock != self.lock() || bytes.key != key {
            return Err(does_not_open().into());
        }
        let bound_to = [FILE, &header.to_bytes()].concat();
        let data_key = match self.unwrap(
            key,
            own,
            &bytes.wrapped,
            &context(Purpose::Ring, key, &bound_to),
        ) {
            Err(KeyringError::DoesNotOpen(_)) => return Err(does_not_open().into()),
            other => other?,
        };
        let ring = data_key.decrypt(&bytes.content, &bound_to);
        let ring = Ring::from_bytes(&ring.map_err(|_| does_not_open())?);
        let ring = ring.map_err(|source| RingFileError::Format {
            path: place.path(),
            source,
        })?;
        if ring.generation != header.generation || ring.home != self.home() {
            return Err(does_not_open().into());
        }
        Ok(ring)
    }

    const fn lock(&self) -> Lock {
        match self {
            Self::File { lock, .. } => *lock,
            Self::Token { .. } => Lock::Token,
        }
    }

    const fn ring_key(&self) -> (KeyId, Option<&FileKey>) {
        match self {
            Self::File { key, .. } => (CREDENTIAL, Some(key)),
            Self::Token { ring_key, .. } => (*ring_key, None),
        }
    }

    /// Wraps a data key under `key`, or under the token's key of that id.
    pub(super) fn wrap(
        &self,
        id: KeyId,
        key: Option<&FileKey>,
        context: &[u8; CONTEXT_LENGTH],
        data_key: &DataKey,
        entropy: &dyn Entropy,
    ) -> Result<Wrapped, KeyringError> {
        match (self, key) {
            (_, Some(key)) => Ok(Wrapped::ByFileKey(key.wrap(data_key, context, entropy)?)),
            (Self::Token { token, .. }, None) => {
                let iv = entropy::public(entropy)?;
                let wrapped = token.wrap(id, iv, *context, data_key)?;
                check(token, id, wrapped, context, data_key)?;
                Ok(Wrapped::ByToken(wrapped))
            }
            (Self::File { .. }, None) => Err(KeyringError::UnknownKey(id)),
        }
    }

    pub(super) fn unwrap(
        &self,
        id: KeyId,
        key: Option<&FileKey>,
        wrapped: &Wrapped,
        context: &[u8; CONTEXT_LENGTH],
    ) -> Result<DataKey, KeyringError> {
        match (self, key, wrapped) {
            (_, Some(key), Wrapped::ByFileKey(wrapped)) => key
                .unwrap(wrapped, context)
                .map_err(|_| KeyringError::DoesNotOpen(id)),
            (Self::Token { token, .. }, None, Wrapped::ByToken(wrapped)) => {
                token.unwrap(id, *wrapped, *context).map_err(judged)
            }
            _ => Err(KeyringError::DoesNotOpen(id)),
        }
    }
}

/// A token that lost the key, or encrypts nothing, would lose the secret.
fn check(
    token: &Token,
    id: KeyId,
    wrapped: TokenWrap,
    context: &[u8; CONTEXT_LENGTH],
    data_key: &DataKey,
) -> Result<(), KeyringError> {
    let again = match token.unwrap(id, wrapped, *context) {
        Err(error @ TokenError::Unavailable(_)) => return Err(error.into()),
        again => again,
    };
    let is_same = again.is_ok_and(|again| again.0 == data_key.0);
    if !is_same || wrapped.text.starts_with(data_key.0.as_slice()) {
        return Err(KeyringError::TokenLies(id));
    }
    Ok(())
}

/// One word for it, wherever the key lies.
fn judged(error: TokenError) -> KeyringError {
    match error {
        TokenError::Refused {
            key,
            refusal: TokenRefusal::DoesNotOpen,
        } => KeyringError::DoesNotOpen(key),
        other => other.into(),
    }
}

fn read_sealed(place: &RingPath, bytes: &[u8]) -> Result<Sealed, RingFileError> {
    Sealed::from_bytes(bytes).map_err(|source| RingFileError::Damaged {
        path: place.path(),
        source,
    })
}
