//! Audit records as leaves.

use attestation_ledger::{
    AuditRecord, Digest, Entry, EntryError, KeyEvent, Outcome, RecordVersion, RecordedDocument,
    RecordedInput, RecordedLaunch, RecordedPolicy, RecordedRejection, RecordedRelease,
    RecordedRoots, RecordedVerdict, Registered, Registration,
};

fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

fn verdict() -> RecordedVerdict {
    RecordedVerdict {
        version: RecordVersion::V2,
        time: 1_790_000_000,
        tenant: "acme".to_owned(),
        session: Some("s1".to_owned()),
        tee: "tdx".to_owned(),
        simulated: false,
        outcome: Outcome::Refused,
        policy: RecordedPolicy {
            name: "strict".to_owned(),
            digest: digest("policy"),
        },
        reference: None,
        launch: Some(RecordedLaunch {
            digest: Some("00".repeat(48)),
            rtmrs: vec!["11".repeat(48); 4],
            svn: None,
        }),
        rejections: vec![RecordedRejection {
            check: "nonce".to_owned(),
            code: "nonce_burned".to_owned(),
        }],
        ruleset: "1".to_owned(),
        input: RecordedInput {
            evidence: digest("evidence"),
            manifest: Some(digest("manifest")),
            exchange: digest("exchange"),
            references: vec![digest("reference")],
            collateral: vec![RecordedDocument {
                role: "collateral".to_owned(),
                digest: digest("collateral"),
            }],
            seen: Some(digest("seen")),
            roots: RecordedRoots {
                simulated: None,
                sample: false,
                amd: None,
                intel: Some(digest("root")),
            },
        },
        document: digest("document"),
        recipient: Some("thumbprint".to_owned()),
    }
}

fn registration(what: Registered) -> Registration {
    Registration {
        version: RecordVersion::V2,
        time: 1,
        tenant: Some("acme".to_owned()),
        by: "alice".to_owned(),
        approved_by: Some("bob".to_owned()),
        name: "name".to_owned(),
        what,
    }
}

/// Each thing that an administrator can do.
fn acts() -> Vec<Registered> {
    let key_sha256 = digest("key");
    vec![
        Registered::Policy {
            digest: digest("p"),
        },
        Registered::PolicyRemoved {},
        Registered::Reference {
            digest: digest("r"),
            corim: Some(digest("c")),
        },
        Registered::ReferenceRevoked {
            digest: digest("revoked"),
        },
        Registered::ReferenceRemoved {},
        Registered::ReferenceKey { key_sha256 },
        Registered::ReferenceKeyRemoved { key_sha256 },
        Registered::Secret {
            secret_version: 1,
            policy: "strict".to_owned(),
            references: vec!["r".to_owned()],
        },
        Registered::SecretDestroyed { secret_version: 1 },
        Registered::TenantCreated {
            settings: digest("s"),
        },
        Registered::TenantChanged {
            settings: digest("s"),
        },
        Registered::TenantRemoved {},
        Registered::ChangeProposed {
            change: "c1".to_owned(),
            content: digest("x"),
        },
        Registered::ChangeApproved {
            change: "c1".to_owned(),
        },
        Registered::ChangeRejected {
            change: "c1".to_owned(),
        },
        Registered::ChangeExpired {
            change: "c1".to_owned(),
        },
        Registered::Key {
            purpose: "secrets".to_owned(),
            event: KeyEvent::Rotated,
        },
    ]
}

fn entry(record: AuditRecord) -> Entry {
    Entry::new(record).expect("a small record")
}

fn release() -> AuditRecord {
    AuditRecord::Release(RecordedRelease {
        version: RecordVersion::V2,
        time: 2,
        tenant: "acme".to_owned(),
        session: "s1".to_owned(),
        verdict_index: 0,
        resource: "default/disk/data".to_owned(),
        secret_version: 1,
        recipient: "thumbprint".to_owned(),
        jwe_sha256: digest("jwe"),
        tee: "tdx".to_owned(),
        simulated: false,
    })
}

fn records() -> Vec<AuditRecord> {
    let acts = acts().into_iter();
    let acts = acts.map(|what| AuditRecord::Registered(registration(what)));
    [AuditRecord::Verdict(Box::new(verdict())), release()]
        .into_iter()
        .chain(acts)
        .collect()
}

#[test]
fn every_record_is_read_from_its_own_bytes_and_has_a_tenant() {
    for record in records() {
        let entry = Entry::new(record.clone()).expect("it fits");
        assert_eq!(Entry::from_bytes(entry.as_bytes()).expect("its own"), entry);
        assert_eq!(record.tenant(), Some("acme"));
    }
}

#[test]
fn leaf_with_any_member_missing_or_added_is_refused() {
    for record in records() {
        let entry = Entry::new(record).expect("it fits");
        let whole: serde_json::Value = serde_json::from_slice(entry.as_bytes()).expect("JSON");
        let members: Vec<String> = whole
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        for member in members {
            let mut less = whole.clone();
            less.as_object_mut().expect("an object").remove(&member);
            assert!(
                Entry::from_bytes(less.to_string().as_bytes()).is_err(),
                "{member}"
            );
        }
        let mut more = whole;
        more["zzz"] = 1.into();
        let error = Entry::from_bytes(more.to_string().as_bytes()).expect_err("one too many");
        assert!(matches!(error, EntryError::OtherVersion(_)), "{error}");
    }
}

#[test]
fn blobs_are_all_that_a_record_names_but_roots_and_settings() {
    let named: Vec<Digest> = records().iter().flat_map(AuditRecord::blobs).collect();
    let expected = [
        "evidence",
        "exchange",
        "policy",
        "document",
        "manifest",
        "seen",
        "reference",
        "collateral",
        "p",
        "r",
        "c",
        "revoked",
    ];
    assert_eq!(named, expected.map(digest));
}

#[test]
fn name_that_nobody_has_is_refused() {
    let long = "x".repeat(Registration::LONGEST_NAME + 1);
    let spoilers: [fn(&mut Registration, String); 4] = [
        |it, long| it.by = long,
        |it, long| it.approved_by = Some(long),
        |it, long| it.tenant = Some(long),
        |it, long| it.name = long,
    ];
    for spoil in spoilers {
        let mut registration = registration(Registered::PolicyRemoved {});
        spoil(&mut registration, long.clone());
        let error = Entry::new(AuditRecord::Registered(registration)).expect_err("too long");
        assert!(matches!(error, EntryError::LongName), "{error}");
    }
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
        (text.replace("\"time\":2", "\"time\":2.0"), "number"),
        (
            text.replace("\"simulated\"", "\"\\u0073imulated\""),
            "escape",
        ),
        (
            text.replace("\"version\":2", "\"version\":3"),
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
    let verdict = entry(AuditRecord::Verdict(Box::new(verdict())));
    let text = std::str::from_utf8(verdict.as_bytes()).expect("JSON");
    let manifest = format!("\"manifest\":\"{}\",", Digest::of(b"manifest"));
    for (changed, why) in [
        (text.replace(&manifest, ""), "before there was a manifest"),
        (
            text.replace("\"version\":2}", "\"version\":3}"),
            "version 3",
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
    damaged(text.replace("\"version\":2}", "\"version\":3} "));
    damaged("[]".to_owned());
    damaged(text[1..].to_owned());
}

#[test]
fn record_too_long_for_an_entry_bundle_is_refused() {
    let mut long = verdict();
    long.ruleset = "r".repeat(65_535);
    let refused = Entry::new(AuditRecord::Verdict(Box::new(long)));
    assert!(matches!(refused, Err(EntryError::TooLong(length)) if length > 65_535));
}

#[test]
fn record_with_a_number_that_canonical_json_rounds_is_refused() {
    let at = |time| {
        Entry::new(AuditRecord::Registered(Registration {
            time,
            ..registration(Registered::PolicyRemoved {})
        }))
    };
    assert!(at(1 << 53).is_ok());
    assert!(matches!(at((1 << 53) + 1), Err(EntryError::Rounded)));
    assert!(matches!(at(u64::MAX), Err(EntryError::Rounded)));
}
