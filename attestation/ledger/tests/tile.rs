//! The static files of a log: paths, widths and bytes (c2sp.org/tlog-tiles).

use attestation_ledger::{
    Hash, MemoryNodes, Node, NodeReader, Tile, TileError, TileKind, decode_entry_bundle,
    encode_entry_bundle, encode_hash_tile, root, tiles,
};

fn paths(size: u64) -> Vec<String> {
    tiles(size).map(|tile| tile.to_string()).collect()
}

#[test]
fn path_of_a_large_index_is_grouped_as_in_the_specification() {
    let path = |kind, index, width| Tile { kind, index, width }.to_string();
    let level_0 = TileKind::Hashes { level: 0 };
    assert_eq!(path(level_0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(level_0, 0, 256), "tile/0/000");
    assert_eq!(path(level_0, 999, 255), "tile/0/999.p/255");
    assert_eq!(
        path(TileKind::Entries, 1_000, 1),
        "tile/entries/x001/000.p/1"
    );
}

#[test]
fn tiles_of_70000_entries_are_those_of_the_specification() {
    let count = |kind, full: bool| {
        tiles(70_000)
            .filter(|tile| tile.kind == kind && (tile.width == 256) == full)
            .count()
    };
    let level = |level| TileKind::Hashes { level };
    let widths: Vec<u16> = tiles(70_000)
        .filter(|tile| tile.width < 256)
        .map(|tile| tile.width)
        .collect();
    assert_eq!((count(level(0), true), count(level(0), false)), (273, 1));
    assert_eq!((count(level(1), true), count(level(1), false)), (1, 1));
    assert_eq!((count(level(2), true), count(level(2), false)), (0, 1));
    assert_eq!(
        (
            count(TileKind::Entries, true),
            count(TileKind::Entries, false)
        ),
        (273, 1)
    );
    assert_eq!(widths, [112, 17, 1, 112]);
}

#[test]
fn tiles_at_the_edge_of_a_full_tile_are_those_of_the_specification() {
    assert!(paths(0).is_empty());
    assert_eq!(paths(1), ["tile/0/000.p/1", "tile/entries/000.p/1"]);
    assert_eq!(paths(255), ["tile/0/000.p/255", "tile/entries/000.p/255"]);
    assert_eq!(
        paths(256),
        ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]
    );
    assert_eq!(
        paths(257),
        [
            "tile/0/000",
            "tile/0/001.p/1",
            "tile/1/000.p/1",
            "tile/entries/000",
            "tile/entries/001.p/1"
        ]
    );
}

#[test]
fn hash_tile_holds_the_subtrees_roots() {
    let leaf = |index: u64| Hash::leaf(&index.to_be_bytes());
    let nodes = MemoryNodes::from_leaves((0..600).map(leaf));
    let leaves = encode_hash_tile(&nodes, 0, 256, 2).expect("a complete tree");
    assert_eq!(
        leaves,
        [*leaf(256).as_bytes(), *leaf(257).as_bytes()].concat()
    );
    let upper = encode_hash_tile(&nodes, 1, 0, 2).expect("a complete tree");
    assert_eq!(
        upper[..32],
        *root(&nodes, 256).expect("a complete tree").as_bytes()
    );
    let second = nodes
        .read(Node { level: 8, index: 1 })
        .expect("memory")
        .expect("complete");
    assert_eq!(upper[32..], *second.as_bytes());
    assert!(encode_hash_tile(&nodes, 1, 0, 3).is_err());
}

#[test]
fn entry_bundle_round_trips_with_big_endian_lengths() {
    let long = vec![b'x'; 65_535];
    let entries: [&[u8]; 3] = [b"ab", b"", &long];
    let bytes = encode_entry_bundle(entries).expect("entries that fit");
    assert_eq!(bytes[..8], [0, 2, b'a', b'b', 0, 0, 0xff, 0xff]);
    assert_eq!(decode_entry_bundle(&bytes), Ok(entries.to_vec()));
    assert_eq!(decode_entry_bundle(&[]), Ok(Vec::new()));
}

#[test]
fn entry_bundle_with_a_longer_entry_is_refused() {
    let entry = vec![0; 65_536];
    assert_eq!(
        encode_entry_bundle([entry.as_slice()]),
        Err(TileError::EntryTooLong(65_536))
    );
}

#[test]
fn entry_bundle_cut_anywhere_inside_an_entry_is_refused() {
    let bytes = encode_entry_bundle([b"abc".as_slice(), b"def"]).expect("entries that fit");
    for end in 0..bytes.len() {
        let decoded = decode_entry_bundle(&bytes[..end]);
        match end {
            0 => assert_eq!(decoded, Ok(vec![])),
            5 => assert_eq!(decoded, Ok(vec![b"abc".as_slice()])),
            _ => assert_eq!(decoded, Err(TileError::Truncated(end / 5)), "cut at {end}"),
        }
    }
}
