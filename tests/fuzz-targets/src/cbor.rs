//! Deterministic CBOR.

use crate::{Bound, Target};
use measured_boot_reference_values::{CborFault, scan};

/// What is accepted is written as it was read by who knows only the shortest form.
pub const CBOR: Target = Target {
    name: "cbor",
    // Nothing is kept.
    bound: Bound {
        factor: 0,
        constant: 0,
    },
    longest: 2 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    match bound.holds(bytes, || scan(bytes, 0)) {
        Ok(()) => {
            let mut written = Vec::new();
            let rest = copy(bytes, &mut written);
            assert!(rest.is_empty());
            assert_eq!(written, bytes);
            true
        }
        Err(CborFault { offset, .. }) => {
            assert!(offset <= bytes.len());
            false
        }
    }
}

/// Writes the first item anew, and gives what follows it.
fn copy<'a>(bytes: &'a [u8], to: &mut Vec<u8>) -> &'a [u8] {
    let (first, mut rest) = bytes.split_first().expect("an item");
    let width = match first & 0x1F {
        0..=23 => 0,
        wide => 1_usize << (wide - 24),
    };
    let (number, after) = rest.split_at(width);
    rest = after;
    let number = match width {
        0 => u64::from(first & 0x1F),
        _ => number
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    let major = first >> 5;
    head(major, number, to);
    let count = usize::try_from(number).unwrap_or(usize::MAX);
    match major {
        2 | 3 => {
            let (string, after) = rest.split_at(count);
            to.extend(string);
            after
        }
        4 => (0..count).fold(rest, |rest, _| copy(rest, to)),
        5 => (0..2 * count).fold(rest, |rest, _| copy(rest, to)),
        6 => copy(rest, to),
        _ => rest,
    }
}

/// RFC 8949 section 4.2.1: as few bytes as the number needs.
pub(crate) fn head(major: u8, number: u64, to: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let (short, width) = match number {
        0..=23 => (bytes[7], 0),
        24..=0xFF => (24, 1),
        0x100..=0xFFFF => (25, 2),
        0x1_0000..=0xFFFF_FFFF => (26, 4),
        _ => (27, 8),
    };
    to.push(major << 5 | short);
    to.extend(&bytes[8 - width..]);
}
