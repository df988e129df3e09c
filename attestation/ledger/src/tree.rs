//! The RFC 6962 tree over a store that keeps the hash of every complete subtree.
//!
//! A node is complete once all leaves below it exist; its hash then never changes. A store keeps just
//! those: one append writes at most 64 of them, and a root or a proof reads O(log size).

use std::collections::BTreeMap;
use std::convert::Infallible;

use thiserror::Error;

use crate::Hash;

/// A complete subtree: the leaves from `index << level` up to `(index + 1) << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height above the leaves; a leaf has level 0.
    pub level: u8,
    /// Position among the nodes of this level, from the left.
    pub index: u64,
}

/// Reads the hashes that [`append`] handed out for storing.
pub trait NodeReader {
    /// Why the store could not be read.
    type Error;

    /// The stored hash of `node`; `None` when the store has none.
    fn read(&self, node: Node) -> Result<Option<Hash>, Self::Error>;
}

/// Why a root or proof could not be computed from a store.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TreeError<E> {
    /// The store failed.
    #[error("cannot read node {} of level {} from the log's store", node.index, node.level)]
    Read {
        /// The node that was asked for.
        node: Node,
        /// What the store said.
        source: E,
    },
    /// The store lacks a node that a log of this size has.
    #[error(
        "the log's store has no hash for node {} of level {}: it is damaged or holds a smaller log",
        node.index, node.level
    )]
    Missing {
        /// The node that is absent.
        node: Node,
    },
    /// The question is about leaves that a tree of this size does not have.
    #[error("leaf or size {asked} lies outside of a log of {size} entries")]
    OutOfRange {
        /// The leaf index or the older size that was asked about.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
}

/// Appends `leaf` to a tree of `size` leaves and returns the hashes to store, the leaf's first.
///
/// # Errors
/// A sibling on the right border cannot be read.
pub fn append<R: NodeReader>(
    nodes: &R,
    size: u64,
    leaf: Hash,
) -> Result<Vec<(Node, Hash)>, TreeError<R::Error>> {
    let mut node = Node {
        level: 0,
        index: size,
    };
    let mut hash = leaf;
    let mut added = vec![(node, hash)];
    while node.index % 2 == 1 {
        let left = Node {
            level: node.level,
            index: node.index - 1,
        };
        hash = Hash::node(&read(nodes, left)?, &hash);
        node = Node {
            level: node.level + 1,
            index: node.index / 2,
        };
        added.push((node, hash));
    }
    Ok(added)
}

/// The root of the tree over the first `size` leaves.
///
/// # Errors
/// A node cannot be read.
pub fn root<R: NodeReader>(nodes: &R, size: u64) -> Result<Hash, TreeError<R::Error>> {
    match size {
        0 => Ok(Hash::empty_root()),
        _ => subtree(nodes, 0, size),
    }
}

/// The audit path of leaf `index` in the tree over the first `size` leaves, from the leaf's sibling
/// up to the root's child (RFC 6962 section 2.1.1).
///
/// # Errors
/// The tree has no such leaf, or a node cannot be read.
pub fn inclusion_proof<R: NodeReader>(
    nodes: &R,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, TreeError<R::Error>> {
    if index >= size {
        return Err(TreeError::OutOfRange { asked: index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree over the first `old` leaves is a prefix of the tree over the first `new`
/// (RFC 6962 section 2.1.2). Empty when `old` is 0 or equals `new`.
///
/// # Errors
/// `old` is larger than `new`, or a node cannot be read.
pub fn consistency_proof<R: NodeReader>(
    nodes: &R,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, TreeError<R::Error>> {
    if old > new {
        return Err(TreeError::OutOfRange {
            asked: old,
            size: new,
        });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut path = Vec::new();
    while old < end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(nodes, start, middle)?);
            start = middle;
        }
    }
    // Where the walk never turned right, the verifier knows this hash already: it is the old root.
    if start != 0 {
        path.push(subtree(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// The hash over the leaves `start..end`, a range that RFC 6962's recursion visits: `start` is then
/// a multiple of a power of two that is not smaller than the range.
fn subtree<R: NodeReader>(nodes: &R, start: u64, end: u64) -> Result<Hash, TreeError<R::Error>> {
    let width = end - start;
    if width.is_power_of_two() {
        return read(nodes, complete(start, width));
    }
    let middle = start + split(width);
    let left = read(nodes, complete(start, middle - start))?;
    Ok(Hash::node(&left, &subtree(nodes, middle, end)?))
}

/// The largest power of two smaller than `width`, which is at least 2.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

fn complete(start: u64, width: u64) -> Node {
    let level = width.ilog2();
    Node {
        level: u8::try_from(level).expect("a 64-bit width has a logarithm below 64"),
        index: start >> level,
    }
}

pub(crate) fn read<R: NodeReader>(nodes: &R, node: Node) -> Result<Hash, TreeError<R::Error>> {
    nodes
        .read(node)
        .map_err(|source| TreeError::Read { node, source })?
        .ok_or(TreeError::Missing { node })
}

/// The node hashes of a log that fits in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryNodes {
    hashes: BTreeMap<Node, Hash>,
    size: u64,
}

impl MemoryNodes {
    /// Builds the tree over `leaves`.
    pub fn from_leaves(leaves: impl IntoIterator<Item = Hash>) -> Self {
        let mut nodes = Self::default();
        for leaf in leaves {
            nodes.push(leaf);
        }
        nodes
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let added = append(self, self.size, leaf)
            .expect("a tree that was built by appending has every node of its right border");
        for (node, hash) in added {
            self.insert(node, hash);
        }
    }

    /// Keeps the hash of one node.
    pub fn insert(&mut self, node: Node, hash: Hash) {
        if node.level == 0 {
            self.size = self.size.max(node.index + 1);
        }
        self.hashes.insert(node, hash);
    }

    /// How many leaves the tree has.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl NodeReader for MemoryNodes {
    type Error = Infallible;

    fn read(&self, node: Node) -> Result<Option<Hash>, Infallible> {
        Ok(self.hashes.get(&node).copied())
    }
}
