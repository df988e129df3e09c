//! Keys, notes and checkpoints against other implementations' published examples.

use attestation_ledger::{
    CheckpointError, Hash, KeyError, NoteError, SignedNote, SigningKey, TreeHead, VerifyingKey,
    sign_note,
};

// The example of golang.org/x/mod/sumdb/note's package documentation and tests.
const VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SKEY: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const SIGNATURE: &str = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuG\
                         UgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

/// The example of c2sp.org/signed-note, whose key is not published: the text has empty lines.
const SONNET: &str = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\n\
    ed \u{e8} subito sera.\n\n\u{2014} quasimodo.example/salvatore \
    NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n";

fn vkey() -> VerifyingKey {
    VKEY.parse().expect("the published key")
}

fn note() -> String {
    format!("{TEXT}\n{SIGNATURE}")
}

fn open(note: &str, key: &VerifyingKey) -> Result<String, NoteError> {
    SignedNote::parse(note)?.open(key).map(str::to_owned)
}

fn log_key() -> SigningKey {
    SigningKey::from_seed("example.com/log", &[7; 32]).expect("a good name")
}

/// A checkpoint text of our choice, freshly and validly signed.
fn signed(text: &str) -> String {
    sign_note(text, &log_key()).expect("the text can stand in a note")
}

#[test]
fn verifying_key_published_by_go_round_trips() {
    assert_eq!(vkey().to_string(), VKEY);
    assert_eq!(vkey().name(), "PeterNeumann");
    assert_eq!(vkey().id(), [0xc7, 0x4f, 0x20, 0xa3]);
}

#[test]
fn verifying_key_with_any_part_missing_or_changed_is_refused() {
    for start in 0..VKEY.len() {
        for end in start..=VKEY.len() {
            if (start, end) != (0, VKEY.len()) {
                assert!(
                    VKEY[start..end].parse::<VerifyingKey>().is_err(),
                    "{start}..{end}"
                );
            }
        }
    }
    for place in 0..VKEY.len() {
        let mut bytes = VKEY.as_bytes().to_vec();
        bytes[place] += 1;
        let text = String::from_utf8(bytes).expect("ASCII");
        assert!(text.parse::<VerifyingKey>().is_err(), "{text}");
    }
    // Of the right id for what follows it, but of another length or type (the Go tests' own cases).
    let longer = "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==";
    assert!(longer.parse::<VerifyingKey>().is_err());
    let other = "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let refused = other
        .parse::<VerifyingKey>()
        .expect_err("not an Ed25519 key");
    assert_eq!(refused, KeyError::UnknownType("PeterNeumann".to_owned()));
    assert!(
        VKEY.replace("c74f20a3", "C74F20A3")
            .parse::<VerifyingKey>()
            .is_err()
    );
}

#[test]
fn signing_key_published_by_go_makes_the_published_note() {
    let key: SigningKey = SKEY.parse().expect("the published key");
    assert_eq!(key.verifying_key(), vkey());
    assert_eq!(sign_note(TEXT, &key), Ok(note()));
}

#[test]
fn signing_key_text_round_trips_and_is_not_debugged() {
    let text = SigningKey::to_text("example.com/log", &[7; 32]).expect("a good name");
    let key: SigningKey = text.parse().expect("the key just written");
    assert_eq!(key.verifying_key(), log_key().verifying_key());
    assert_eq!(format!("{key:?}"), "SigningKey(example.com/log)");
    assert!(text.replacen("+A", "+B", 1).parse::<SigningKey>().is_err());
    assert!(VKEY.parse::<SigningKey>().is_err());
}

#[test]
fn key_name_with_space_plus_or_nothing_is_refused() {
    for name in ["", "a b", "a+b", "a\nb", "a\u{2003}b", "a\u{0}b"] {
        let refused = SigningKey::from_seed(name, &[7; 32]).expect_err("a bad name");
        assert_eq!(refused, KeyError::BadName(name.to_owned()));
    }
}

#[test]
fn note_published_by_go_opens() {
    assert_eq!(open(&note(), &vkey()).as_deref(), Ok(TEXT));
}

#[test]
fn note_of_an_unknown_key_is_parsed_but_not_opened() {
    let sonnet = SignedNote::parse(SONNET).expect("the specification's example");
    assert_eq!(sonnet.signature_count(), 1);
    assert!(matches!(
        sonnet.open(&vkey()),
        Err(NoteError::NotSigned { .. })
    ));
}

#[test]
fn note_with_any_byte_changed_is_refused() {
    let note = note();
    for place in 0..note.len() {
        for bit in 0..8 {
            let mut bytes = note.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(open(&changed, &vkey()).is_err(), "byte {place} bit {bit}");
            }
        }
    }
}

#[test]
fn note_cut_short_or_with_trailing_data_is_refused() {
    let note = note();
    for (end, _) in note.char_indices() {
        assert!(open(&note[..end], &vkey()).is_err(), "cut at {end}");
    }
    for tail in [
        "\n",
        "\n\n",
        " ",
        "x",
        "\u{2014} x\n",
        "\u{2014} PeterNeumann x08goA==\n",
    ] {
        assert!(open(&format!("{note}{tail}"), &vkey()).is_err(), "{tail:?}");
    }
}

#[test]
fn note_with_other_keys_signatures_opens_and_counts_them() {
    let other = "\u{2014} witness.example AAAAAAA=\n";
    let both = format!("{TEXT}\n{other}{SIGNATURE}{other}");
    assert_eq!(open(&both, &vkey()).as_deref(), Ok(TEXT));
    assert_eq!(
        SignedNote::parse(&both).map(|note| note.signature_count()),
        Ok(3)
    );
}

#[test]
fn note_with_a_signature_line_of_another_form_is_refused() {
    for line in [
        "\u{2014}  AAAAAAA=\n",
        "\u{2014} a+b AAAAAAA=\n",
        "\u{2014} a\u{2003}b AAAAAAA=\n",
        "\u{2014} a b AAAAAAA=\n",
        "- witness.example AAAAAAA=\n",
        "\u{2014} witness.example AAAAAA==\n",
        "\u{2014} witness.example AAAAAAA\n",
    ] {
        let both = format!("{TEXT}\n{line}{SIGNATURE}");
        assert!(
            matches!(open(&both, &vkey()), Err(NoteError::Malformed(_))),
            "{line:?}"
        );
    }
}

#[test]
fn note_with_one_good_and_one_bad_signature_of_the_key_is_refused() {
    let bad = SIGNATURE.replace("ZJkuBS", "ZJkuBT");
    let both = format!("{TEXT}\n{SIGNATURE}{bad}");
    assert_eq!(
        open(&both, &vkey()),
        Err(NoteError::BadSignature("PeterNeumann".to_owned()))
    );
}

#[test]
fn note_with_more_than_64_signatures_is_refused() {
    let other = "\u{2014} witness.example AAAAAAA=\n";
    let full = format!("{TEXT}\n{}{SIGNATURE}", other.repeat(63));
    assert_eq!(open(&full, &vkey()).as_deref(), Ok(TEXT));
    assert!(open(&format!("{full}{other}"), &vkey()).is_err());
}

#[test]
fn text_that_cannot_stand_in_a_note_is_not_signed() {
    for text in ["", "no newline", "tab\there\n", "return\r\n"] {
        assert!(sign_note(text, &log_key()).is_err(), "{text:?}");
    }
}

#[test]
fn checkpoint_signed_here_opens_with_the_same_key_only() {
    let head = TreeHead {
        size: 3,
        root: Hash::leaf(b"root"),
    };
    let checkpoint = head.sign(&log_key());
    assert_eq!(
        TreeHead::open(&checkpoint, &log_key().verifying_key()),
        Ok(head)
    );
    let impostor = SigningKey::from_seed("example.com/log", &[8; 32]).expect("a good name");
    assert!(matches!(
        TreeHead::open(&checkpoint, &impostor.verifying_key()),
        Err(CheckpointError::Note(NoteError::NotSigned { .. }))
    ));
}

#[test]
fn checkpoint_of_another_origin_is_refused() {
    let checkpoint = signed(&format!("example.com/other\n3\n{}\n", Hash::leaf(b"root")));
    assert!(matches!(
        TreeHead::open(&checkpoint, &log_key().verifying_key()),
        Err(CheckpointError::WrongOrigin { .. })
    ));
}

#[test]
fn checkpoint_with_a_second_spelling_is_refused_though_signed() {
    let root = Hash::leaf(b"root").to_string();
    let unpadded = root.trim_end_matches('=');
    for text in [
        format!("example.com/log\n03\n{root}\n"),
        format!("example.com/log\n+3\n{root}\n"),
        format!("example.com/log\n-1\n{root}\n"),
        format!("example.com/log\n 3\n{root}\n"),
        format!("example.com/log\n18446744073709551616\n{root}\n"),
        format!("example.com/log\n3\n{unpadded}\n"),
        format!("example.com/log\n3\n{root} \n"),
        "example.com/log\n3\nAAAA\n".to_owned(),
        format!("example.com/log\n3\n{root}\nextension\n"),
        format!("example.com/log\n3\n{root}\n\n"),
        "example.com/log\n3\n".to_owned(),
    ] {
        let refused = TreeHead::open(&signed(&text), &log_key().verifying_key());
        assert_eq!(refused, Err(CheckpointError::Malformed), "{text:?}");
    }
}
