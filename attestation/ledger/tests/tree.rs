//! The tree against the vectors of Certificate Transparency, and every proof of every small tree.

use attestation_ledger::{
    Hash, MemoryNodes, Node, NodeReader, ProofError, TreeError, TreeHead, append,
    consistency_proof, inclusion_proof, root, verify_consistency, verify_inclusion,
};
use proptest::prelude::*;

/// Large enough for every shape below three full levels of 4, small enough to try all pairs.
const SIZES: u64 = 70;

/// The leaves of the reference tree of RFC 6962's authors (certificate-transparency, merkletree).
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];

/// The root over the first n of them, n from 0.
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Leaf, size and audit path, of the same source.
const INCLUSION: [(u64, u64, &[&str]); 4] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        3,
        &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    ),
];

/// Old size, new size and proof, of the same source.
const CONSISTENCY: [(u64, u64, &[&str]); 3] = [
    (1, 1, &[]),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(text: &str) -> Hash {
    let bytes = hex::decode(text).expect("a vector in hexadecimal");
    Hash::from_bytes(bytes.try_into().expect("a vector of 32 bytes"))
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

fn reference_leaf(index: u64) -> Hash {
    let text = LEAVES[usize::try_from(index).expect("a small index")];
    Hash::leaf(&hex::decode(text).expect("a vector in hexadecimal"))
}

fn reference_tree() -> MemoryNodes {
    MemoryNodes::from_leaves((0..8).map(reference_leaf))
}

fn leaf(index: u64) -> Hash {
    Hash::leaf(&index.to_be_bytes())
}

fn tree(size: u64) -> MemoryNodes {
    MemoryNodes::from_leaves((0..size).map(leaf))
}

fn head(nodes: &MemoryNodes, size: u64) -> TreeHead {
    TreeHead {
        size,
        root: root(nodes, size).expect("a complete tree"),
    }
}

/// RFC 6962 section 2.1 to the letter: the oracle, which shares nothing with the code under test.
fn merkle_tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            let (left, right) = leaves.split_at(split);
            Hash::node(&merkle_tree_hash(left), &merkle_tree_hash(right))
        }
    }
}

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = *hash.as_bytes();
    bytes[bit / 8] ^= 1 << (bit % 8);
    Hash::from_bytes(bytes)
}

#[test]
fn roots_of_the_reference_tree_are_the_published_ones() {
    let nodes = reference_tree();
    for (size, expected) in (0..).zip(ROOTS) {
        assert_eq!(root(&nodes, size), Ok(hash(expected)), "{size}");
    }
}

#[test]
fn inclusion_proofs_of_the_reference_tree_are_the_published_ones() {
    let nodes = reference_tree();
    for (index, size, expected) in INCLUSION {
        let path = inclusion_proof(&nodes, index, size).expect("a complete tree");
        assert_eq!(path, hashes(expected), "{index} in {size}");
        assert_eq!(
            verify_inclusion(&reference_leaf(index), index, &path, &head(&nodes, size)),
            Ok(())
        );
    }
}

#[test]
fn consistency_proofs_of_the_reference_tree_are_the_published_ones() {
    let nodes = reference_tree();
    for (old, new, expected) in CONSISTENCY {
        let path = consistency_proof(&nodes, old, new).expect("a complete tree");
        assert_eq!(path, hashes(expected), "{old} to {new}");
        assert_eq!(
            verify_consistency(&head(&nodes, old), &head(&nodes, new), &path),
            Ok(())
        );
    }
}

#[test]
fn root_at_every_size_is_the_specifications() {
    let nodes = tree(SIZES);
    let leaves: Vec<Hash> = (0..SIZES).map(leaf).collect();
    for size in 0..=leaves.len() {
        let expected = merkle_tree_hash(&leaves[..size]);
        assert_eq!(root(&nodes, size as u64), Ok(expected), "{size}");
    }
}

#[test]
fn inclusion_proof_of_every_leaf_at_every_size_verifies_there_and_nowhere_else() {
    let nodes = tree(SIZES);
    for size in 1..=SIZES {
        let head = head(&nodes, size);
        for index in 0..size {
            let path = inclusion_proof(&nodes, index, size).expect("a complete tree");
            assert_eq!(verify_inclusion(&leaf(index), index, &path, &head), Ok(()));
            for elsewhere in (0..size + 2).filter(|&place| place != index) {
                assert!(verify_inclusion(&leaf(index), elsewhere, &path, &head).is_err());
            }
            assert!(verify_inclusion(&leaf(SIZES), index, &path, &head).is_err());
        }
    }
}

#[test]
fn inclusion_proof_with_a_hash_more_less_or_swapped_is_refused() {
    let nodes = tree(SIZES);
    for size in 2..=SIZES {
        let head = head(&nodes, size);
        for index in 0..size {
            let path = inclusion_proof(&nodes, index, size).expect("a complete tree");
            let refused =
                |path: &[Hash]| verify_inclusion(&leaf(index), index, path, &head).is_err();
            assert!(refused(&path[1..]) && refused(&path[..path.len() - 1]));
            for place in 0..=path.len() {
                let mut longer = path.clone();
                longer.insert(place, leaf(place as u64));
                assert!(refused(&longer));
            }
            if path.len() > 1 {
                let mut swapped = path.clone();
                swapped.swap(0, 1);
                assert!(refused(&swapped));
            }
        }
    }
}

#[test]
fn consistency_proof_between_every_two_sizes_verifies() {
    let nodes = tree(SIZES);
    for new in 0..=SIZES {
        for old in 0..=new {
            let path = consistency_proof(&nodes, old, new).expect("a complete tree");
            let (old, new) = (head(&nodes, old), head(&nodes, new));
            assert_eq!(
                verify_consistency(&old, &new, &path),
                Ok(()),
                "{} to {}",
                old.size,
                new.size
            );
        }
    }
}

#[test]
fn consistency_proof_from_a_forked_log_is_refused() {
    let nodes = tree(SIZES);
    for new in 1..=SIZES {
        for old in 0..=new {
            let path = consistency_proof(&nodes, old, new).expect("a complete tree");
            let (old, new) = (head(&nodes, old), head(&nodes, new));
            let forked = TreeHead {
                root: flip(&old.root, 0),
                ..old
            };
            assert!(verify_consistency(&forked, &new, &path).is_err());
            if old.size != 0 {
                let forked = TreeHead {
                    root: flip(&new.root, 0),
                    ..new
                };
                assert!(verify_consistency(&old, &forked, &path).is_err());
            }
            let longer = [path.as_slice(), &[old.root]].concat();
            assert!(verify_consistency(&old, &new, &longer).is_err());
        }
    }
}

#[test]
fn proof_outside_of_the_tree_is_refused_on_both_sides() {
    let nodes = tree(4);
    let four = head(&nodes, 4);
    let outside = TreeError::OutOfRange { asked: 4, size: 4 };
    assert_eq!(inclusion_proof(&nodes, 4, 4), Err(outside));
    assert_eq!(
        verify_inclusion(&leaf(4), 4, &[], &four),
        Err(ProofError::OutOfRange { asked: 4, size: 4 })
    );
    assert_eq!(
        consistency_proof(&nodes, 4, 3),
        Err(TreeError::OutOfRange { asked: 4, size: 3 })
    );
    assert_eq!(
        verify_consistency(&four, &head(&nodes, 3), &[]),
        Err(ProofError::OutOfRange { asked: 4, size: 3 })
    );
    assert_eq!(
        inclusion_proof(&nodes, 0, 0),
        Err(TreeError::OutOfRange { asked: 0, size: 0 })
    );
}

#[test]
fn store_without_a_node_is_named_not_guessed() {
    let missing = Node { level: 1, index: 0 };
    assert_eq!(
        append(&MemoryNodes::default(), 3, leaf(3)),
        Err(TreeError::Missing {
            node: Node { level: 0, index: 2 }
        })
    );
    assert_eq!(root(&tree(1), 3), Err(TreeError::Missing { node: missing }));
}

/// Counts what a store would have to look up.
struct Counting<'a>(&'a MemoryNodes, std::cell::Cell<usize>);

impl NodeReader for Counting<'_> {
    type Error = std::convert::Infallible;

    fn read(&self, node: Node) -> Result<Option<Hash>, Self::Error> {
        self.1.set(self.1.get() + 1);
        self.0.read(node)
    }
}

#[test]
fn append_root_and_proof_read_a_logarithmic_number_of_hashes() {
    let nodes = tree(5_000);
    for index in [0, 1, 2_048, 4_095, 4_096, 4_998, 4_999] {
        let store = Counting(&nodes, std::cell::Cell::default());
        append(&store, index, leaf(index)).expect("a complete tree");
        root(&store, 5_000).expect("a complete tree");
        inclusion_proof(&store, index, 5_000).expect("a complete tree");
        let reads = store.1.get();
        assert!(reads <= 4 * 13, "{reads} reads for leaf {index}");
    }
}

proptest! {
    #[test]
    fn inclusion_proof_with_any_bit_flipped_is_refused(
        size in 1..=SIZES, place in any::<prop::sample::Index>(), bit in 0usize..256,
    ) {
        let nodes = tree(size);
        let head = head(&nodes, size);
        let index = place.index(usize::try_from(size).expect("small")) as u64;
        let path = inclusion_proof(&nodes, index, size).expect("a complete tree");
        for changed in 0..path.len() {
            let mut path = path.clone();
            path[changed] = flip(&path[changed], bit);
            prop_assert_eq!(verify_inclusion(&leaf(index), index, &path, &head), Err(ProofError::WrongRoot));
        }
        let other = flip(&leaf(index), bit);
        prop_assert_eq!(verify_inclusion(&other, index, &path, &head), Err(ProofError::WrongRoot));
        let moved = TreeHead { root: flip(&head.root, bit), ..head };
        prop_assert_eq!(verify_inclusion(&leaf(index), index, &path, &moved), Err(ProofError::WrongRoot));
    }

    #[test]
    fn consistency_proof_with_any_bit_flipped_is_refused(
        new in 2..=SIZES, place in any::<prop::sample::Index>(), bit in 0usize..256,
    ) {
        let nodes = tree(new);
        let old = 1 + place.index(usize::try_from(new - 1).expect("small")) as u64;
        let path = consistency_proof(&nodes, old, new).expect("a complete tree");
        for changed in 0..path.len() {
            let mut path = path.clone();
            path[changed] = flip(&path[changed], bit);
            prop_assert_eq!(
                verify_consistency(&head(&nodes, old), &head(&nodes, new), &path),
                Err(ProofError::WrongRoot)
            );
        }
    }
}
