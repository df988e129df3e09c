//! A ring as bytes, which are encrypted before anybody sees them. The page docs/keys.md has the table.

use measured_boot_reader::{CutShort, Reader, Trailing};
use zeroize::Zeroizing;

use super::{Entry, MOST_KEYS, MOST_TOKEN_WRAPS, Pending, Prepared, Ring};
use crate::envelope::{FileKey, KEY_LENGTH};
use crate::{Home, KeyId, KeyState};

const IN_FILE: u8 = 1;
const IN_TOKEN: u8 = 2;

const ACTIVE: u8 = 1;
const RETIRED: u8 = 2;
const DESTROYED: u8 = 3;

const NOTHING: u8 = 0;
const NEW: u8 = 1;
const RETIRE: u8 = 2;
const DESTROY: u8 = 3;

/// The longest entry, and what stands around the entries.
const LONGEST_ENTRY: usize = KeyId::LENGTH + 1 + 8 + KEY_LENGTH;
const AROUND: usize = 64 + LONGEST_ENTRY;

/// A ring that was authenticated and still makes no sense: another version of this program wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RingFormatError {
    /// It ends too early.
    #[error(transparent)]
    Cut(#[from] CutShort),
    /// Something follows.
    #[error(transparent)]
    Trailing(#[from] Trailing),
    /// A number that stands for nothing.
    #[error("{what} {number} is not known")]
    Unknown {
        /// Of what.
        what: &'static str,
        /// The number.
        number: u8,
    },
    /// The parts do not go together.
    #[error("{0}")]
    Nonsense(&'static str),
}

impl Ring {
    /// Wiped when dropped, and written into one buffer that does not grow.
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let room = AROUND + self.entries.len() * LONGEST_ENTRY;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        bytes.push(match self.home {
            Home::File => IN_FILE,
            Home::Token => IN_TOKEN,
        });
        let count = u16::try_from(self.entries.len()).expect("a ring has at most MOST_KEYS keys");
        bytes.extend_from_slice(&count.to_le_bytes());
        for entry in &self.entries {
            entry.write(&mut bytes);
        }
        match &self.pending {
            None => bytes.push(NOTHING),
            Some(pending) => pending.write(&mut bytes),
        }
        debug_assert!(bytes.len() <= room, "the buffer never grew");
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RingFormatError> {
        let mut reader = Reader::new(bytes);
        let generation = reader.u64()?;
        let home = match reader.u8()? {
            IN_FILE => Home::File,
            IN_TOKEN => Home::Token,
            number => return Err(unknown("a home", number)),
        };
        let count = usize::from(reader.u16()?);
        if count > MOST_KEYS {
            return Err(RingFormatError::Nonsense("too many keys"));
        }
        let mut entries = Vec::with_capacity(count);
        for _ in 0..count {
            entries.push(Entry::read(&mut reader, home)?);
        }
        let pending = Pending::read(&mut reader, home)?;
        reader.end()?;
        let ring = Self {
            generation,
            home,
            entries,
            pending,
        };
        ring.hold_together()?;
        Ok(ring)
    }

    fn hold_together(&self) -> Result<(), RingFormatError> {
        let active = self.entries.iter();
        let active = active.filter(|entry| entry.state == KeyState::Active);
        if active.count() > 1 {
            return Err(RingFormatError::Nonsense("more than one key is active"));
        }
        let pending = self.pending.as_ref().map(|pending| &pending.what);
        let new = match pending {
            Some(Prepared::New(entry)) => Some(entry.id),
            _ => None,
        };
        let mut ids: Vec<KeyId> = self.entries.iter().map(|entry| entry.id).collect();
        ids.extend(new);
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(RingFormatError::Nonsense("two keys have one id"));
        }
        match pending {
            Some(Prepared::Retire(key) | Prepared::Destroy { key, .. })
                if self.entry(*key).is_none() =>
            {
                Err(RingFormatError::Nonsense("a step of no key is prepared"))
            }
            _ => Ok(()),
        }
    }
}

impl Entry {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.id.as_bytes());
        bytes.push(match self.state {
            KeyState::Active => ACTIVE,
            KeyState::Retired => RETIRED,
            KeyState::Destroyed => DESTROYED,
        });
        bytes.extend_from_slice(&self.reserved.to_le_bytes());
        if let Some(key) = &self.key {
            bytes.extend_from_slice(key.0.as_slice());
        }
    }

    fn read(reader: &mut Reader<'_>, home: Home) -> Result<Self, RingFormatError> {
        let id = KeyId::from_bytes(reader.array()?);
        let state = match reader.u8()? {
            ACTIVE => KeyState::Active,
            RETIRED => KeyState::Retired,
            DESTROYED => KeyState::Destroyed,
            number => return Err(unknown("a key's state", number)),
        };
        let reserved = reader.u64()?;
        if reserved > MOST_TOKEN_WRAPS {
            return Err(RingFormatError::Nonsense("more wraps than there may be"));
        }
        let is_here = home == Home::File && state != KeyState::Destroyed;
        let key = is_here.then(|| read_key(reader)).transpose()?;
        Ok(Self {
            id,
            state,
            key,
            reserved,
        })
    }
}

fn read_key(reader: &mut Reader<'_>) -> Result<FileKey, CutShort> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    key.copy_from_slice(reader.take(KEY_LENGTH)?);
    Ok(FileKey(key))
}

impl Pending {
    fn write(&self, bytes: &mut Vec<u8>) {
        let mut head = |tag: u8| {
            bytes.push(tag);
            bytes.extend_from_slice(&self.generation.to_le_bytes());
        };
        match &self.what {
            Prepared::New(entry) => {
                head(NEW);
                entry.write(bytes);
            }
            Prepared::Retire(key) => {
                head(RETIRE);
                bytes.extend_from_slice(key.as_bytes());
            }
            Prepared::Destroy { key, secrets_lost } => {
                head(DESTROY);
                bytes.extend_from_slice(key.as_bytes());
                bytes.extend_from_slice(&secrets_lost.to_le_bytes());
            }
        }
    }

    fn read(reader: &mut Reader<'_>, home: Home) -> Result<Option<Self>, RingFormatError> {
        let tag = reader.u8()?;
        if tag == NOTHING {
            return Ok(None);
        }
        let generation = reader.u64()?;
        let what = match tag {
            NEW => {
                let entry = Entry::read(reader, home)?;
                if entry.state != KeyState::Active {
                    let why = "a new key is not to become active";
                    return Err(RingFormatError::Nonsense(why));
                }
                Prepared::New(entry)
            }
            RETIRE => Prepared::Retire(KeyId::from_bytes(reader.array()?)),
            DESTROY => Prepared::Destroy {
                key: KeyId::from_bytes(reader.array()?),
                secrets_lost: reader.u64()?,
            },
            number => return Err(unknown("a prepared step", number)),
        };
        Ok(Some(Self { generation, what }))
    }
}

const fn unknown(what: &'static str, number: u8) -> RingFormatError {
    RingFormatError::Unknown { what, number }
}
