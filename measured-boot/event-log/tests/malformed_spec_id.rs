//! Spec ID events, with which crypto-agile logs begin, that are not what they must be.

mod support;

use measured_boot_event_log::{Algorithm, LogRule};
use support::{Made, NO_ACTION, SEPARATOR, ZEROS, hash, read, refused, spec_id, with};

const SHA1: (u16, u16) = (0x04, 20);
const SHA256: (u16, u16) = (0x0B, 32);

fn spec(pairs: &[(u16, u16)], vendor_length: u8, vendor: &[u8]) -> Vec<u8> {
    let data = spec_id(pairs, vendor_length, vendor);
    let mut log = Made::with_spec_id(0, &data, &[0x04]);
    log.event(7, SEPARATOR, &ZEROS);
    log.bytes
}

const DATA: usize = 32;
const COUNT: usize = DATA + 24;
const PAIRS: usize = DATA + 28;

#[test]
fn spec_id_of_another_version_index_or_digest_is_refused() {
    let made = Made::agile();
    let version = |major, minor| LogRule::SpecIdVersion { major, minor };
    let at = DATA + 20;
    assert_eq!(refused(&with(&made, at, &[1])), (at, version(2, 1)));
    assert_eq!(refused(&with(&made, at + 1, &[1])), (at, version(1, 0)));
    assert_eq!(refused(&with(&made, 0, &[2])), (0, LogRule::SpecIdIndex(2)));
    assert_eq!(refused(&with(&made, 27, &[1])), (8, LogRule::SpecIdDigest));
}

#[test]
fn spec_id_with_algorithms_that_cannot_be_is_refused() {
    let made = Made::agile();
    for count in [0, 3, 17, u32::MAX] {
        let spoilt = with(&made, COUNT, &count.to_le_bytes());
        assert_eq!(
            refused(&spoilt),
            (COUNT, LogRule::SpecIdAlgorithmCount(count))
        );
    }
    let many: Vec<(u16, u16)> = (0x100..0x111).map(|number| (number, 32)).collect();
    assert_eq!(
        refused(&spec(&many, 0, &[])),
        (COUNT, LogRule::SpecIdAlgorithmCount(17))
    );
    let sixteen = Made::with_spec_id(0, &spec_id(&many[..16], 0, &[]), &[]);
    assert!(read(&sixteen.bytes).is_ok());
    let size = |number, size| LogRule::SpecIdDigestSize {
        algorithm: Algorithm(number),
        size,
    };
    assert_eq!(refused(&spec(&[(4, 19)], 0, &[])), (PAIRS + 2, size(4, 19)));
    for unknown in [0, 15, 129] {
        let bytes = spec(&[SHA1, (0x99, unknown)], 0, &[]);
        assert_eq!(refused(&bytes), (PAIRS + 6, size(0x99, unknown)));
    }
    let twice = LogRule::AlgorithmTwice(Algorithm::SHA1);
    assert_eq!(
        refused(&spec(&[SHA1, SHA256, SHA1], 0, &[])),
        (PAIRS + 8, twice)
    );
    assert!(read(&spec(&[SHA1, (0x99, 16)], 0, &[])).is_ok());
}

/// An unknown algorithm keeps its declared size and is not replayed.
#[test]
fn algorithm_that_is_not_known_is_read_and_named() {
    let mut log = Made::with_spec_id(0, &spec_id(&[SHA1, (0x99, 16)], 0, &[]), &[]);
    log.bytes
        .extend([7u32, SEPARATOR, 2].map(u32::to_le_bytes).concat());
    log.bytes.extend([0x99, 0].iter().chain(&[0xAB; 16]));
    log.bytes
        .extend([0x04, 0].iter().chain(&hash(0x04, &ZEROS)));
    log.bytes.extend([4, 0, 0, 0, 0, 0, 0, 0]);
    let log = read(&log.bytes).expect("well formed");
    assert_eq!(log.events[1].digest(Algorithm(0x99)), Some(&[0xAB; 16][..]));
    let replay = log.replay();
    assert_eq!(replay.not_replayed, [Algorithm(0x99)]);
    assert_eq!(replay.banks.len(), 1);
}

#[test]
fn spec_id_whose_vendor_bytes_end_neither_with_it_nor_behind_it_is_refused() {
    let said_at = PAIRS + 4;
    let rule = |said, left| LogRule::SpecIdVendorInfo { said, left };
    assert_eq!(refused(&spec(&[SHA1], 1, b"ab")), (said_at, rule(1, 2)));
    assert_eq!(refused(&spec(&[SHA1], 0, b"a")), (said_at, rule(0, 1)));
    assert_eq!(refused(&spec(&[SHA1], 3, b"ab")), (said_at, rule(3, 2)));
    let inside = spec(&[SHA1], 2, b"ab");
    let id = read(&inside).expect("well formed").spec_id.expect("agile");
    assert_eq!(
        (id.vendor_info, id.vendor_info_outside),
        (&b"ab"[..], false)
    );
    // Behind the event there must be all of them.
    let data = spec_id(&[SHA1], 4, &[]);
    let short = Made::with_spec_id(0, &data, &[]).bytes;
    let whole = [short.clone(), b"abcd".to_vec()].concat();
    let id = read(&whole).expect("well formed").spec_id.expect("agile");
    assert_eq!(
        (id.vendor_info, id.vendor_info_outside),
        (&b"abcd"[..], true)
    );
    assert!(matches!(
        refused(&short).1,
        LogRule::Truncated {
            wanted: 4,
            left: 0,
            ..
        }
    ));
}

#[test]
fn second_spec_id_is_refused() {
    let mut made = Made::agile();
    let at = made.event(0, NO_ACTION, &spec_id(&[SHA1], 0, &[]));
    assert_eq!(refused(&made.bytes), (at, LogRule::SpecIdAgain));
    let mut legacy = Made::legacy();
    legacy.event(0, 8, b"version");
    let at = legacy.event(0, NO_ACTION, &spec_id(&[SHA1], 0, &[]));
    assert_eq!(refused(&legacy.bytes), (at, LogRule::SpecIdAgain));
}
