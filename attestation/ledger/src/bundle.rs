//! Lays out an evidence bundle: the log as static files, and the blobs that its entries name.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::{
    CheckpointError, Digest, Entry, Hash, MemoryNodes, Tile, TileError, TileKind, TreeHead,
    VerifyingKey, encode_entry_bundle, encode_hash_tile, root, tiles,
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
    /// An entry does not fit.
    #[error("an entry bundle cannot be written")]
    Tile(#[from] TileError),
}

/// Collects entries and blobs, then lays out the bundle's files.
#[derive(Debug, Default)]
pub struct BundleWriter {
    entries: Vec<Vec<u8>>,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl BundleWriter {
    /// An empty bundle.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next entry of the log; the first call adds index 0.
    pub fn push_entry(&mut self, entry: &Entry) {
        self.entries.push(entry.as_bytes().to_vec());
    }

    /// Adds a blob that an entry names by its digest; adding it again changes nothing.
    pub fn add_blob(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }

    /// The files of the bundle, by path.
    ///
    /// # Errors
    /// `checkpoint` is not signed by `key`, or not over exactly these entries.
    pub fn finish(
        self,
        checkpoint: String,
        key: &VerifyingKey,
    ) -> Result<BTreeMap<String, Vec<u8>>, BundleError> {
        let nodes = MemoryNodes::from_leaves(self.entries.iter().map(|entry| Hash::leaf(entry)));
        let head = TreeHead::open(&checkpoint, key)?;
        let tree = root(&nodes, nodes.size()).expect("a tree in memory is complete");
        if (head.size, head.root) != (nodes.size(), tree) {
            return Err(BundleError::WrongTree {
                entries: nodes.size(),
                size: head.size,
            });
        }
        let mut files = BTreeMap::from([(CHECKPOINT_FILE.to_owned(), checkpoint.into_bytes())]);
        for tile in tiles(head.size) {
            files.insert(tile.to_string(), self.tile(&nodes, &tile)?);
        }
        files.extend(
            self.blobs
                .into_iter()
                .map(|(digest, bytes)| (blob_path(&digest), bytes)),
        );
        Ok(files)
    }

    fn tile(&self, nodes: &MemoryNodes, tile: &Tile) -> Result<Vec<u8>, TileError> {
        match tile.kind {
            TileKind::Hashes { level } => {
                Ok(encode_hash_tile(nodes, level, tile.start(), tile.width)
                    .expect("a tree in memory is complete"))
            }
            TileKind::Entries => {
                let start = usize::try_from(tile.start()).expect("entries in memory are countable");
                let entries = self
                    .entries
                    .iter()
                    .skip(start)
                    .take(usize::from(tile.width));
                encode_entry_bundle(entries.map(Vec::as_slice))
            }
        }
    }
}
