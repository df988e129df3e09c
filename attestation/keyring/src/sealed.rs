//! A secret at rest, as bytes.
//!
//! | offset | length | what (numbers are little-endian) |
//! |---|---|---|
//! | 0 | 4 | `CKSE` |
//! | 4 | 1 | version: 1 |
//! | 5 | 1 | how the data key is wrapped: 1 by a key of the sealed file, 2 by a key in a token |
//! | 6 | 16 | id of the key-encryption key |
//! | 22 | 80 or 60 | the wrapped data key: salt 32, ciphertext 32, tag 16; or IV 12, ciphertext 32, tag 16 |
//! | | 4 | length of the content |
//! | | … | the content: ciphertext, and its tag of 16 bytes |
//!
//! There is one spelling for each value, and nothing may follow.

use std::fmt;

use measured_boot_reader::{CutShort, Reader, Trailing};

use crate::KeyId;
use crate::envelope::TAG_LENGTH;

const MAGIC: [u8; 4] = *b"CKSE";
const VERSION: u8 = 1;
const BY_FILE_KEY: u8 = 1;
const BY_TOKEN: u8 = 2;

/// The length of a data key wrapped by a key of the sealed file.
pub(crate) const FILE_WRAP_LENGTH: usize = 32 + 32 + 16;
/// The length of a token's IV.
pub const IV_LENGTH: usize = 12;
/// The length of a data key that a token encrypted, with its tag.
pub const TOKEN_WRAP_LENGTH: usize = 32 + 16;

/// A secret, encrypted under a data key of its own, and that key, wrapped.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    pub(crate) key: KeyId,
    pub(crate) wrapped: Wrapped,
    pub(crate) content: Vec<u8>,
}

/// A wrapped data key.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Wrapped {
    /// By a key of the sealed file: salt, ciphertext, tag.
    ByFileKey([u8; FILE_WRAP_LENGTH]),
    /// By a key in a token.
    ByToken(TokenWrap),
}

/// What a token made of a data key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenWrap {
    /// The IV that was used: the one that was offered, or the token's own.
    pub iv: [u8; IV_LENGTH],
    /// Ciphertext and tag.
    pub text: [u8; TOKEN_WRAP_LENGTH],
}

/// The bytes are no sealed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// They begin otherwise.
    #[error("these bytes are no sealed secret: they begin otherwise")]
    Magic,
    /// A version that is not known here.
    #[error("the sealed secret has version {0}, and this program knows version 1 only")]
    Version(u8),
    /// Its data key is wrapped otherwise than is known here.
    #[error("the sealed secret's key is wrapped in a way {0} that is not known")]
    Wrap(u8),
    /// They end too early.
    #[error("the sealed secret is cut short")]
    Cut(#[from] CutShort),
    /// Something follows.
    #[error("bytes follow the sealed secret")]
    Trailing(#[from] Trailing),
    /// Not even a tag.
    #[error("the sealed secret's content is shorter than its tag")]
    NoTag,
}

impl Sealed {
    /// Reads what [`Sealed::to_bytes`] wrote, and nothing else.
    ///
    /// # Errors
    /// [`SealedError`] says what is not as it has to be.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealedError> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != MAGIC {
            return Err(SealedError::Magic);
        }
        match reader.u8()? {
            VERSION => {}
            other => return Err(SealedError::Version(other)),
        }
        let wrap = reader.u8()?;
        let key = KeyId::from_bytes(reader.array()?);
        let wrapped = match wrap {
            BY_FILE_KEY => Wrapped::ByFileKey(reader.array()?),
            BY_TOKEN => Wrapped::ByToken(TokenWrap {
                iv: reader.array()?,
                text: reader.array()?,
            }),
            other => return Err(SealedError::Wrap(other)),
        };
        let length = usize::try_from(reader.u32()?).map_err(|_| SealedError::NoTag)?;
        if length < TAG_LENGTH {
            return Err(SealedError::NoTag);
        }
        let content = reader.take(length)?.to_vec();
        reader.end()?;
        Ok(Self {
            key,
            wrapped,
            content,
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.push(match self.wrapped {
            Wrapped::ByFileKey(_) => BY_FILE_KEY,
            Wrapped::ByToken(_) => BY_TOKEN,
        });
        bytes.extend_from_slice(self.key.as_bytes());
        match &self.wrapped {
            Wrapped::ByFileKey(wrapped) => bytes.extend_from_slice(wrapped),
            Wrapped::ByToken(wrapped) => {
                bytes.extend_from_slice(&wrapped.iv);
                bytes.extend_from_slice(&wrapped.text);
            }
        }
        let length = u32::try_from(self.content.len())
            .expect("what is sealed has at most LONGEST_SECRET bytes");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.content);
        bytes
    }

    /// The key-encryption key that its data key is wrapped under.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> [Sealed; 2] {
        let by_file_key = Wrapped::ByFileKey([3; FILE_WRAP_LENGTH]);
        let by_token = Wrapped::ByToken(TokenWrap {
            iv: [4; IV_LENGTH],
            text: [5; TOKEN_WRAP_LENGTH],
        });
        [by_file_key, by_token].map(|wrapped| Sealed {
            key: KeyId::from_bytes([2; 16]),
            wrapped,
            content: vec![6; 20],
        })
    }

    #[test]
    fn sealed_bytes_are_read_back_whole() {
        for sealed in both() {
            assert_eq!(Sealed::from_bytes(&sealed.to_bytes()), Ok(sealed));
        }
    }

    #[test]
    fn sealed_bytes_cut_or_followed_are_refused() {
        for sealed in both() {
            let mut bytes = sealed.to_bytes();
            for length in 0..bytes.len() {
                let cut = Sealed::from_bytes(&bytes[..length]);
                assert!(matches!(cut, Err(SealedError::Cut(_))), "{length}");
            }
            bytes.push(0);
            let followed = Sealed::from_bytes(&bytes);
            assert!(matches!(followed, Err(SealedError::Trailing(_))));
        }
    }

    #[test]
    fn sealed_bytes_of_another_kind_are_refused() {
        let [by_file_key, _] = both();
        let with = |place: usize, byte: u8| {
            let mut bytes = by_file_key.to_bytes();
            bytes[place] = byte;
            Sealed::from_bytes(&bytes)
        };
        assert_eq!(with(0, b'X'), Err(SealedError::Magic));
        assert_eq!(with(4, 2), Err(SealedError::Version(2)));
        assert_eq!(with(5, 3), Err(SealedError::Wrap(3)));
        let short = Sealed {
            content: vec![0; 15],
            ..by_file_key
        };
        let short = Sealed::from_bytes(&short.to_bytes());
        assert_eq!(short, Err(SealedError::NoTag));
    }
}
