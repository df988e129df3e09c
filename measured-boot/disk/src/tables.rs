//! The parameter strings of the two device-mapper targets.

use std::fmt::Write;

use zeroize::Zeroizing;

use crate::{BLOCK_BYTES, DiskSecret};

impl DiskSecret {
    /// Parameters of the `crypt` target over `device` (a path, or `major:minor`), which must not hold
    /// white space. The table begins at sector 0 and is `layout().crypt_sectors()` long.
    ///
    /// Linux, Documentation/admin-guide/device-mapper/dm-crypt.rst: cipher, key, IV offset, device,
    /// offset.
    pub fn crypt_table(&self, device: &str) -> Zeroizing<String> {
        let mut table = Zeroizing::new(String::with_capacity(256 + device.len()));
        table.push_str("aes-xts-plain64 ");
        for byte in self.crypt_key() {
            write!(table, "{byte:02x}").expect("writing to a string cannot fail");
        }
        write!(table, " 0 {device} 0").expect("writing to a string cannot fail");
        table
    }

    /// Parameters of the `verity` target over the decrypted `device`, which must not hold white space.
    /// The table begins at sector 0 and is [`Self::verity_sectors`] long.
    ///
    /// Linux, Documentation/admin-guide/device-mapper/verity.rst: version, data device, hash device,
    /// data block size, hash block size, data blocks, first hash block, algorithm, root hash, salt. No
    /// optional parameter: a corrupted block is an I/O error.
    pub fn verity_table(&self, device: &str) -> String {
        format!(
            "1 {device} {device} {BLOCK_BYTES} {BLOCK_BYTES} {} {} sha256 {} {}",
            self.layout().data_blocks(),
            self.layout().hash_start_block(),
            hex::encode(self.verity_root_hash()),
            hex::encode(self.verity_salt()),
        )
    }

    /// Length of the `verity` target in 512-byte sectors: the file system's size.
    pub fn verity_sectors(&self) -> u64 {
        self.layout().data_blocks() * crate::SECTORS_PER_BLOCK
    }
}
