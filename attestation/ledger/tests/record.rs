//! Audit records as leaves, and bundles laid out from them.

use std::collections::BTreeMap;

use attestation_ledger::{
    AuditRecord, BundleError, BundleWriter, Digest, Entry, EntryError, Hash, MemoryNodes, Outcome,
    RecordVersion, RecordedCheck, RecordedInput, RecordedRelease, RecordedVerdict, Registered,
    Registration, SigningKey, TreeHead, blob_path, root,
};

fn verdict() -> AuditRecord {
    AuditRecord::Verdict(Box::new(RecordedVerdict {
        version: RecordVersion::V1,
        time: 1_790_000_000,
        session: "s1".to_owned(),
        tee: "simulated".to_owned(),
        simulated: true,
        outcome: Outcome::Accepted,
        checks: vec![RecordedCheck {
            name: "nonce".to_owned(),
            result: "pass".to_owned(),
            reason: "fresh".to_owned(),
        }],
        policy: "p".to_owned(),
        reference: Some("r".to_owned()),
        launch_digest: Some("00".repeat(48)),
        rejections: Vec::new(),
        ruleset: "1".to_owned(),
        input: RecordedInput {
            evidence: Digest::of(b"evidence"),
            manifest: Some(Digest::of(b"manifest")),
            exchange: Digest::of(b"exchange"),
            policy: Digest::of(b"policy"),
            references: vec![Digest::of(b"reference")],
            simulated_root: Some(Digest::of(b"root")),
        },
        recipient: "thumbprint".to_owned(),
    }))
}

fn release() -> AuditRecord {
    AuditRecord::Release(RecordedRelease {
        version: RecordVersion::V1,
        time: 1_790_000_001,
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

fn registration() -> AuditRecord {
    AuditRecord::Registered(Registration {
        version: RecordVersion::V1,
        time: 1_789_999_999,
        name: "default/disk/data".to_owned(),
        what: Registered::Secret {
            secret_version: 1,
            policy: "p".to_owned(),
            references: vec!["r".to_owned()],
        },
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
fn record_of_each_kind_round_trips() {
    for record in [verdict(), release(), registration()] {
        let entry = entry(record.clone());
        let read = Entry::from_bytes(entry.as_bytes()).expect("an entry just written");
        assert_eq!(read.record(), &record);
        assert_eq!(read, entry);
    }
}

#[test]
fn registration_is_written_as_sorted_json_without_spaces() {
    let entry = entry(registration());
    let expected = concat!(
        r#"{"kind":"registered","name":"default/disk/data","time":1789999999,"version":1,"#,
        r#""what":{"secret":{"policy":"p","references":["r"],"secret_version":1}}}"#
    );
    assert_eq!(std::str::from_utf8(entry.as_bytes()), Ok(expected));
}

#[test]
fn record_with_another_spelling_is_refused() {
    let entry = entry(release());
    let text = std::str::from_utf8(entry.as_bytes()).expect("JSON");
    let (first, rest) = text.split_once(',').expect("members");
    for (changed, why) in [
        (format!("{text} "), "trailing space"),
        (format!("{text}\n"), "trailing newline"),
        (format!("{text}{{}}"), "a second document"),
        (text.replacen(':', ": ", 1), "space"),
        (
            format!("{{{},{}}}", rest.trim_end_matches('}'), &first[1..]),
            "order of members",
        ),
        (
            text.replace("\"time\":1790000001", "\"time\":1790000001.0"),
            "number",
        ),
        (
            text.replace("\"simulated\"", "\"\\u0073imulated\""),
            "escape",
        ),
        (
            text.replace("\"version\":1", "\"version\":2"),
            "unknown version",
        ),
        (text.replacen('{', "{\"aaa\":1,", 1), "unknown member"),
        (
            text.replace("\"kind\":\"release\"", "\"kind\":\"gift\""),
            "unknown kind",
        ),
        (
            text.replacen("\"session\":\"s1\",", "", 1),
            "missing member",
        ),
    ] {
        assert_ne!(changed, text, "{why}");
        assert!(Entry::from_bytes(changed.as_bytes()).is_err(), "{why}");
    }
}

/// An upgrade is no intrusion: the reader is told which it is.
#[test]
fn record_of_another_version_is_told_from_a_damaged_one() {
    let verdict = entry(verdict());
    let text = std::str::from_utf8(verdict.as_bytes()).expect("JSON");
    let manifest = format!("\"manifest\":\"{}\",", Digest::of(b"manifest"));
    for (changed, why) in [
        (text.replace(&manifest, ""), "before there was a manifest"),
        (
            text.replace("\"version\":1}", "\"version\":2}"),
            "version 2",
        ),
        (
            text.replace("\"kind\":\"verdict\"", "\"kind\":\"gift\""),
            "a kind more",
        ),
    ] {
        assert_ne!(changed, text, "{why}");
        let refused = Entry::from_bytes(changed.as_bytes());
        assert!(
            matches!(refused, Err(EntryError::OtherVersion(_))),
            "{why}: {refused:?}"
        );
    }
    let damaged = |changed: String| {
        let refused = Entry::from_bytes(changed.as_bytes()).expect_err("damaged");
        assert!(!matches!(refused, EntryError::OtherVersion(_)), "{changed}");
    };
    damaged(text.replacen(':', ": ", 1));
    damaged(text.replace("\"version\":1}", "\"version\":2} "));
    damaged("[]".to_owned());
    damaged(text[1..].to_owned());
}

#[test]
fn record_too_long_for_an_entry_bundle_is_refused() {
    let AuditRecord::Registered(mut long) = registration() else {
        unreachable!()
    };
    long.name = "n".repeat(65_535);
    let refused = Entry::new(AuditRecord::Registered(long));
    assert!(matches!(refused, Err(EntryError::TooLong(length)) if length > 65_535));
}

#[test]
fn record_with_a_number_that_canonical_json_rounds_is_refused() {
    let at = |time| {
        let AuditRecord::Registered(registration) = registration() else {
            unreachable!()
        };
        Entry::new(AuditRecord::Registered(Registration {
            time,
            ..registration
        }))
    };
    assert!(at(1 << 53).is_ok());
    assert!(matches!(at((1 << 53) + 1), Err(EntryError::Rounded)));
    assert!(matches!(at(u64::MAX), Err(EntryError::Rounded)));
}

#[test]
fn record_names_its_blobs_and_not_the_root() {
    let of = |texts: &[&[u8]]| {
        texts
            .iter()
            .map(|text| Digest::of(text))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        verdict().blobs(),
        of(&[
            b"evidence",
            b"exchange",
            b"policy",
            b"manifest",
            b"reference"
        ])
    );
    assert_eq!(release().blobs(), []);
    assert_eq!(registration().blobs(), []);
}

#[test]
fn bundle_holds_checkpoint_tiles_and_blobs() {
    let entries = [entry(verdict()), entry(release())];
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
    bundle.push_entry(&entry(verdict()));
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
    let AuditRecord::Registered(registration) = registration() else {
        unreachable!()
    };
    let at = |time| Registration {
        time,
        ..registration.clone()
    };
    (0..count)
        .map(|time| entry(AuditRecord::Registered(at(time))))
        .collect()
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
