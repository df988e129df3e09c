//! What is and is not a disk secret.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;

use measured_boot_disk::{DiskLayout, DiskSecret, DiskSecretError, FileSystem, LayoutError};
use proptest::prelude::*;
use serde_json::{Value, json};
use zeroize::Zeroizing;

const KEY: [u8; 64] = {
    let mut key = [0x11; 64];
    key[0] = 0xc0;
    key
};

const MEMBERS: [&str; 9] = [
    "version",
    "crypt_key",
    "verity_root_hash",
    "verity_salt",
    "data_blocks",
    "block_size",
    "hash_start_block",
    "file_system",
    "crypt_sectors",
];

fn secret() -> DiskSecret {
    let layout = DiskLayout::new(512).unwrap();
    DiskSecret::new(Zeroizing::new(KEY), [0xab; 32], vec![0xcd; 32], layout).unwrap()
}

fn json_of(secret: &DiskSecret) -> Value {
    serde_json::from_slice(&secret.to_json()).unwrap()
}

fn parse(value: &Value) -> Result<DiskSecret, DiskSecretError> {
    DiskSecret::from_json(value.to_string().as_bytes())
}

/// The valid secret with one member set to something else.
fn with(member: &str, value: Value) -> Result<DiskSecret, DiskSecretError> {
    let mut json = json_of(&secret());
    json[member] = value;
    parse(&json)
}

#[test]
fn secret_json_has_the_documented_members() {
    let expected = json!({
        "version": 1,
        "crypt_key": hex::encode(KEY),
        "verity_root_hash": "ab".repeat(32),
        "verity_salt": "cd".repeat(32),
        "data_blocks": 512,
        "block_size": 4096,
        "hash_start_block": 513,
        "file_system": "ext4",
        "crypt_sectors": (512 + 1 + 4 + 1) * 8,
    });
    assert_eq!(json_of(&secret()), expected);
}

#[test]
fn secret_json_round_trip_keeps_everything() {
    let read = DiskSecret::from_json(&secret().to_json()).unwrap();
    assert_eq!(read.crypt_key(), &KEY);
    assert_eq!(read.verity_root_hash(), &[0xab; 32]);
    assert_eq!(read.verity_salt(), [0xcd; 32]);
    assert_eq!(read.layout(), DiskLayout::new(512).unwrap());
    assert_eq!(read.file_system(), FileSystem::Ext4);
}

#[test]
fn secret_tables_are_what_device_mapper_reads() {
    assert_eq!(
        *secret().crypt_table("254:0"),
        format!("aes-xts-plain64 {} 0 254:0 0", hex::encode(KEY))
    );
    assert_eq!(
        secret().verity_table("253:0"),
        format!(
            "1 253:0 253:0 4096 4096 512 513 sha256 {} {}",
            "ab".repeat(32),
            "cd".repeat(32)
        )
    );
    assert_eq!(secret().verity_sectors(), 512 * 8);
}

#[test]
fn secret_debug_shows_no_key_hash_or_salt() {
    let text = format!("{:?}", secret());
    assert!(text.contains("DiskSecret"));
    for hidden in ["11, 11", "17, 17", "1111", "abab", "171", "cdcd", "205"] {
        assert!(!text.contains(hidden), "{text}");
    }
}

#[test]
fn secret_unknown_member_refused() {
    assert!(matches!(
        with("comment", json!("x")),
        Err(DiskSecretError::Json { .. })
    ));
}

#[test]
fn secret_any_missing_member_refused() {
    let whole = json_of(&secret());
    for member in whole.as_object().unwrap().keys() {
        let mut json = whole.clone();
        json.as_object_mut().unwrap().remove(member);
        assert!(
            matches!(parse(&json), Err(DiskSecretError::Json { .. })),
            "{member}"
        );
    }
}

#[test]
fn secret_member_twice_refused() {
    let json = String::from_utf8(secret().to_json().to_vec()).unwrap();
    let twice = json.replacen('{', "{\"version\":1,", 1);
    assert!(matches!(
        DiskSecret::from_json(twice.as_bytes()),
        Err(DiskSecretError::Json { .. })
    ));
}

#[test]
fn secret_with_trailing_bytes_refused() {
    let mut json = secret().to_json().to_vec();
    json.extend_from_slice(b"{}");
    assert!(matches!(
        DiskSecret::from_json(&json),
        Err(DiskSecretError::Json { .. })
    ));
}

#[test]
fn secret_of_another_version_or_block_size_refused() {
    assert!(matches!(
        with("version", json!(2)),
        Err(DiskSecretError::Version(2))
    ));
    assert!(matches!(
        with("block_size", json!(512)),
        Err(DiskSecretError::BlockSize(512))
    ));
    assert!(matches!(
        with("file_system", json!("xfs")),
        Err(DiskSecretError::Json { .. })
    ));
}

#[test]
fn secret_byte_strings_of_another_length_refused() {
    for (member, digits) in [
        ("crypt_key", 126),
        ("crypt_key", 130),
        ("verity_root_hash", 62),
    ] {
        let error = with(member, json!("3".repeat(digits)));
        assert!(matches!(error, Err(DiskSecretError::FieldSize { field, .. }) if field == member));
    }
    for bytes in [0, 257] {
        assert!(with("verity_salt", json!("ab".repeat(bytes))).is_err());
    }
    with("verity_salt", json!("ab".repeat(256))).unwrap();
}

#[test]
fn secret_bytes_spelled_another_way_refused() {
    for digits in [
        "AB".repeat(32),
        "ab".repeat(31) + "a",
        "zz".repeat(32),
        "0x".repeat(32),
    ] {
        assert!(matches!(
            with("verity_root_hash", json!(digits)),
            Err(DiskSecretError::Json { .. })
        ));
    }
}

#[test]
fn secret_refused_names_the_fault_and_its_place() {
    let error = DiskSecret::from_json(b"{\"version\":\"1\"}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the disk secret is not the expected JSON: a missing, unknown, repeated or ill-formed \
         member at line 1, column 14"
    );
}

#[test]
fn secret_key_of_equal_halves_refused() {
    let equal = with("crypt_key", json!("00".repeat(64)));
    assert!(matches!(equal, Err(DiskSecretError::WeakKey)));
}

#[test]
fn secret_sizes_that_contradict_each_other_refused() {
    for (member, value) in [
        ("hash_start_block", 512),
        ("crypt_sectors", 4136),
        ("data_blocks", 500),
    ] {
        assert!(
            matches!(
                with(member, json!(value)),
                Err(DiskSecretError::Inconsistent { .. })
            ),
            "{member}"
        );
    }
    for blocks in [0, 1, u64::MAX] {
        let error = with("data_blocks", json!(blocks));
        assert!(matches!(
            error,
            Err(DiskSecretError::Layout(LayoutError::DataBlocks(_)))
        ));
    }
}

/// All that a program prints of an error.
fn chain(error: &DiskSecretError) -> String {
    std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| {
        error.source()
    })
    .map(|error| format!("{error}\n{error:?}\n"))
    .collect()
}

proptest! {
    /// The texts are of letters and digits that no message has in this order: four of them in what
    /// is printed come from the secret.
    #[test]
    fn secret_refused_shows_nothing_of_its_texts(
        text in "[qxz]{4,12}|[A-F]{8,128}|[7-9]{128}",
        member in prop::sample::select(MEMBERS.as_slice()),
        number in -9_999_999_i64..-7_000_000,
        shape in 0..7,
    ) {
        let mut json = json_of(&secret());
        match shape {
            0 => json[member] = json!(text),
            1 => json[member] = json!([text]),
            2 => json[member] = json!({ &text: text }),
            3 => json[&text] = json!(1),
            4 => json = json!(text),
            5 => json[member] = json!(number),
            _ => json = json!([text]),
        }
        if let Err(error) = parse(&json) {
            let shown = chain(&error);
            let hidden = format!("{text} {number}");
            for part in hidden.as_bytes().windows(4) {
                let part = std::str::from_utf8(part).unwrap();
                prop_assert!(!shown.contains(part), "{} in {}", part, shown);
            }
        }
    }

    #[test]
    fn secret_from_any_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _refused = DiskSecret::from_json(&bytes);
    }

    /// Whatever is accepted is written back as it was.
    #[test]
    fn secret_with_one_byte_changed_is_refused_or_kept(at in 0_usize..424, byte in 0x20_u8..0x7f) {
        let mut json = secret().to_json().to_vec();
        prop_assume!(at < json.len());
        json[at] = byte;
        if let Ok(read) = DiskSecret::from_json(&json) {
            let written: Value = serde_json::from_slice(&read.to_json()).unwrap();
            prop_assert_eq!(written, serde_json::from_slice::<Value>(&json).unwrap());
        }
    }
}
