//! The text form of proofs (c2sp.org/tlog-proof@v1).

use attestation_ledger::{
    CheckpointError, Hash, LogProof, LogProofError, MemoryNodes, NoteError, SigningKey, TreeHead,
    inclusion_proof, root,
};

const ENTRIES: [&[u8]; 5] = [b"zero", b"one", b"two", b"three", b"four"];

fn key() -> SigningKey {
    SigningKey::from_seed("example.com/log", &[7; 32]).expect("a good name")
}

fn proof(index: u64) -> LogProof {
    let nodes = MemoryNodes::from_leaves(ENTRIES.map(Hash::leaf));
    let size = nodes.size();
    let head = TreeHead {
        size,
        root: root(&nodes, size).expect("a complete tree"),
    };
    LogProof {
        extra: Some(ENTRIES[usize::try_from(index).expect("small")].to_vec()),
        index,
        path: inclusion_proof(&nodes, index, size).expect("a complete tree"),
        checkpoint: head.sign(&key()),
    }
}

#[test]
fn proof_has_the_lines_that_the_specification_names() {
    let proof = proof(4);
    let expected = format!(
        "c2sp.org/tlog-proof@v1\nextra Zm91cg==\nindex 4\n{}\n\n{}",
        proof.path[0], proof.checkpoint
    );
    assert_eq!(proof.path.len(), 1);
    assert_eq!(proof.to_string(), expected);
}

#[test]
fn proof_of_every_entry_round_trips_and_verifies() {
    for (index, entry) in (0..).zip(ENTRIES) {
        let text = proof(index).to_string();
        let parsed = LogProof::parse(&text).expect("a proof just written");
        assert_eq!(parsed, proof(index));
        assert_eq!(parsed.to_string(), text);
        assert_eq!(parsed.verified_entry(&key().verifying_key()), Ok(entry));
    }
}

#[test]
fn proof_of_the_only_entry_has_no_hashes() {
    let nodes = MemoryNodes::from_leaves([Hash::leaf(b"only")]);
    let head = TreeHead {
        size: 1,
        root: root(&nodes, 1).expect("a complete tree"),
    };
    let proof = LogProof {
        extra: None,
        index: 0,
        path: Vec::new(),
        checkpoint: head.sign(&key()),
    };
    let parsed = LogProof::parse(&proof.to_string()).expect("a proof just written");
    assert_eq!(parsed.verify(b"only", &key().verifying_key()), Ok(head));
    assert_eq!(
        parsed.verified_entry(&key().verifying_key()),
        Err(LogProofError::NoEntry)
    );
}

#[test]
fn proof_with_any_bit_changed_is_refused() {
    let text = proof(2).to_string();
    for place in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else {
                continue;
            };
            let refused = LogProof::parse(&changed).and_then(|proof| {
                proof
                    .verified_entry(&key().verifying_key())
                    .map(<[u8]>::to_vec)
            });
            assert!(refused.is_err(), "byte {place} bit {bit}");
        }
    }
}

#[test]
fn proof_cut_short_or_with_trailing_data_is_refused() {
    let text = proof(2).to_string();
    let key = key().verifying_key();
    let opens = |text: &str| LogProof::parse(text).is_ok_and(|p| p.verified_entry(&key).is_ok());
    assert!(opens(&text));
    for (end, _) in text.char_indices() {
        assert!(!opens(&text[..end]), "cut at {end}");
    }
    for tail in ["\n", " ", "x", "\0", "index 2\n"] {
        assert!(!opens(&format!("{text}{tail}")), "{tail:?}");
    }
}

#[test]
fn proof_with_a_second_spelling_is_refused() {
    let text = proof(2).to_string();
    for (from, to) in [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("tlog-proof@v1\n", "tlog-proof@v1\r\n"),
        ("index 2", "index 02"),
        ("index 2", "index +2"),
        ("index 2", "index  2"),
        ("index 2", "Index 2"),
        ("index 2\n", "index 2 \n"),
        ("extra dHdv", "extra dHdv="),
        ("extra dHdv", "extra  dHdv"),
        ("extra dHdv\n", "extra dHdv\nextra dHdv\n"),
        ("extra dHdv\nindex 2\n", "index 2\nextra dHdv\n"),
        ("=\n", "\n"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from:?}");
        assert!(
            matches!(LogProof::parse(&changed), Err(LogProofError::Malformed(_))),
            "{from:?} to {to:?}"
        );
    }
}

#[test]
fn proof_by_another_log_is_refused_before_its_path_is_looked_at() {
    let impostor = SigningKey::from_seed("example.com/log", &[8; 32]).expect("a good name");
    let mut proof = proof(2);
    proof.path.clear();
    assert!(matches!(
        proof.verify(b"two", &impostor.verifying_key()),
        Err(LogProofError::Checkpoint(CheckpointError::Note(
            NoteError::NotSigned { .. }
        )))
    ));
}

#[test]
fn proof_for_another_entry_or_index_is_refused() {
    let key = key().verifying_key();
    assert!(matches!(
        proof(2).verify(b"three", &key),
        Err(LogProofError::NotIncluded { index: 2, .. })
    ));
    let moved = LogProof {
        index: 3,
        ..proof(2)
    };
    assert!(matches!(
        moved.verify(b"two", &key),
        Err(LogProofError::NotIncluded { index: 3, .. })
    ));
    let outside = LogProof {
        index: 5,
        ..proof(2)
    };
    assert!(matches!(
        outside.verify(b"two", &key),
        Err(LogProofError::NotIncluded { index: 5, .. })
    ));
}

#[test]
fn proof_with_more_hashes_than_a_tree_is_high_is_refused() {
    let mut proof = proof(2);
    proof.path = vec![Hash::leaf(b"x"); 64];
    assert!(LogProof::parse(&proof.to_string()).is_ok());
    proof.path.push(Hash::leaf(b"x"));
    assert!(LogProof::parse(&proof.to_string()).is_err());
}
