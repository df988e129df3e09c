//! The certificate table of Linux' extended report.

use crate::builders::{ARK_GUID, ASK_GUID, VCEK_GUID, VLEK_GUID, table};
use attestation_shapes::{CertificateTable, TableError};

#[test]
fn table_gives_each_certificate_its_place() {
    let read = CertificateTable::read(&table(&[
        (VLEK_GUID, b"vlek"),
        (0x11, b"nobody knows"),
        (ASK_GUID, b"ask"),
        (VCEK_GUID, b"vcek"),
        (ARK_GUID, b"ark"),
    ]));
    let read = read.expect("a table");
    assert_eq!(read.vcek.as_deref(), Some(&b"vcek"[..]));
    assert_eq!(read.vlek.as_deref(), Some(&b"vlek"[..]));
    assert_eq!(read.chain, [&b"ask"[..], b"ark"]);
    let empty = CertificateTable::read(&[0; 24]);
    assert_eq!(empty, Ok(CertificateTable::default()));
}

#[test]
fn table_without_an_end_is_refused() {
    let whole = table(&[(VCEK_GUID, b"vcek")]);
    for cut in [0, 23, 24, 47] {
        assert_eq!(
            CertificateTable::read(&whole[..cut]),
            Err(TableError::NoEnd),
            "{cut}"
        );
    }
}

#[test]
fn table_of_too_many_entries_is_refused() {
    let entries: Vec<(u128, &[u8])> = (1..=17).map(|guid| (guid, &b"x"[..])).collect();
    assert!(CertificateTable::read(&table(&entries[..16])).is_ok());
    let error = CertificateTable::read(&table(&entries));
    assert_eq!(error, Err(TableError::TooMany));
}

#[test]
fn entry_that_is_not_there_or_not_behind_the_list_is_refused() {
    for (at, value) in [(16, 47_u32), (16, u32::MAX), (16, 5000), (20, 5000)] {
        let mut table = table(&[(VCEK_GUID, b"vcek")]);
        table[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let error = CertificateTable::read(&table);
        assert_eq!(error, Err(TableError::Place(0)), "{at} {value}");
    }
}

#[test]
fn entries_that_overlap_are_refused() {
    let mut table = table(&[(ASK_GUID, b"ask"), (ARK_GUID, b"ark")]);
    let second = 24 + 16;
    table[second] -= 1;
    assert_eq!(CertificateTable::read(&table), Err(TableError::Place(1)));
}

#[test]
fn two_entries_of_one_kind_are_refused() {
    for guid in [VCEK_GUID, ASK_GUID, 0x11] {
        let table = table(&[(guid, b"one"), (guid, b"two")]);
        assert_eq!(CertificateTable::read(&table), Err(TableError::Twice(1)));
    }
}

#[test]
fn bytes_of_no_entry_are_refused_before_and_behind() {
    let mut behind = table(&[(VCEK_GUID, b"vcek")]);
    behind[4095] = 1;
    assert_eq!(CertificateTable::read(&behind), Err(TableError::Loose));
    let mut before = table(&[(VCEK_GUID, b"vcek")]);
    before[16] += 1;
    assert_eq!(CertificateTable::read(&before), Err(TableError::Loose));
}
