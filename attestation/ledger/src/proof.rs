//! Checks inclusion and consistency proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2).

use thiserror::Error;

use crate::{Hash, TreeHead};

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ProofError {
    /// The claim is about a leaf or a size that the tree does not have.
    #[error("{asked} lies outside of a log of {size} entries")]
    OutOfRange {
        /// The leaf index or the older size.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
    /// More or fewer hashes than a proof between these positions has.
    #[error("the proof has {0} hashes, which is not the number that its position asks for")]
    WrongLength(usize),
    /// The hashes lead to another root than the signed one.
    #[error("the proof leads to another root than the checkpoint's")]
    WrongRoot,
}

/// Checks that `leaf` is the leaf at `index` of the tree `head`.
///
/// # Errors
/// The proof is for another leaf, place or tree.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    path: &[Hash],
    head: &TreeHead,
) -> Result<(), ProofError> {
    if index >= head.size {
        return Err(ProofError::OutOfRange {
            asked: index,
            size: head.size,
        });
    }
    let mut walk = Walk {
        node: index,
        last: head.size - 1,
    };
    let mut hash = *leaf;
    for sibling in path {
        hash = match walk.step() {
            None => return Err(ProofError::WrongLength(path.len())),
            Some(Side::Left) => Hash::node(sibling, &hash),
            Some(Side::Right) => Hash::node(&hash, sibling),
        };
    }
    if walk.last != 0 {
        return Err(ProofError::WrongLength(path.len()));
    }
    (hash == head.root)
        .then_some(())
        .ok_or(ProofError::WrongRoot)
}

/// Checks that the tree `old` is a prefix of the tree `new`.
///
/// # Errors
/// The proof does not show it.
pub fn verify_consistency(old: &TreeHead, new: &TreeHead, path: &[Hash]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::OutOfRange {
            asked: old.size,
            size: new.size,
        });
    }
    if old.size == 0 || old.size == new.size {
        return verify_trivial_consistency(old, new, path);
    }
    let mut walk = Walk {
        node: old.size - 1,
        last: new.size - 1,
    };
    walk.climb_while_right();
    // A complete old tree is itself the first subtree, which the proof therefore leaves out.
    let (first, rest) = if old.size.is_power_of_two() {
        (&old.root, path)
    } else {
        path.split_first().ok_or(ProofError::WrongLength(0))?
    };
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        match walk.step() {
            None => return Err(ProofError::WrongLength(path.len())),
            Some(Side::Left) => {
                old_hash = Hash::node(sibling, &old_hash);
                new_hash = Hash::node(sibling, &new_hash);
            }
            Some(Side::Right) => new_hash = Hash::node(&new_hash, sibling),
        }
    }
    if walk.last != 0 {
        return Err(ProofError::WrongLength(path.len()));
    }
    (old_hash == old.root && new_hash == new.root)
        .then_some(())
        .ok_or(ProofError::WrongRoot)
}

fn verify_trivial_consistency(
    old: &TreeHead,
    new: &TreeHead,
    path: &[Hash],
) -> Result<(), ProofError> {
    if !path.is_empty() {
        return Err(ProofError::WrongLength(path.len()));
    }
    let expected = if old.size == 0 {
        Hash::empty_root()
    } else {
        new.root
    };
    (old.root == expected)
        .then_some(())
        .ok_or(ProofError::WrongRoot)
}

/// On which side the next hash of a proof stands.
enum Side {
    Left,
    Right,
}

/// The way from a node up to the root: its index and that of the last node, both on one level.
struct Walk {
    node: u64,
    last: u64,
}

impl Walk {
    /// Climbs one hash of the proof; `None` once the root is reached.
    fn step(&mut self) -> Option<Side> {
        if self.last == 0 {
            return None;
        }
        let side = if self.node % 2 == 1 {
            Side::Left
        } else if self.node == self.last {
            // The last node of a level without a sibling rises until it is a right child.
            while self.node != 0 && self.node.is_multiple_of(2) {
                self.climb();
            }
            Side::Left
        } else {
            Side::Right
        };
        self.climb();
        Some(side)
    }

    fn climb_while_right(&mut self) {
        while self.node % 2 == 1 {
            self.climb();
        }
    }

    fn climb(&mut self) {
        self.node /= 2;
        self.last /= 2;
    }
}
