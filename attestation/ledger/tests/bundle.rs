//! Bundles laid out from audit records.

use std::collections::BTreeMap;

use attestation_ledger::{
    AuditRecord, BundleError, BundleWriter, Digest, Entry, Hash, MemoryNodes, RecordVersion,
    RecordedRelease, Registered, Registration, SigningKey, TreeHead, blob_path, root,
};

fn release() -> AuditRecord {
    AuditRecord::Release(RecordedRelease {
        version: RecordVersion::V2,
        time: 1_790_000_001,
        tenant: "acme".to_owned(),
        session: "s1".to_owned(),
        verdict_index: 0,
        resource: "default/disk/data".to_owned(),
        secret_version: 1,
        recipient: "thumbprint".to_owned(),
        jwe_sha256: Digest::of(b"jwe"),
        tee: "simulated".to_owned(),
        simulated: true,
    })
}

fn registration(time: u64) -> AuditRecord {
    AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time,
        tenant: Some("acme".to_owned()),
        by: "alice".to_owned(),
        approved_by: None,
        name: "p".to_owned(),
        what: Registered::PolicyRemoved {},
    })
}

fn entry(record: AuditRecord) -> Entry {
    Entry::new(record).expect("a small record")
}

fn key() -> SigningKey {
    SigningKey::from_seed("example.com/log", &[7; 32]).expect("a good name")
}

fn checkpoint(entries: &[Entry]) -> String {
    let nodes = MemoryNodes::from_leaves(entries.iter().map(|e| Hash::leaf(e.as_bytes())));
    let size = nodes.size();
    TreeHead {
        size,
        root: root(&nodes, size).expect("a complete tree"),
    }
    .sign(&key())
}

#[test]
fn bundle_holds_checkpoint_tiles_and_blobs() {
    let entries = [entry(registration(7)), entry(release())];
    let mut bundle = BundleWriter::new();
    entries.iter().for_each(|entry| bundle.push_entry(entry));
    let digest = bundle.add_blob(b"policy".to_vec());
    bundle.add_blob(b"policy".to_vec());
    let files = bundle
        .finish(checkpoint(&entries), &key().verifying_key())
        .expect("entries of the checkpoint");
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let blob = blob_path(&digest);
    assert_eq!(
        names,
        [
            &blob,
            "checkpoint",
            "tile/0/000.p/2",
            "tile/entries/000.p/2"
        ]
    );
    assert_eq!(files[&blob], b"policy");
    assert_eq!(
        files["tile/0/000.p/2"][..32],
        *Hash::leaf(entries[0].as_bytes()).as_bytes()
    );
}

#[test]
fn bundle_of_an_empty_log_is_its_checkpoint() {
    let files = BundleWriter::new().finish(checkpoint(&[]), &key().verifying_key());
    let files = files.expect("the empty log");
    assert_eq!(files.keys().collect::<Vec<_>>(), ["checkpoint"]);
}

#[test]
fn bundle_of_other_entries_than_the_checkpoints_is_not_made() {
    let mut bundle = BundleWriter::new();
    bundle.push_entry(&entry(registration(7)));
    let refused = bundle.finish(checkpoint(&[entry(release())]), &key().verifying_key());
    assert!(matches!(
        refused,
        Err(BundleError::WrongTree {
            entries: 1,
            size: 1
        })
    ));
}

fn many(count: u64) -> Vec<Entry> {
    (0..count).map(|time| entry(registration(time))).collect()
}

/// So a log that is larger than memory can be laid out.
#[test]
fn bundle_taken_from_time_to_time_is_the_same_and_is_not_kept() {
    for count in [0, 1, 255, 256, 257, 600] {
        let entries = many(count);
        let whole = || {
            let mut bundle = BundleWriter::new();
            let mut taken = BTreeMap::new();
            for (index, entry) in entries.iter().enumerate() {
                bundle.add_blob(vec![u8::try_from(index % 7).expect("small")]);
                bundle.push_entry(entry);
                taken.extend(bundle.take_files());
                assert!(bundle.take_files().is_empty());
            }
            (bundle, taken)
        };
        let (bundle, mut taken) = whole();
        let blobs = taken.keys().filter(|path| path.starts_with("blobs/"));
        assert_eq!(blobs.count() as u64, count.min(7));
        let finish = |bundle: BundleWriter| {
            bundle
                .finish(checkpoint(&entries), &key().verifying_key())
                .expect("one log")
        };
        taken.extend(finish(bundle));
        let mut at_once = BundleWriter::new();
        (0..count.min(7)).for_each(|byte| {
            let blob = vec![u8::try_from(byte).expect("small")];
            assert!(!at_once.has_blob(&Digest::of(&blob)));
            let digest = at_once.add_blob(blob);
            assert!(at_once.has_blob(&digest));
        });
        entries.iter().for_each(|entry| at_once.push_entry(entry));
        assert_eq!(taken, finish(at_once), "{count} entries");
    }
}

#[test]
fn bundle_over_several_tiles_holds_every_entry() {
    let many = many(600);
    let mut bundle = BundleWriter::new();
    many.iter().for_each(|entry| bundle.push_entry(entry));
    let files = bundle
        .finish(checkpoint(&many), &key().verifying_key())
        .expect("one log");
    let read: Vec<&[u8]> = [
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/88",
    ]
    .into_iter()
    .flat_map(|path| attestation_ledger::decode_entry_bundle(&files[path]).expect("whole"))
    .collect();
    assert_eq!(read, many.iter().map(Entry::as_bytes).collect::<Vec<_>>());
}
