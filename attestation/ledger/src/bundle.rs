//! Lays out an evidence bundle: the log as static files, and the blobs that its entries name.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::tile::FULL;
use crate::{
    CheckpointError, Digest, Entry, Hash, MemoryNodes, Tile, TileKind, TreeHead, VerifyingKey,
    encode_entry_bundle, encode_hash_tile, root, tiles,
};

/// Name of the file that holds the signed checkpoint.
pub const CHECKPOINT_FILE: &str = "checkpoint";

/// Folder of the blobs, each under the hexadecimal SHA-256 of its bytes.
pub const BLOB_DIRECTORY: &str = "blobs/sha256/";

/// The path of a blob in a bundle.
pub fn blob_path(digest: &Digest) -> String {
    format!("{BLOB_DIRECTORY}{digest}")
}

/// Why a bundle cannot be made.
#[derive(Debug, Error)]
pub enum BundleError {
    /// The checkpoint is not of the given key.
    #[error("the checkpoint to export is refused")]
    Checkpoint(#[from] CheckpointError),
    /// The entries are not those that the checkpoint was signed over.
    #[error(
        "the {entries} entries to export are not the {size} that the checkpoint was signed over: \
         export again with the entries and checkpoint of one moment"
    )]
    WrongTree {
        /// How many entries were given.
        entries: u64,
        /// How many the checkpoint covers.
        size: u64,
    },
}

/// Lays out the files of a bundle as entries and blobs come. Whoever takes them from time to time needs
/// memory for the tree's hashes and for the next tile only, however long the log is.
#[derive(Debug, Default)]
pub struct BundleWriter {
    nodes: MemoryNodes,
    /// The entries of the tile that is not full yet.
    tail: Vec<Vec<u8>>,
    blobs: BTreeSet<Digest>,
    /// Complete, and not taken yet.
    files: BTreeMap<String, Vec<u8>>,
}

impl BundleWriter {
    /// An empty bundle.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry of the log; the first call adds index 0.
    pub fn push_entry(&mut self, entry: &Entry) {
        self.push_leaf(entry.as_bytes());
    }

    /// Adds the bytes of the next entry of the log, at most [`MAX_ENTRY_BYTES`](crate::MAX_ENTRY_BYTES).
    pub fn push_leaf(&mut self, leaf: &[u8]) {
        self.nodes.push(Hash::leaf(leaf));
        self.tail.push(leaf.to_vec());
        if self.tail.len() == usize::from(FULL) {
            self.put_tail(&Tile {
                kind: TileKind::Entries,
                index: self.nodes.size() / u64::from(FULL) - 1,
                width: FULL,
            });
        }
    }

    /// Adds a blob that an entry names by its digest; adding it again changes nothing.
    pub fn add_blob(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        if self.blobs.insert(digest) {
            self.files.insert(blob_path(&digest), bytes);
        }
        digest
    }

    /// Whether this blob was added.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.blobs.contains(digest)
    }

    /// Hands out the files that are complete by now, by path; they are not handed out again.
    pub fn take_files(&mut self) -> BTreeMap<String, Vec<u8>> {
        std::mem::take(&mut self.files)
    }

    /// The files of the bundle, by path, but for those that were taken before.
    ///
    /// # Errors
    /// `checkpoint` is not signed by `key`, or not over exactly these entries.
    pub fn finish(
        mut self,
        checkpoint: String,
        key: &VerifyingKey,
    ) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
        let head = TreeHead::open(&checkpoint, key)?;
        let size = self.nodes.size();
        let tree = root(&self.nodes, size).expect("a tree in memory is complete");
        if (head.size, head.root) != (size, tree) {
            return Err(BundleError::WrongTree {
                entries: size,
                size: head.size,
            });
        }
        let checkpoint = checkpoint.into_bytes();
        self.files.insert(CHECKPOINT_FILE.to_owned(), checkpoint);
        for tile in tiles(size) {
            match tile.kind {
                TileKind::Hashes { level } => self.put_hashes(&tile, level),
                TileKind::Entries if tile.width == FULL => {}
                TileKind::Entries => self.put_tail(&tile),
            }
        }
        Ok(self.files)
    }

    fn put_hashes(&mut self, tile: &Tile, level: u8) {
        let hashes = encode_hash_tile(&self.nodes, level, tile.start(), tile.width)
            .expect("a tree in memory is complete");
        self.files.insert(tile.to_string(), hashes);
    }

    fn put_tail(&mut self, tile: &Tile) {
        let entries = std::mem::take(&mut self.tail);
        let bundle = encode_entry_bundle(entries.iter().map(Vec::as_slice))
            .expect("an entry is never longer than a bundle can hold");
        self.files.insert(tile.to_string(), bundle);
    }
}
