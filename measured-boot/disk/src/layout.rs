//! Where things are on the disk, and how many blocks dm-verity's tree takes.

use thiserror::Error;

/// Size of a data block and of a hash block. dm-verity and ext4 use the same.
pub const BLOCK_BYTES: u32 = 4096;

/// dm-crypt's 512-byte sectors in a block.
pub const SECTORS_PER_BLOCK: u64 = 8;

/// SHA-256 digests in one hash block: dm-verity (`hash_per_block_bits`) rounds a digest up to a power
/// of two, and 32 is one already.
const HASHES_PER_BLOCK: u64 = 128;

/// A disk that no file can hold is a mistake; the bound also keeps every product below far from
/// overflowing.
const MAX_DATA_BLOCKS: u64 = 1 << 40;

/// Sizes and offsets of one disk. All follow from the number of data blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskLayout {
    data_blocks: u64,
    tree_blocks: u64,
}

impl DiskLayout {
    /// The layout of a disk whose file system has `data_blocks` blocks of [`BLOCK_BYTES`].
    ///
    /// # Errors
    ///
    /// Fewer than two blocks (there is no tree over one) or more than 2^40.
    pub fn new(data_blocks: u64) -> Result<Self, LayoutError> {
        if !(2..=MAX_DATA_BLOCKS).contains(&data_blocks) {
            return Err(LayoutError::DataBlocks(data_blocks));
        }
        Ok(Self {
            data_blocks,
            tree_blocks: tree_blocks(data_blocks),
        })
    }

    /// Blocks of the file system; dm-verity's superblock is the block after them.
    pub fn data_blocks(&self) -> u64 {
        self.data_blocks
    }

    /// Offset of dm-verity's superblock in bytes: `veritysetup --hash-offset`.
    pub fn superblock_offset(&self) -> u64 {
        self.data_blocks * u64::from(BLOCK_BYTES)
    }

    /// First block of the tree, as dm-verity's table names it.
    pub fn hash_start_block(&self) -> u64 {
        self.data_blocks + 1
    }

    /// Size of the whole disk in 512-byte sectors: the length of dm-crypt's table.
    pub fn crypt_sectors(&self) -> u64 {
        (self.hash_start_block() + self.tree_blocks) * SECTORS_PER_BLOCK
    }

    /// Size of the whole disk in bytes.
    pub fn disk_bytes(&self) -> u64 {
        self.crypt_sectors() * 512
    }

    /// Refuses a device of another size than the disk that was built.
    ///
    /// # Errors
    ///
    /// [`LayoutError::DeviceSize`] with both sizes.
    pub fn check_device(&self, device_bytes: u64) -> Result<(), LayoutError> {
        if device_bytes != self.disk_bytes() {
            return Err(LayoutError::DeviceSize {
                expected: self.disk_bytes(),
                found: device_bytes,
            });
        }
        Ok(())
    }
}

/// Each level holds one digest for each block of the level below, until one block holds them all
/// (Linux, Documentation/admin-guide/device-mapper/verity.rst, "Hash Tree").
fn tree_blocks(data_blocks: u64) -> u64 {
    let mut total = 0;
    let mut level = data_blocks;
    while level > 1 {
        level = level.div_ceil(HASHES_PER_BLOCK);
        total += level;
    }
    total
}

/// The sizes do not describe a disk of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// No tree fits over this many blocks.
    #[error("a disk has 2 to 2^40 data blocks, not {0}")]
    DataBlocks(u64),
    /// The host handed in another disk, or cut or extended this one.
    #[error(
        "the disk is {found} bytes but its secret describes one of {expected}: attach the disk \
         that was built together with this secret"
    )]
    DeviceSize {
        /// Size that the secret describes, in bytes.
        expected: u64,
        /// Size of the device, in bytes.
        found: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_two_blocks_has_one_hash_block() {
        let layout = DiskLayout::new(2).unwrap();
        assert_eq!(layout.superblock_offset(), 8192);
        assert_eq!(layout.hash_start_block(), 3);
        assert_eq!(layout.crypt_sectors(), 4 * 8);
    }

    #[test]
    fn layout_full_level_starts_another_one_block_later() {
        let tree = |blocks| DiskLayout::new(blocks).unwrap().tree_blocks;
        assert_eq!(tree(128), 1);
        assert_eq!(tree(129), 3);
        assert_eq!(tree(128 * 128), 129);
        assert_eq!(tree(128 * 128 + 1), 132);
    }

    #[test]
    fn layout_size_out_of_bounds_refused() {
        for blocks in [0, 1, MAX_DATA_BLOCKS + 1, u64::MAX] {
            assert_eq!(
                DiskLayout::new(blocks),
                Err(LayoutError::DataBlocks(blocks))
            );
        }
        DiskLayout::new(MAX_DATA_BLOCKS).unwrap();
    }

    #[test]
    fn device_of_another_size_refused() {
        let layout = DiskLayout::new(16).unwrap();
        layout.check_device(layout.disk_bytes()).unwrap();
        for wrong in [0, layout.disk_bytes() - 512, layout.disk_bytes() + 512] {
            assert!(matches!(
                layout.check_device(wrong),
                Err(LayoutError::DeviceSize { found, .. }) if found == wrong
            ));
        }
    }
}
