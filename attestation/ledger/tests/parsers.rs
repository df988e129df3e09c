//! Parsers of untrusted bytes: they never panic, and what they accept has one spelling.

use attestation_ledger::{
    Digest, Entry, LogProof, SignedNote, SigningKey, TreeHead, VerifyingKey, decode_entry_bundle,
    encode_entry_bundle,
};
use proptest::prelude::*;

/// Text made of the pieces that these formats are made of, so that some of it parses.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "c2sp.org/tlog-proof@v1",
        "extra ",
        "index ",
        "\n",
        "\n\n",
        " ",
        "+",
        "\u{2014} ",
        "0",
        "1",
        "00",
        "3",
        "log",
        "example.com/log",
        "AQ==",
        "AAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "=",
        "c74f20a3",
        "PRIVATE+KEY+",
        "{",
        "}",
        "\u{e9}",
        "\u{0}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn key() -> VerifyingKey {
    SigningKey::from_seed("log", &[7; 32])
        .expect("a good name")
        .verifying_key()
}

proptest! {
    #[test]
    fn proof_that_parses_is_written_as_it_came(text in pieces()) {
        let text = format!("c2sp.org/tlog-proof@v1\nindex {text}");
        if let Ok(proof) = LogProof::parse(&text) {
            prop_assert_eq!(proof.to_string(), text);
            prop_assert!(proof.verified_entry(&key()).is_err());
        }
    }

    #[test]
    fn note_of_pieces_is_never_believed(text in pieces()) {
        prop_assert!(TreeHead::open(&text, &key()).is_err());
        if let Ok(note) = SignedNote::parse(&text) {
            prop_assert!(note.open(&key()).is_err());
        }
    }

    #[test]
    fn key_that_parses_is_written_as_it_came(text in pieces()) {
        if let Ok(key) = text.parse::<VerifyingKey>() {
            prop_assert_eq!(&key.to_string(), &text);
        }
        prop_assert!(text.parse::<SigningKey>().is_err());
    }

    #[test]
    fn entry_bundle_that_decodes_is_encoded_as_it_came(bytes in prop::collection::vec(0u8..3, 0..64)) {
        if let Ok(entries) = decode_entry_bundle(&bytes) {
            prop_assert_eq!(encode_entry_bundle(entries), Ok(bytes));
        }
    }

    #[test]
    fn entry_of_arbitrary_bytes_is_refused(bytes in any::<Vec<u8>>(), text in pieces()) {
        prop_assert!(Entry::from_bytes(&bytes).is_err());
        prop_assert!(Entry::from_bytes(text.as_bytes()).is_err());
        prop_assert!(text.parse::<Digest>().is_err());
    }
}
