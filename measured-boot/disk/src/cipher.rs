//! AES-256-XTS as dm-crypt's `aes-xts-plain64` applies it to 512-byte sectors.

use aes::Aes256;
use aes::cipher::KeyInit;
use thiserror::Error;
use xts_mode::{Xts128, get_tweak_default};

/// dm-crypt's sector, and the unit of its tweak.
pub const SECTOR_BYTES: usize = 512;

/// Two AES-256 keys: the first for the data, the second for the tweak (IEEE 1619-2018, 5.1).
pub const CRYPT_KEY_BYTES: usize = 64;

/// Encrypts and decrypts sectors. The round keys are erased when it is dropped.
pub struct SectorCipher {
    xts: Xts128<Aes256>,
}

impl SectorCipher {
    /// The cipher under a [`DiskSecret`](crate::DiskSecret)'s key.
    pub fn new(key: &[u8; CRYPT_KEY_BYTES]) -> Self {
        let (data, tweak) = key.split_at(CRYPT_KEY_BYTES / 2);
        let half = |half| Aes256::new_from_slice(half).expect("32 bytes are an AES-256 key");
        Self {
            xts: Xts128::new(half(data), half(tweak)),
        }
    }

    /// Encrypts `sectors` in place; the first of them is sector `first` of the disk.
    ///
    /// # Errors
    ///
    /// [`NotWholeSectors`] where the length is no multiple of [`SECTOR_BYTES`].
    pub fn encrypt(&self, first: u64, sectors: &mut [u8]) -> Result<(), NotWholeSectors> {
        whole_sectors(sectors)?;
        // The default tweak is the sector number, little-endian, zero-padded: dm-crypt's plain64.
        self.xts
            .encrypt_area(sectors, SECTOR_BYTES, u128::from(first), get_tweak_default);
        Ok(())
    }

    /// Decrypts `sectors` in place; the first of them is sector `first` of the disk.
    ///
    /// # Errors
    ///
    /// [`NotWholeSectors`] where the length is no multiple of [`SECTOR_BYTES`].
    pub fn decrypt(&self, first: u64, sectors: &mut [u8]) -> Result<(), NotWholeSectors> {
        whole_sectors(sectors)?;
        self.xts
            .decrypt_area(sectors, SECTOR_BYTES, u128::from(first), get_tweak_default);
        Ok(())
    }
}

fn whole_sectors(bytes: &[u8]) -> Result<(), NotWholeSectors> {
    if bytes.len().is_multiple_of(SECTOR_BYTES) {
        return Ok(());
    }
    Err(NotWholeSectors(bytes.len()))
}

/// dm-crypt knows no part of a sector, so neither does [`SectorCipher`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0} bytes are no whole number of 512-byte sectors")]
pub struct NotWholeSectors(usize);
