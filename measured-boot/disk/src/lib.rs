//! The data disk's layout and secret: dm-verity inside dm-crypt, as bytes.
//!
//! ```text
//! the whole disk  = dm-crypt, aes-xts-plain64, 512-byte sectors
//!   data blocks     an ext4 file system, blocks of 4096 bytes
//!   one block       dm-verity's superblock
//!   hash blocks     dm-verity's tree, topmost level first
//! ```
//!
//! dm-verity is inside: the host sees neither the file system nor its hash tree, and a block that it
//! changes or exchanges fails the tree after decryption. [`DiskSecret`] is all that a guest needs to
//! open the disk and to trust it, and so it is released as one secret.

#![forbid(unsafe_code)]

mod cipher;
mod layout;
mod secret;
mod tables;
mod wire;

pub use cipher::{CRYPT_KEY_BYTES, NotWholeSectors, SECTOR_BYTES, SectorCipher};
pub use layout::{BLOCK_BYTES, DiskLayout, LayoutError, SECTORS_PER_BLOCK};
pub use secret::{DiskSecret, DiskSecretError, FileSystem, MAX_SALT_BYTES, ROOT_HASH_BYTES};
