//! Reads the log of a bundle: checkpoint, tiles, entries.

use std::collections::BTreeSet;

use attestation_ledger::{
    CHECKPOINT_FILE, CheckpointError, Entry, Hash, MemoryNodes, NoteError, SignedNote, Tile,
    TileKind, TreeHead, VerifyingKey, decode_entry_bundle, encode_hash_tile, root, tiles,
};

use crate::blobs::is_blob;
use crate::{Files, Finding, Unreadable};

/// A log whose checkpoint the pinned key signed, and whose files are all there.
pub(crate) struct Log<'a> {
    pub origin: &'a str,
    pub head: TreeHead,
    /// The leaves' bytes, in order.
    pub leaves: Vec<&'a [u8]>,
    /// The paths of checkpoint and tiles.
    pub paths: BTreeSet<String>,
    /// What is wrong with it nevertheless.
    pub findings: Vec<Finding>,
}

impl<'a> Log<'a> {
    /// The outer error: it cannot be read. The inner one: the pinned key did not sign it, so that
    /// nothing in the bundle, its size above all, is to be believed.
    pub fn read(
        files: &'a Files,
        key: &'a VerifyingKey,
    ) -> Result<Result<Self, Finding>, Unreadable> {
        let checkpoint = read_checkpoint(files)?;
        let head = match TreeHead::open(checkpoint, key) {
            Ok(head) => head,
            Err(error) if is_malformed(&error) => return Err(not_a_checkpoint(error)),
            Err(error) => return Ok(Err(Finding::CheckpointRefused(error))),
        };
        let paths = expect_files(files, head.size)?;
        let leaves = read_leaves(files, head.size)?;
        let nodes = MemoryNodes::from_leaves(leaves.iter().map(|leaf| Hash::leaf(leaf)));
        let mut findings = Vec::new();
        findings.extend(unknown_signatures(checkpoint));
        if root(&nodes, head.size).ok() != Some(head.root) {
            findings.push(Finding::RootDiffers);
        }
        findings.extend(compare_tiles(files, head.size, &nodes)?);
        Ok(Ok(Self {
            origin: key.name(),
            head,
            leaves,
            paths,
            findings,
        }))
    }

    /// The entries that are records, by index; what is no record becomes a finding.
    pub fn entries(&self) -> (Vec<(u64, Entry)>, Vec<Finding>) {
        let mut entries = Vec::new();
        let mut findings = Vec::new();
        for (index, leaf) in (0..).zip(&self.leaves) {
            match Entry::from_bytes(leaf) {
                Ok(entry) => entries.push((index, entry)),
                Err(source) => findings.push(Finding::EntryUnreadable {
                    entry: index,
                    source,
                }),
            }
        }
        (entries, findings)
    }
}

fn read_checkpoint(files: &Files) -> Result<&str, Unreadable> {
    let bytes = files
        .get(CHECKPOINT_FILE)
        .ok_or_else(|| Unreadable::Missing {
            missing: vec![CHECKPOINT_FILE.to_owned()],
            unknown: Vec::new(),
        })?;
    std::str::from_utf8(bytes)
        .map_err(|_| not_a_checkpoint(NoteError::Malformed("it is not UTF-8 text").into()))
}

fn not_a_checkpoint(source: CheckpointError) -> Unreadable {
    Unreadable::Checkpoint {
        file: CHECKPOINT_FILE.to_owned(),
        source,
    }
}

fn is_malformed(error: &CheckpointError) -> bool {
    matches!(
        error,
        CheckpointError::Malformed | CheckpointError::Note(NoteError::Malformed(_))
    )
}

/// A line of a key that nobody pinned is covered by no signature: somebody could have changed it.
fn unknown_signatures(checkpoint: &str) -> Option<Finding> {
    let count = SignedNote::parse(checkpoint).map_or(0, |note| note.signature_count());
    (count != 1).then_some(Finding::UnknownSignatures(count))
}

/// The paths of the log's files, once all of them are there.
///
/// The size is signed, but by a key that might be an enemy's: the walk over what should be there
/// ends soon after the first file that is not.
fn expect_files(files: &Files, size: u64) -> Result<BTreeSet<String>, Unreadable> {
    let mut paths = BTreeSet::from([CHECKPOINT_FILE.to_owned()]);
    let mut missing = Vec::new();
    for tile in tiles(size) {
        let path = tile.to_string();
        if files.contains_key(&path) {
            paths.insert(path);
        } else {
            missing.push(path);
        }
        if missing.len() > 5 {
            break;
        }
    }
    if missing.is_empty() {
        return Ok(paths);
    }
    let named = |path: &&String| !paths.contains(*path) && !is_blob(path);
    let unknown = files.keys().filter(named).cloned().collect();
    Err(Unreadable::Missing { missing, unknown })
}

fn read_leaves(files: &Files, size: u64) -> Result<Vec<&[u8]>, Unreadable> {
    let mut leaves = Vec::new();
    for tile in tiles(size).filter(|tile| tile.kind == TileKind::Entries) {
        let (file, bytes) = file_of(files, &tile)?;
        let entries = decode_entry_bundle(bytes).map_err(|source| Unreadable::Bundle {
            file: file.clone(),
            source,
        })?;
        check_width(&file, "entries", entries.len(), usize::from(tile.width))?;
        leaves.extend(entries);
    }
    Ok(leaves)
}

fn compare_tiles(
    files: &Files,
    size: u64,
    nodes: &MemoryNodes,
) -> Result<Vec<Finding>, Unreadable> {
    let mut findings = Vec::new();
    for tile in tiles(size) {
        let TileKind::Hashes { level } = tile.kind else {
            continue;
        };
        let (file, bytes) = file_of(files, &tile)?;
        check_width(&file, "bytes", bytes.len(), usize::from(tile.width) * 32)?;
        let expected = encode_hash_tile(nodes, level, tile.start(), tile.width);
        if expected.as_deref() != Ok(bytes) {
            findings.push(Finding::TileDiffers { file });
        }
    }
    Ok(findings)
}

fn file_of<'a>(files: &'a Files, tile: &Tile) -> Result<(String, &'a [u8]), Unreadable> {
    let path = tile.to_string();
    match files.get(&path) {
        Some(bytes) => Ok((path, bytes)),
        None => Err(Unreadable::Missing {
            missing: vec![path],
            unknown: Vec::new(),
        }),
    }
}

fn check_width(
    file: &str,
    what: &'static str,
    found: usize,
    expected: usize,
) -> Result<(), Unreadable> {
    if found == expected {
        return Ok(());
    }
    Err(Unreadable::Width {
        file: file.to_owned(),
        what,
        found,
        expected,
    })
}
