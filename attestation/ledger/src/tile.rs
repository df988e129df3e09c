//! Tiles and entry bundles, the static files of a log (c2sp.org/tlog-tiles).

use std::fmt;

use thiserror::Error;

use crate::tree::{Node, NodeReader, TreeError, read};

/// Hashes or entries in a full tile.
pub(crate) const FULL: u16 = 256;

/// What a tile holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of complete subtrees of `256^level` leaves; level 0 are the leaf hashes.
    Hashes {
        /// The level, 0 to 7 for any log of 64-bit size.
        level: u8,
    },
    /// The entries themselves, each after its length.
    Entries,
}

/// One static file of the log. Its text form is its path: `tile/<L>/<N>[.p/<W>]` or
/// `tile/entries/<N>[.p/<W>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    /// What it holds.
    pub kind: TileKind,
    /// Its place in its level.
    pub index: u64,
    /// How many hashes or entries, 1 to 256; fewer than 256 make it a partial tile.
    pub width: u16,
}

/// Why an entry bundle cannot be written or read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TileError {
    /// The length prefix has 16 bits.
    #[error("an entry of {0} bytes does not fit in an entry bundle (65535 at most)")]
    EntryTooLong(usize),
    /// The bytes end inside of an entry.
    #[error("the entry bundle is cut short in entry {0}")]
    Truncated(usize),
}

impl Tile {
    /// The index of the first hash or entry in its level.
    pub fn start(&self) -> u64 {
        self.index * u64::from(FULL)
    }
}

impl fmt::Display for Tile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => write!(f, "tile/entries/")?,
        }
        write_index(f, self.index)?;
        match self.width {
            FULL => Ok(()),
            width => write!(f, ".p/{width}"),
        }
    }
}

/// Groups of three digits; all but the last begin with `x`.
fn write_index(f: &mut fmt::Formatter<'_>, index: u64) -> fmt::Result {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    for (place, group) in groups.iter().enumerate().rev() {
        match place {
            0 => write!(f, "{group:03}")?,
            _ => write!(f, "x{group:03}/")?,
        }
    }
    Ok(())
}

/// Every tile that a log of `size` entries is made of: hashes level by level, then the entries.
pub fn tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0..8u8)
        .map(move |level| (TileKind::Hashes { level }, size >> (8 * u32::from(level))))
        .chain([(TileKind::Entries, size)])
        .flat_map(|(kind, count)| row(kind, count))
}

fn row(kind: TileKind, count: u64) -> impl Iterator<Item = Tile> {
    let full = count / u64::from(FULL);
    let rest = u16::try_from(count % u64::from(FULL)).expect("a remainder of 256 is below 256");
    (0..full)
        .map(move |index| Tile {
            kind,
            index,
            width: FULL,
        })
        .chain((rest > 0).then_some(Tile {
            kind,
            index: full,
            width: rest,
        }))
}

/// The bytes of a tile of hashes: the `width` hashes from `start` on, each over `256^level` leaves.
///
/// # Errors
/// A node cannot be read.
pub fn encode_hash_tile<R: NodeReader>(
    nodes: &R,
    level: u8,
    start: u64,
    width: u16,
) -> Result<Vec<u8>, TreeError<R::Error>> {
    let mut bytes = Vec::with_capacity(usize::from(width) * 32);
    for index in start..start + u64::from(width) {
        let hash = read(
            nodes,
            Node {
                level: level * 8,
                index,
            },
        )?;
        bytes.extend_from_slice(hash.as_bytes());
    }
    Ok(bytes)
}

/// The bytes of an entry bundle: each entry after its length as a big-endian 16-bit number.
///
/// # Errors
/// An entry is longer than 65535 bytes.
pub fn encode_entry_bundle<'a>(
    entries: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    for entry in entries {
        let length =
            u16::try_from(entry.len()).map_err(|_| TileError::EntryTooLong(entry.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Ok(bytes)
}

/// Takes an entry bundle apart. The caller compares the number of entries with the tile's width.
///
/// # Errors
/// The bytes end inside of an entry.
pub fn decode_entry_bundle(mut bytes: &[u8]) -> Result<Vec<&[u8]>, TileError> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let truncated = TileError::Truncated(entries.len());
        let (length, rest) = bytes.split_first_chunk().ok_or(truncated.clone())?;
        let (entry, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or(truncated)?;
        entries.push(entry);
        bytes = rest;
    }
    Ok(entries)
}
