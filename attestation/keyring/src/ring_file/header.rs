//! What stands before the sealed ring, readable by anybody and bound to it.

use measured_boot_reader::{CutShort, Reader};

use crate::credential::{Cost, CredentialKind, SALT_LENGTH};

const MAGIC: [u8; 4] = *b"CKRF";
const VERSION: u8 = 1;
const KEY_FILE: u8 = 1;
const PASSPHRASE: u8 = 2;
const TOKEN: u8 = 3;

/// A ring file's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) generation: u64,
    pub(crate) lock: Lock,
}

/// What a ring file is sealed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    KeyFile([u8; SALT_LENGTH]),
    Passphrase([u8; SALT_LENGTH], Cost),
    Token,
}

impl Lock {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::KeyFile(_) => "a key file",
            Self::Passphrase(..) => "a passphrase",
            Self::Token => "a key in a token",
        }
    }

    pub(crate) const fn new(kind: CredentialKind, salt: [u8; SALT_LENGTH]) -> Self {
        match kind {
            CredentialKind::KeyFile => Self::KeyFile(salt),
            CredentialKind::Passphrase => Self::Passphrase(salt, Cost::RECOMMENDED),
        }
    }
}

impl Header {
    /// The header, and what follows it. `None` if there is none of this version.
    pub(crate) fn split(file: &[u8]) -> Option<(Self, &[u8])> {
        let mut reader = Reader::new(file);
        let header = Self::read(&mut reader).ok().flatten()?;
        Some((header, reader.rest()))
    }

    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, CutShort> {
        if reader.array()? != MAGIC || reader.u8()? != VERSION {
            return Ok(None);
        }
        let kind = reader.u8()?;
        let generation = reader.u64()?;
        let lock = match kind {
            KEY_FILE => Lock::KeyFile(reader.array()?),
            PASSPHRASE => {
                let salt = reader.array()?;
                let cost = Cost {
                    memory_kib: reader.u32()?,
                    passes: reader.u32()?,
                    lanes: reader.u32()?,
                };
                Lock::Passphrase(salt, cost)
            }
            TOKEN => Lock::Token,
            _ => return Ok(None),
        };
        Ok(Some(Self { generation, lock }))
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.push(VERSION);
        bytes.push(match self.lock {
            Lock::KeyFile(_) => KEY_FILE,
            Lock::Passphrase(..) => PASSPHRASE,
            Lock::Token => TOKEN,
        });
        bytes.extend_from_slice(&self.generation.to_le_bytes());
        match self.lock {
            Lock::KeyFile(salt) => bytes.extend_from_slice(&salt),
            Lock::Passphrase(salt, cost) => {
                bytes.extend_from_slice(&salt);
                for number in [cost.memory_kib, cost.passes, cost.lanes] {
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
            }
            Lock::Token => {}
        }
        bytes
    }
}
