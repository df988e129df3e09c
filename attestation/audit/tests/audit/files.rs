//! Every file of a bundle is covered: changed, missing, extra, cut short, longer, renamed.

use attestation_audit::{Anchors, audit};
use attestation_audit::{Files, FindingCode, Unreadable};
use attestation_ledger::{Hash, TreeHead, sign_note};

use crate::world::{POLICY, World, codes, log_key};

/// Whether the auditor agrees; what it cannot read it does not agree with.
fn agrees(world: &World, files: &Files) -> bool {
    world.judge(files).is_ok_and(|report| report.agrees())
}

fn missing(world: &World, files: &Files) -> (Vec<String>, Vec<String>) {
    match world.judge(files) {
        Err(Unreadable::Missing { missing, unknown }) => (missing, unknown),
        other => panic!("not missing but {other:?}"),
    }
}

#[test]
fn bundle_of_an_honest_service_is_agreed_with() {
    let report = World::busy().audit();
    assert_eq!(codes(&report), []);
    assert!(report.agrees() && report.simulated);
    assert_eq!(report.entries, 7);
    assert_eq!((report.counts.accepted, report.counts.refused), (1, 2));
    assert_eq!((report.counts.replayed, report.counts.releases), (3, 1));
    assert_eq!(report.counts.registrations, 3);
}

#[test]
fn bundle_of_an_empty_log_is_agreed_with() {
    let world = World::empty();
    let report = world.audit();
    assert!(report.agrees() && !report.simulated);
    assert_eq!((report.entries, report.counts.files), (0, 1));
    let mut files = world.bundle();
    files.insert("tile/entries/000.p/1".to_owned(), vec![0, 0]);
    assert_eq!(
        codes(&world.judge(&files).expect("whole")),
        [FindingCode::UnknownFile]
    );
}

#[test]
fn bundle_of_many_tiles_is_agreed_with_and_each_tile_is_checked() {
    let mut world = World::empty();
    for version in 1..=300 {
        world.register_secret(version, POLICY, &["demo"]);
    }
    let files = world.bundle();
    assert!(agrees(&world, &files));
    for tile in ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"] {
        let mut changed = files.clone();
        changed.get_mut(tile).expect("a tile of 300 entries")[31] ^= 1;
        let report = world.judge(&changed).expect("whole");
        assert_eq!(codes(&report), [FindingCode::TileDiffers]);
        assert!(report.findings[0].text.contains(tile));
    }
}

#[test]
fn bundle_with_any_byte_of_any_file_changed_is_never_agreed_with() {
    let world = World::busy();
    let files = world.bundle();
    assert!(agrees(&world, &files));
    for (path, bytes) in &files {
        // Small files at every byte, larger ones at some places, the ends among them.
        let step = (bytes.len() / 40).max(1);
        for place in (0..bytes.len()).step_by(step).chain([bytes.len() - 1]) {
            for mask in [0x01, 0x80] {
                let mut changed = files.clone();
                changed.get_mut(path).expect("it is there")[place] ^= mask;
                assert!(
                    !agrees(&world, &changed),
                    "{path} byte {place} mask {mask:#x}"
                );
            }
        }
    }
}

#[test]
fn bundle_with_any_file_cut_short_or_longer_is_never_agreed_with() {
    let world = World::busy();
    let files = world.bundle();
    for (path, bytes) in &files {
        for length in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = files.clone();
            changed.get_mut(path).expect("it is there").truncate(length);
            assert!(!agrees(&world, &changed), "{path} cut to {length}");
        }
        for tail in [b"\n".as_slice(), b"\0", b" ", &[0; 32], b"\0\x01x"] {
            let mut changed = files.clone();
            changed
                .get_mut(path)
                .expect("it is there")
                .extend_from_slice(tail);
            assert!(!agrees(&world, &changed), "{path} with {tail:?} after it");
        }
    }
}

#[test]
fn tile_of_another_width_than_the_signed_sizes_is_truncated_and_named() {
    let world = World::busy();
    let hashes = "tile/0/000.p/7";
    let entries = "tile/entries/000.p/7";
    for (path, change) in [
        (hashes, (|bytes| bytes.truncate(32)) as fn(&mut Vec<u8>)),
        (hashes, |bytes| bytes.push(0)),
        (entries, |bytes| bytes.extend([0, 0])),
        (entries, |bytes| bytes.clear()),
    ] {
        let mut files = world.bundle();
        change(files.get_mut(path).expect("a tile of 7 entries"));
        match world.judge(&files) {
            Err(Unreadable::Width { file, .. }) => assert_eq!(file, path),
            other => panic!("not another width but {other:?}"),
        }
    }
    let mut files = world.bundle();
    files.get_mut(entries).expect("a tile of 7 entries").pop();
    assert!(matches!(world.judge(&files), Err(Unreadable::Bundle { file, .. }) if file == entries));
}

#[test]
fn bundle_without_a_file_is_truncated_and_names_it() {
    let world = World::busy();
    let files = world.bundle();
    for path in files.keys() {
        let mut changed = files.clone();
        changed.remove(path);
        assert_eq!(missing(&world, &changed), (vec![path.clone()], vec![]));
        let text = world.judge(&changed).expect_err("truncated").to_string();
        assert!(text.contains(path), "{text}");
    }
    assert!(matches!(
        world.judge(&Files::new()),
        Err(Unreadable::Missing { .. })
    ));
}

#[test]
fn bundle_with_a_file_renamed_names_both() {
    let world = World::busy();
    let files = world.bundle();
    for path in files.keys().filter(|path| *path != "checkpoint") {
        let mut changed = files.clone();
        let bytes = changed.remove(path).expect("it is there");
        let renamed = format!("{path}.orig");
        changed.insert(renamed.clone(), bytes);
        assert_eq!(
            missing(&world, &changed),
            (vec![path.clone()], vec![renamed])
        );
    }
}

#[test]
fn bundle_with_an_extra_file_is_disagreed_with_and_names_it() {
    let world = World::busy();
    let unused = attestation_ledger::blob_path(&attestation_ledger::Digest::of(b"unused"));
    for path in [
        "README",
        "tile/0/001.p/1",
        "tile/7/000.p/1",
        "blobs/x",
        "checkpoint.old",
        &unused,
    ] {
        let mut files = world.bundle();
        files.insert(path.to_owned(), b"unused".to_vec());
        let report = world.judge(&files).expect("whole");
        assert_eq!(codes(&report), [FindingCode::UnknownFile], "{path}");
        assert!(report.findings[0].text.contains(path));
    }
}

#[test]
fn blob_under_another_blobs_name_is_found() {
    let world = World::busy();
    let mut files = world.bundle();
    let blobs: Vec<String> = files
        .keys()
        .filter(|p| p.starts_with("blobs/"))
        .cloned()
        .collect();
    let other = files[&blobs[0]].clone();
    files.insert(blobs[1].clone(), other);
    let report = world.judge(&files).expect("whole");
    assert!(codes(&report).contains(&FindingCode::BlobDiffers));
    assert!(report.findings[0].text.contains(&blobs[1]));
}

#[test]
fn checkpoint_of_another_key_is_disagreed_with() {
    let world = World::busy();
    let other = log_key(8).verifying_key();
    let anchors = Anchors {
        log_key: &other,
        simulated_roots: &[world.tee.ark()],
        allow_sample: false,
        vendor_roots: &[],
        corim_keys: &[],
        predecessor_key: None,
    };
    let report = audit(&world.bundle(), &anchors).expect("readable");
    assert_eq!(codes(&report), [FindingCode::CheckpointRefused]);
    assert_eq!((report.entries, report.verdicts.len()), (0, 0));
}

#[test]
fn checkpoint_of_another_log_of_the_same_key_is_disagreed_with() {
    let world = World::busy();
    let mut files = world.bundle();
    let text = format!("example.com/other\n7\n{}\n", Hash::leaf(b"x"));
    let note = sign_note(&text, &world.key).expect("text");
    files.insert("checkpoint".to_owned(), note.into_bytes());
    assert_eq!(
        codes(&world.judge(&files).expect("whole")),
        [FindingCode::CheckpointRefused]
    );
}

#[test]
fn checkpoint_with_a_signature_that_nobody_can_check_is_disagreed_with() {
    let world = World::busy();
    let mut files = world.bundle();
    let line = "\u{2014} witness.example AAAAAAA=\n";
    files
        .get_mut("checkpoint")
        .expect("it is there")
        .extend_from_slice(line.as_bytes());
    assert_eq!(
        codes(&world.judge(&files).expect("whole")),
        [FindingCode::UnknownSignatures]
    );
}

#[test]
fn checkpoint_over_other_entries_of_the_same_number_is_disagreed_with() {
    let world = World::busy();
    let mut files = world.bundle();
    let head = TreeHead {
        size: 7,
        root: Hash::leaf(b"another history"),
    };
    files.insert("checkpoint".to_owned(), head.sign(&world.key).into_bytes());
    assert_eq!(
        codes(&world.judge(&files).expect("whole")),
        [FindingCode::RootDiffers]
    );
}

#[test]
fn checkpoint_of_an_older_or_newer_log_does_not_fit() {
    let mut world = World::busy();
    let files = world.bundle();
    world.register_secret(2, POLICY, &["demo"]);
    let mut newer = files.clone();
    newer.insert("checkpoint".to_owned(), world.checkpoint().into_bytes());
    assert!(matches!(
        world.judge(&newer),
        Err(Unreadable::Missing { .. })
    ));
    world.entries.truncate(6);
    let mut older = files;
    older.insert("checkpoint".to_owned(), world.checkpoint().into_bytes());
    assert!(matches!(
        world.judge(&older),
        Err(Unreadable::Missing { .. })
    ));
}

#[test]
fn checkpoint_of_a_huge_log_is_refused_at_once() {
    let world = World::busy();
    let mut files = world.bundle();
    let head = TreeHead {
        size: u64::MAX,
        root: Hash::leaf(b"x"),
    };
    files.insert("checkpoint".to_owned(), head.sign(&world.key).into_bytes());
    let (missing, _) = missing(&world, &files);
    assert!(missing.len() < 10);
}

#[test]
fn entry_that_is_no_record_is_found_though_signed() {
    let world = World::busy();
    for leaf in [
        b"".as_slice(),
        b"{}",
        b"\xff",
        b"null",
        b"{\"kind\":\"verdict\"}",
    ] {
        let report = world.judge(&bundle_of_leaf(&world, leaf)).expect("whole");
        assert_eq!(codes(&report), [FindingCode::EntryUnreadable]);
        assert_eq!(report.findings[0].entry, Some(0));
    }
}

/// A log of one leaf that no honest writer would write, validly signed.
fn bundle_of_leaf(world: &World, leaf: &[u8]) -> Files {
    let hash = Hash::leaf(leaf);
    let bundle = attestation_ledger::encode_entry_bundle([leaf]).expect("short");
    Files::from([
        (
            "checkpoint".to_owned(),
            TreeHead {
                size: 1,
                root: hash,
            }
            .sign(&world.key)
            .into_bytes(),
        ),
        ("tile/0/000.p/1".to_owned(), hash.as_bytes().to_vec()),
        ("tile/entries/000.p/1".to_owned(), bundle),
    ])
}
