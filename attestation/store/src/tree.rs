//! The tree's right border: the complete subtrees that the next entry is hashed with.
//!
//! A log of 1,000,000 entries has a border of seven hashes. With them in one row beside the checkpoint, whoever appends reads
//! that row alone, and compares it with what was signed.

use std::convert::Infallible;

use attestation_ledger::{Hash, MemoryNodes, Node, NodeReader, TreeError, TreeHead, append, root};

/// Bytes of a hash.
const HASH: usize = 32;

/// A tree that grows, of which only the right border and what was added is known.
#[derive(Debug)]
pub struct Tree {
    known: MemoryNodes,
    size: u64,
    added: Vec<(Node, Hash)>,
}

impl Tree {
    /// The tree of this size with this border; `None` where that has another number of hashes than such a tree has.
    pub fn with_border(size: u64, border: &[u8]) -> Option<Self> {
        let nodes = border_of(size);
        let hashes = border.chunks(HASH).map(|hash| hash.try_into().ok());
        let hashes: Vec<[u8; HASH]> = hashes.collect::<Option<_>>()?;
        if hashes.len() != nodes.len() {
            return None;
        }
        let mut known = MemoryNodes::default();
        for (node, hash) in nodes.into_iter().zip(hashes) {
            known.insert(node, Hash::from_bytes(hash));
        }
        Some(Self {
            known,
            size,
            added: Vec::new(),
        })
    }

    /// Appends a leaf; answers its index.
    pub fn push(&mut self, leaf: Hash) -> u64 {
        let index = self.size;
        let added = append(&self.known, index, leaf);
        let added = added.expect("the right border has all that an entry is hashed with");
        for (node, hash) in added {
            self.known.insert(node, hash);
            self.added.push((node, hash));
        }
        self.size = index.saturating_add(1);
        index
    }

    /// What is signed of it.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: root(&self.known, self.size)
                .expect("the right border has all that the root is made of"),
        }
    }

    /// The nodes that became complete.
    pub fn added(&self) -> &[(Node, Hash)] {
        &self.added
    }

    /// The border's hashes.
    pub fn border(&self) -> Vec<u8> {
        let hash = |node| {
            let found = self.known.read(node).ok().flatten();
            *found.expect("the border is known").as_bytes()
        };
        border_of(self.size).into_iter().flat_map(hash).collect()
    }

    /// The audit path of one of the leaves that were pushed.
    pub fn path(&self, index: u64) -> Result<Vec<Hash>, TreeError<Infallible>> {
        attestation_ledger::inclusion_proof(&self.known, index, self.size)
    }
}

/// The complete subtrees of a tree of `size` leaves, the largest first.
fn border_of(size: u64) -> Vec<Node> {
    let mut start = 0;
    let levels = (0..64u8).rev().filter(|level| size >> level & 1 == 1);
    let node = |level| {
        let index = start >> level;
        start += 1u64 << level;
        Node { level, index }
    };
    levels.map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use attestation_ledger::inclusion_proof;

    fn leaf(index: u64) -> Hash {
        Hash::leaf(&index.to_be_bytes())
    }

    /// Whatever was there before, roots, borders and paths are those of a tree whose every node is known.
    #[test]
    fn tree_that_grows_from_its_border_is_the_whole_tree() {
        for before in 0..70u64 {
            let whole = MemoryNodes::from_leaves((0..before).map(leaf));
            let border: Vec<u8> = border_of(before)
                .into_iter()
                .flat_map(|node| *whole.read(node).unwrap().unwrap().as_bytes())
                .collect();
            let mut tree = Tree::with_border(before, &border).unwrap();
            assert_eq!(tree.border(), border);
            for after in before..before + 9 {
                assert_eq!(tree.push(leaf(after)), after);
            }
            let size = before + 9;
            let whole = MemoryNodes::from_leaves((0..size).map(leaf));

            assert_eq!(tree.head().root, root(&whole, size).unwrap());
            for index in before..size {
                assert_eq!(
                    tree.path(index).unwrap(),
                    inclusion_proof(&whole, index, size).unwrap()
                );
            }
            let every_node: u64 = (0..64).map(|level| size >> level).sum();
            let older: u64 = (0..64).map(|level| before >> level).sum();
            assert_eq!(tree.added().len() as u64, every_node - older);
        }
    }

    #[test]
    fn border_of_another_size_is_refused() {
        assert!(Tree::with_border(3, &[0; 64]).is_some());
        for border in [&[0; 32][..], &[0; 96], &[0; 63], &[]] {
            assert!(Tree::with_border(3, border).is_none());
        }
    }
}
