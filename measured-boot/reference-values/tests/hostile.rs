//! Whatever the bytes: no panic, no memory beyond a small factor of them, and nothing is overlooked.

mod support;

use measured_boot_reference_values::{CorimRejection, ReferenceSet, Signed, VerifyingKey, scan};
use proptest::prelude::*;
use serde_cbor::Value;
use std::sync::LazyLock;
use support::{Key, NOW};
use tests_heap::peak_of;

/// What opening may allocate at once, for each byte of the file and besides.
const FACTOR: usize = 4;
const BESIDES: usize = 16 << 10;

/// Made once: the curve's arithmetic would take most of the time.
fn public() -> &'static VerifyingKey {
    static KEY: LazyLock<VerifyingKey> = LazyLock::new(|| Key::of(1).public());
    &KEY
}

fn open(document: &[u8]) -> Result<Signed, CorimRejection> {
    let (opened, peak) = peak_of(|| Signed::open(document, public(), NOW));
    assert!(
        peak <= FACTOR * document.len() + BESIDES,
        "{peak} bytes for {}",
        document.len()
    );
    opened
}

/// Reads a CoRIM whose signature is not asked for, and holds it to being written again as it was.
fn read(corim: &[u8]) -> Option<ReferenceSet> {
    let (read, peak) = peak_of(|| ReferenceSet::from_corim(corim, 0));
    assert!(
        peak <= FACTOR * corim.len() + BESIDES,
        "{peak} bytes for {}",
        corim.len()
    );
    let set = read.ok()?;
    let key = Key::of(1).public();
    let again = set
        .unsigned("again", &key)
        .expect("what is read can be written");
    assert_eq!(again.payload(), corim);
    Some(set)
}

fn corim(set: &ReferenceSet) -> Vec<u8> {
    let unsigned = set.unsigned("again", public());
    unsigned.expect("a set").payload().to_vec()
}

fn sets() -> [ReferenceSet; 3] {
    [support::snp(), support::tdx(), support::simulated()]
}

#[test]
fn document_with_a_bit_of_any_byte_flipped_is_refused() {
    let document = Key::of(1).document(&support::snp());
    for place in 0..document.len() {
        let mut flipped = document.clone();
        flipped[place] ^= 1 << (place % 8);
        assert!(open(&flipped).is_err(), "byte {place}");
    }
}

#[test]
fn document_cut_off_or_followed_by_anything_is_malformed() {
    let document = Key::of(1).document(&support::snp());
    for length in 0..document.len() {
        let refused = open(&document[..length]);
        assert!(matches!(refused, Err(CorimRejection::Cbor(_))), "{length}");
    }
    let refused = open(&[document.as_slice(), &[0]].concat());
    assert!(matches!(refused, Err(CorimRejection::Cbor(_))));
}

#[test]
fn corim_with_any_bit_flipped_is_refused_or_says_something_else() {
    for set in sets() {
        let corim = corim(&set);
        assert_eq!(read(&corim).as_ref(), Some(&set));
        for place in 0..corim.len() {
            for bit in 0..8 {
                let mut changed = corim.clone();
                changed[place] ^= 1 << bit;
                assert_ne!(read(&changed).as_ref(), Some(&set), "bit {bit} of {place}");
            }
        }
    }
}

/// Whatever is put in, left out or put elsewhere: it is refused, or it is another set that is read.
#[test]
fn corim_with_any_part_added_or_removed_is_refused() {
    for set in sets() {
        let whole: Value = serde_cbor::from_slice(&corim(&set)).expect("CBOR");
        let all = variants(&whole);
        assert!(all.len() > 100);
        for variant in all {
            let bytes = serde_cbor::to_vec(&variant).expect("CBOR");
            assert_ne!(read(&bytes).as_ref(), Some(&set));
        }
    }
}

/// The value with one thing in it other than it was: each place in turn, those in nested documents too.
fn variants(value: &Value) -> Vec<Value> {
    let mut all = vec![
        Value::Integer(77),
        Value::Text("x".to_owned()),
        Value::Array(vec![]),
        Value::Map([].into()),
    ];
    all.retain(|other| other != value);
    match value {
        Value::Array(items) => {
            for place in 0..items.len() {
                let mut less = items.clone();
                less.remove(place);
                let mut more = items.clone();
                more.insert(place, items[place].clone());
                all.extend([less, more].map(Value::Array));
                all.extend(variants(&items[place]).into_iter().map(|variant| {
                    let mut items = items.clone();
                    items[place] = variant;
                    Value::Array(items)
                }));
            }
        }
        Value::Map(entries) => {
            for key in (0..16)
                .map(Value::Integer)
                .chain([Value::Integer(-1), Value::Text("x".to_owned())])
            {
                let mut changed = entries.clone();
                if changed.remove(&key).is_none() {
                    changed.insert(key, Value::Integer(0));
                }
                all.push(Value::Map(changed));
            }
            for (key, value) in entries {
                all.extend(variants(value).into_iter().map(|variant| {
                    let mut entries = entries.clone();
                    entries.insert(key.clone(), variant);
                    Value::Map(entries)
                }));
            }
        }
        Value::Tag(tag, value) => {
            all.push((**value).clone());
            all.push(Value::Tag(tag + 1, value.clone()));
            all.extend(
                variants(value)
                    .into_iter()
                    .map(|variant| Value::Tag(*tag, Box::new(variant))),
            );
        }
        Value::Bytes(bytes) => {
            all.push(Value::Bytes([bytes.as_slice(), &[0]].concat()));
            if let Ok(nested) = serde_cbor::from_slice::<Value>(bytes) {
                let encoded = |variant| Value::Bytes(serde_cbor::to_vec(&variant).expect("CBOR"));
                all.extend(variants(&nested).into_iter().map(encoded));
            }
        }
        Value::Text(text) => all.push(Value::Text(format!("{text}x"))),
        Value::Integer(number) => all.push(Value::Integer(number + 1)),
        _ => {}
    }
    all
}

#[test]
fn file_of_many_small_items_allocates_little() {
    let mut many = b"\xD8\x12\x84\x40\xA0\x5A\x00\x0F\xFF\x00".to_vec();
    many.resize(many.len() + 0xF_FF00, 0x80);
    assert!(open(&many).is_err());
    let comid = b"\xD9\x01\xFA\x41\x80".as_slice();
    for count in [256_u32, 100_000] {
        let mut list = b"\xD9\x01\xF5\xA2\x00\x60\x01".to_vec();
        match u16::try_from(count) {
            Ok(count) => list.extend([&[0x99], count.to_be_bytes().as_slice()].concat()),
            Err(_) => list.extend([&[0x9A], count.to_be_bytes().as_slice()].concat()),
        }
        list.extend(comid.repeat(count.try_into().expect("64 bits")));
        assert_eq!(scan(&list, 0), Ok(()));
        assert_eq!(read(&list), None);
    }
}

/// The largest set: what is read of a file is kept until all of it is.
#[test]
fn document_of_as_many_launches_as_can_be_allocates_no_more() {
    let launches = |count| (1..=count).map(|vcpus| support::launch(vcpus, 7)).collect();
    for set in sets() {
        let set = ReferenceSet {
            alternatives: launches(256),
            ..set
        };
        let signed = open(&Key::of(1).document(&set)).expect("it opens");
        assert_eq!(signed.set, set);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn documents_with_pieces_replaced_never_panic(
        which in 0usize..3,
        pieces in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::collection::vec(any::<u8>(), 0..4)), 1..4),
    ) {
        let set = &sets()[which];
        let mut corim = corim(set);
        for (from, to, with) in pieces {
            let from = from.index(corim.len());
            let to = (from + to.index(4)).min(corim.len());
            corim.splice(from..to, with);
            if corim.is_empty() {
                corim.push(0);
            }
        }
        read(&corim);
        prop_assert!(open(&corim).is_err());
    }
}
