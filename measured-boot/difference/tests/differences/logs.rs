//! Logs that differ in one event.

use measured_boot_difference::{Shown, event_logs};
use measured_boot_event_log::{Algorithm, Log, ReadOptions};

/// A record of a legacy log: the digest is of `measured`.
fn record(register: u32, kind: u32, data: &[u8], measured: &[u8]) -> Vec<u8> {
    let digest = Algorithm::SHA1.hash(&[measured]).expect("SHA-1 is known");
    let length = u32::try_from(data.len()).expect("it is short");
    let mut record = [register.to_le_bytes(), kind.to_le_bytes()].concat();
    record.extend(digest.as_bytes());
    record.extend(length.to_le_bytes());
    record.extend(data);
    record
}

const IPL: u32 = 0xd;

/// The differences, in words, and what shows the first.
fn said(a: &[Vec<u8>], b: &[Vec<u8>]) -> (Vec<String>, Option<Shown>) {
    let (a, b) = (a.concat(), b.concat());
    let read = |file| Log::read(file, &ReadOptions::default()).expect("a log");
    let differences = event_logs(&read(&a), &read(&b));
    let shown = differences.first().map(|first| first.shown());
    let sentences = differences.iter().map(ToString::to_string);
    (sentences.collect(), shown)
}

#[test]
fn a_file_that_was_read_is_named_by_what_the_event_says() {
    let log = |contents: &[u8]| [record(9, IPL, b"/vmlinuz\0", contents)];
    let (said, _) = said(&log(b"one"), &log(b"another"));
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[1].starts_with("PCR 9, event 0: EV_IPL `\"/vmlinuz\"` is of digest "),
        "{said:?}"
    );
}

#[test]
fn the_order_of_different_registers_is_told_as_what_no_digest_covers() {
    let one = record(8, IPL, b"one", b"one");
    let other = record(9, IPL, b"other", b"other");
    let forth = [one.clone(), other.clone()];
    let (sentences, shown) = said(&forth, &[other, one]);
    assert_eq!(
        sentences,
        [
            "the order of events of different registers is PCR 8 in place 0 in A, PCR 9 in place 0 in B"
        ]
    );
    assert_eq!(shown, Some(Shown::Unmeasured));
    assert_eq!(said(&forth, &forth).0, Vec::<String>::new());
}
