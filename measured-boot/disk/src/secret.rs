//! The one secret of a disk: its key and its verity root hash.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::wire::{Hex, Wire};
use crate::{BLOCK_BYTES, CRYPT_KEY_BYTES, DiskLayout, LayoutError};

/// SHA-256, the only hash of ours for dm-verity.
pub const ROOT_HASH_BYTES: usize = 32;

/// Room for the salt in dm-verity's superblock, version 1 (cryptsetup's wiki, "DMVerity").
pub const MAX_SALT_BYTES: usize = 256;

const VERSION: u32 = 1;

/// What a guest needs to open its data disk and to trust what it reads there.
///
/// A value of this type is consistent: the key is usable, and all sizes follow from one another. The
/// key is erased from memory when the value is dropped, and is never printed.
///
/// As JSON (every field required, no other field allowed, byte strings in lower-case hexadecimal):
///
/// ```json
/// {"version":1,"crypt_key":"<64 bytes>","verity_root_hash":"<32 bytes>","verity_salt":"<1..256 bytes>",
///  "data_blocks":512,"block_size":4096,"hash_start_block":513,"file_system":"ext4","crypt_sectors":4144}
/// ```
pub struct DiskSecret {
    crypt_key: Zeroizing<[u8; CRYPT_KEY_BYTES]>,
    verity_root_hash: [u8; ROOT_HASH_BYTES],
    verity_salt: Vec<u8>,
    layout: DiskLayout,
}

/// What is inside dm-verity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileSystem {
    /// ext4, without a journal, to be mounted read-only.
    Ext4,
}

impl FileSystem {
    /// The name that mount(2) takes.
    pub fn mount_type(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
        }
    }
}

impl DiskSecret {
    /// The secret of a disk of this `layout`.
    ///
    /// # Errors
    ///
    /// A salt of zero or more than [`MAX_SALT_BYTES`] bytes, or a key whose two halves are equal.
    pub fn new(
        crypt_key: Zeroizing<[u8; CRYPT_KEY_BYTES]>,
        verity_root_hash: [u8; ROOT_HASH_BYTES],
        verity_salt: Vec<u8>,
        layout: DiskLayout,
    ) -> Result<Self, DiskSecretError> {
        check_key(&crypt_key)?;
        if !(1..=MAX_SALT_BYTES).contains(&verity_salt.len()) {
            return Err(DiskSecretError::Salt(verity_salt.len()));
        }
        Ok(Self {
            crypt_key,
            verity_root_hash,
            verity_salt,
            layout,
        })
    }

    /// Reads and checks the JSON form.
    ///
    /// # Errors
    ///
    /// Anything but one complete, consistent secret of this version. Messages quote no text of it.
    pub fn from_json(json: &[u8]) -> Result<Self, DiskSecretError> {
        let wire: Wire = serde_json::from_slice(json).map_err(|error| not_json(&error))?;
        if wire.version != VERSION {
            return Err(DiskSecretError::Version(wire.version));
        }
        if wire.block_size != BLOCK_BYTES {
            return Err(DiskSecretError::BlockSize(wire.block_size));
        }
        let layout = DiskLayout::new(wire.data_blocks)?;
        check_follows(
            "hash_start_block",
            layout.hash_start_block(),
            wire.hash_start_block,
        )?;
        check_follows("crypt_sectors", layout.crypt_sectors(), wire.crypt_sectors)?;
        let crypt_key = Zeroizing::new(sized("crypt_key", &wire.crypt_key)?);
        let root_hash = sized("verity_root_hash", &wire.verity_root_hash)?;
        Self::new(crypt_key, root_hash, wire.verity_salt.0.to_vec(), layout)
    }

    /// The JSON form, on one line.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        let wire = Wire {
            version: VERSION,
            crypt_key: Hex::new(&*self.crypt_key),
            verity_root_hash: Hex::new(&self.verity_root_hash),
            verity_salt: Hex::new(&self.verity_salt),
            data_blocks: self.layout.data_blocks(),
            block_size: BLOCK_BYTES,
            hash_start_block: self.layout.hash_start_block(),
            file_system: self.file_system(),
            crypt_sectors: self.layout.crypt_sectors(),
        };
        // Large enough from the start: a growing vector would leave copies of the key behind.
        let mut json = Zeroizing::new(Vec::with_capacity(2048));
        serde_json::to_writer(&mut *json, &wire).expect("plain fields always serialise");
        json
    }

    /// The key of [`SectorCipher`](crate::SectorCipher).
    pub fn crypt_key(&self) -> &[u8; CRYPT_KEY_BYTES] {
        &self.crypt_key
    }

    /// Top of the hash tree: whoever knows it can trust every block read through dm-verity.
    pub fn verity_root_hash(&self) -> &[u8; ROOT_HASH_BYTES] {
        &self.verity_root_hash
    }

    /// Hashed before every block.
    pub fn verity_salt(&self) -> &[u8] {
        &self.verity_salt
    }

    /// Sizes and offsets. `layout().check_device(bytes)` refuses another disk than this one's.
    pub fn layout(&self) -> DiskLayout {
        self.layout
    }

    /// What to mount.
    pub fn file_system(&self) -> FileSystem {
        FileSystem::Ext4
    }
}

impl fmt::Debug for DiskSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The root hash and the salt tell whether two disks hold the same: they are part of the secret.
        out.debug_struct("DiskSecret")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

fn not_json(error: &serde_json::Error) -> DiskSecretError {
    let problem = match error.classify() {
        Category::Io => "it could not be read",
        Category::Syntax => "a syntax error, or text after its end",
        Category::Data => "a missing, unknown, repeated or ill-formed member",
        Category::Eof => "it ends too early",
    };
    DiskSecretError::Json {
        problem,
        line: error.line(),
        column: error.column(),
    }
}

/// XTS with equal halves loses its security proof (NIST FIPS 140-3 IG C.I); it also is what an
/// all-zero key looks like.
fn check_key(key: &[u8; CRYPT_KEY_BYTES]) -> Result<(), DiskSecretError> {
    let (data, tweak) = key.split_at(CRYPT_KEY_BYTES / 2);
    if data == tweak {
        return Err(DiskSecretError::WeakKey);
    }
    Ok(())
}

fn check_follows(field: &'static str, expected: u64, found: u64) -> Result<(), DiskSecretError> {
    if expected != found {
        return Err(DiskSecretError::Inconsistent {
            field,
            expected,
            found,
        });
    }
    Ok(())
}

fn sized<const N: usize>(field: &'static str, hex: &Hex) -> Result<[u8; N], DiskSecretError> {
    <[u8; N]>::try_from(hex.0.as_slice()).map_err(|_| DiskSecretError::FieldSize {
        field,
        expected: N,
        found: hex.0.len(),
    })
}

/// The bytes are not a disk secret that can be used.
#[derive(Debug, Error)]
pub enum DiskSecretError {
    /// Not JSON, or a field missing, unknown or of another type.
    ///
    /// serde's own text quotes values, here those of a secret, so only the place of it is kept.
    #[error("the disk secret is not the expected JSON: {problem} at line {line}, column {column}")]
    Json {
        /// What kind of fault, in words of ours.
        problem: &'static str,
        /// Where, from 1.
        line: usize,
        /// Where in the line, from 1; 0 is before it.
        column: usize,
    },
    /// Made by a later program.
    #[error("the disk secret has version {0}, this program reads version 1")]
    Version(u32),
    /// Only one block size is ever made.
    #[error("the disk secret names blocks of {0} bytes, only 4096 is supported")]
    BlockSize(u32),
    /// A byte string of the wrong length.
    #[error("the disk secret's {field} has {found} bytes, not {expected}")]
    FieldSize {
        /// Name of the JSON field.
        field: &'static str,
        /// Bytes that it must have.
        expected: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// dm-verity takes no such salt.
    #[error("a verity salt has 1 to 256 bytes, not {0}")]
    Salt(usize),
    /// Both halves of the key are equal.
    #[error("the two halves of the disk key are equal, which XTS must never be used with")]
    WeakKey,
    /// Two fields contradict each other.
    #[error("the disk secret's {field} is {found}, but its data_blocks make it {expected}")]
    Inconsistent {
        /// Name of the JSON field.
        field: &'static str,
        /// What the number of data blocks makes it.
        expected: u64,
        /// What it is.
        found: u64,
    },
    /// The number of data blocks is impossible.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}
