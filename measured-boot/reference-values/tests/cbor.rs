//! CBOR that could be written in another way, or read in another way, is refused where it happens.

use measured_boot_reference_values::{CborRule, MAX_BYTES, MAX_DEPTH, scan};
use proptest::prelude::*;
use serde_cbor::Value;
use tests_heap::peak_of;

fn refused(bytes: &[u8]) -> Option<(usize, CborRule)> {
    let fault = scan(bytes, 0).err();
    fault.map(|fault| (fault.offset, fault.rule))
}

#[test]
fn cbor_in_its_one_form_is_taken() {
    let good: [&[u8]; 12] = [
        b"\x00",
        b"\x17",
        b"\x18\x18",
        b"\x19\x01\x00",
        b"\x1A\x00\x01\x00\x00",
        b"\x1B\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x44abcd",
        "\u{62}ä".as_bytes(),
        b"\x82\x80\xA0",
        b"\xA3\x01\x02\x20\x02\x61a\x02",
        b"\xD9\x01\xF5\x00",
    ];
    for bytes in good {
        assert_eq!(refused(bytes), None, "{bytes:02x?}");
    }
}

#[test]
fn number_that_is_not_shortest_is_refused() {
    let long: [&[u8]; 6] = [
        b"\x81\x18\x17",
        b"\x81\x19\x00\xFF",
        b"\x81\x1A\x00\x00\xFF\xFF",
        b"\x81\x1B\x00\x00\x00\x00\xFF\xFF\xFF\xFF",
        b"\x81\x58\x01a",
        b"\x81\xD8\x12\x00",
    ];
    for bytes in long {
        assert_eq!(
            refused(bytes),
            Some((1, CborRule::NotShortest)),
            "{bytes:02x?}"
        );
    }
}

#[test]
fn length_left_open_is_refused() {
    for first in [0x5F, 0x7F, 0x9F, 0xBF] {
        assert_eq!(
            refused(&[0x81, first, 0xFF]),
            Some((1, CborRule::Indefinite))
        );
    }
}

#[test]
fn first_byte_without_meaning_is_refused() {
    for first in [0x1C, 0x3D, 0x5E, 0xDC] {
        assert_eq!(
            refused(&[0x81, first]),
            Some((1, CborRule::Reserved(first)))
        );
    }
}

#[test]
fn floats_and_simple_values_are_refused() {
    for first in [0xE0, 0xF4, 0xF5, 0xF6, 0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFF] {
        let bytes = [&[0x81, first], [0; 8].as_slice()].concat();
        assert_eq!(refused(&bytes), Some((1, CborRule::Simple(first))));
    }
}

#[test]
fn length_beyond_the_end_is_refused_before_anything_is_read() {
    let cases: [(&[u8], u64); 6] = [
        (b"\x42a", 2),
        (b"\x62a", 2),
        (b"\x82\x00", 2),
        (b"\xA1\x00", 1),
        (b"\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", u64::MAX),
        (b"\x5B\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", u64::MAX >> 1),
    ];
    for (bytes, says) in cases {
        let left = if bytes.len() == 9 { 0 } else { 1 };
        assert_eq!(
            refused(bytes),
            Some((0, CborRule::Length { says, left })),
            "{bytes:02x?}"
        );
    }
}

#[test]
fn item_cut_off_is_refused() {
    let cut = |wanted, left| CborRule::Truncated { wanted, left };
    assert_eq!(refused(b""), Some((0, cut(1, 0))));
    assert_eq!(refused(b"\x1A\x01\x02"), Some((1, cut(4, 2))));
    assert_eq!(refused(b"\xC1"), Some((1, cut(1, 0))));
}

#[test]
fn key_out_of_order_twice_or_of_another_kind_is_refused() {
    assert_eq!(
        refused(b"\xA2\x02\x00\x01\x00"),
        Some((3, CborRule::KeyOrder))
    );
    assert_eq!(
        refused(b"\xA2\x61a\x00\x01\x00"),
        Some((4, CborRule::KeyOrder))
    );
    assert_eq!(
        refused(b"\xA2\x01\x01\x01\x02"),
        Some((3, CborRule::KeyTwice))
    );
    for key in [b"\x40".as_slice(), b"\x80", b"\xA0", b"\xC1\x00"] {
        let map = [b"\xA1", key, b"\x00"].concat();
        assert_eq!(refused(&map), Some((1, CborRule::KeyKind)), "{key:02x?}");
    }
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    assert_eq!(refused(b"\x81\x61\xFF"), Some((1, CborRule::NotUtf8)));
    assert_eq!(
        refused(b"\x81\x63\xED\xA0\x80"),
        Some((1, CborRule::NotUtf8))
    );
}

#[test]
fn depth_is_bounded_however_deep_the_bytes_go() {
    let nested = |depth: usize, with: u8| [vec![with; depth], vec![0]].concat();
    for with in [0x81, 0xC1] {
        assert_eq!(refused(&nested(MAX_DEPTH, with)), None);
        for depth in [MAX_DEPTH + 1, 100, MAX_BYTES - 1] {
            let at = (MAX_DEPTH + 1, CborRule::TooDeep);
            assert_eq!(refused(&nested(depth, with)), Some(at), "{depth}");
        }
    }
}

#[test]
fn bytes_after_the_item_and_files_too_long_are_refused() {
    assert_eq!(refused(b"\x00\x00\x00"), Some((1, CborRule::Trailing(2))));
    let long = vec![0; MAX_BYTES + 1];
    assert_eq!(refused(&long), Some((0, CborRule::TooLong(MAX_BYTES + 1))));
}

#[test]
fn fault_within_a_nested_document_is_placed_in_the_file() {
    let fault = scan(b"\x82\x00\xF6", 0x100).expect_err("null");
    assert_eq!(
        fault.to_string(),
        "at offset 0x102: a float or a simple value (0xf6), which reference values have none of"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Another library reads what is taken, and has no other way to write it.
    #[test]
    fn bytes_that_are_taken_are_the_only_form_of_what_they_say(bytes in mostly_cbor()) {
        let (scanned, peak) = peak_of(|| scan(&bytes, 0));
        prop_assert_eq!(peak, 0);
        if scanned.is_ok() {
            let value: Value = serde_cbor::from_slice(&bytes).expect("it is CBOR");
            prop_assert_eq!(serde_cbor::to_vec(&value).expect("it can be written"), bytes);
        }
    }
}

/// Bytes that begin items with few things in them, so that many are well-formed.
fn mostly_cbor() -> impl Strategy<Value = Vec<u8>> {
    let head = prop::sample::select(vec![
        0x00, 0x01, 0x17, 0x18, 0x19, 0x20, 0x38, 0x40, 0x41, 0x60, 0x61, 0x80, 0x81, 0x82, 0xA0,
        0xA1, 0xA2, 0xC1, 0xD8, 0xF6,
    ]);
    prop::collection::vec(prop_oneof![4 => head, 1 => any::<u8>()], 0..24)
}
