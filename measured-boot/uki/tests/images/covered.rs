//! Every byte of an image shows where the coverage says, and nowhere else.

use crate::support::{
    CERTIFICATE_ENTRY, CHECKSUM, DIRECTORY_COUNT, HEADERS_SIZE, OPTIONAL, Parts, RAW_OFFSET, get32,
    put16, put32, sign,
};
use std::ops::Range;

use measured_boot_uki::{Algorithm, Boot, Coverage, Digest, Measured, Pe, Phase, Uki, coverage};

/// What an image is measured as.
struct Digests {
    authenticode: Digest,
    pcr11: Digest,
}

/// Nothing if the image is refused.
fn digests<T>(file: &[u8], then: impl FnOnce(&Pe, &Measured) -> T) -> Option<(Digests, T)> {
    let pe = Pe::read(file).ok()?;
    let uki = Uki::of(&pe).ok()?;
    let rules = uki.stub().rules(None).ok()?;
    let measured = uki.measured(&rules, &Boot::default()).ok()?;
    let digests = Digests {
        authenticode: pe.authenticode(Algorithm::Sha256),
        pcr11: measured.pcr11(Algorithm::Sha256).at(&Phase::new("")),
    };
    Some((digests, then(&pe, &measured)))
}

/// Where the contents of the measured sections lie.
fn measured_bytes(measured: &Measured) -> Vec<Range<usize>> {
    let sections = measured.sections().iter();
    let bytes = sections.map(|one| {
        let start = one.section.raw_offset;
        start..start + one.content.bytes().len()
    });
    bytes.collect()
}

/// Changes every byte in turn, and says how many images were still taken.
fn check(file: &[u8]) -> usize {
    let whole = |pe: &Pe, measured: &Measured| {
        let rows = coverage(pe, measured);
        (rows, pe.headers_size(), measured_bytes(measured))
    };
    let (before, (rows, headers, measured)) = digests(file, whole).expect("whole");
    let mut taken = 0;
    for byte in 0..file.len() {
        let mut changed = file.to_vec();
        changed[byte] ^= 1;
        let Some((after, ())) = digests(&changed, |_, _| ()) else {
            continue;
        };
        taken += 1;
        let shown = after.authenticode != before.authenticode;
        assert_eq!(shown, in_authenticode(&rows, byte), "byte {byte:#x}");
        let stub = rows
            .iter()
            .any(|row| row.what.starts_with(".data") && holds(row, byte));
        // A change of the headers or of the stub may change what is measured.
        if byte >= headers && !stub {
            let shown = after.pcr11 != before.pcr11;
            assert_eq!(
                shown,
                measured.iter().any(|one| one.contains(&byte)),
                "byte {byte:#x}"
            );
            assert_eq!(
                shown,
                !rows.iter().any(|row| holds(row, byte)),
                "byte {byte:#x}"
            );
        }
    }
    taken
}

fn holds(row: &Coverage, byte: usize) -> bool {
    row.range
        .as_ref()
        .is_some_and(|range| range.contains(&byte))
}

fn in_authenticode(rows: &[Coverage], byte: usize) -> bool {
    !rows.iter().any(|row| holds(row, byte) && !row.authenticode)
}

fn image() -> Parts {
    let mut parts = Parts::uki().with(".uname", b"6.12").with(".pcrsig", b"{}");
    parts.trailing = b"symbols".to_vec();
    parts
}

#[test]
fn every_byte_of_an_unsigned_image_shows_as_said() {
    let file = image().file();
    assert!(check(&file) > file.len() * 9 / 10);
}

#[test]
fn every_byte_of_a_signed_image_shows_as_said() {
    let mut file = image().file();
    sign(&mut file, &[b"a signature"]);
    assert!(check(&file) > file.len() * 9 / 10);
}

/// Where there are no gaps the digest is that of the file without checksum and certificate entry.
#[test]
fn sections_are_hashed_in_the_files_order_whatever_the_tables() {
    let parts = image();
    let mut file = parts.file();
    let (one, other) = (parts.header(".osrel"), parts.header(".uname"));
    let (first, rest) = file.split_at_mut(other);
    first[one..one + 40].swap_with_slice(&mut rest[..40]);
    let mut hashed = file.clone();
    hashed.drain(CERTIFICATE_ENTRY..CERTIFICATE_ENTRY + 8);
    hashed.drain(CHECKSUM..CHECKSUM + 4);
    let pe = Pe::read(&file).expect("whole");
    let digest = Algorithm::Sha512.digest(&hashed);
    assert_eq!(pe.authenticode(Algorithm::Sha512), digest);
}

#[test]
fn every_byte_of_an_image_with_gaps_shows_as_said() {
    let mut parts = Parts::uki();
    let at = parts.header(".initrd") + RAW_OFFSET;
    let place = get32(&parts.file(), at);
    parts.trailing = vec![b't'; 1024];
    let mut file = parts.file();
    // The section moves into what followed it, and leaves a gap behind.
    put32(&mut file, at, place + 1024);
    let pe = Pe::read(&file).expect("gaps are taken");
    assert_eq!(pe.gaps().first(), Some(&(place..place + 1024)));
    assert!(check(&file) > file.len() * 9 / 10);
}

#[test]
fn signing_changes_neither_digest_of_an_image_that_is_filled_up() {
    let mut file = image().file();
    file.resize(file.len().next_multiple_of(8), 0);
    let (before, padded) = digests(&file, |pe, _| {
        pe.authenticode_when_signed(Algorithm::Sha256)
    })
    .expect("whole");
    assert_eq!(padded, None);
    sign(&mut file, &[b"a signature"]);
    let (after, count) =
        digests(&file, |pe, _| pe.certificates().map(|one| one.count)).expect("whole");
    assert_eq!(count, Some(1));
    assert_eq!(
        (before.authenticode, before.pcr11),
        (after.authenticode, after.pcr11)
    );
}

#[test]
fn an_unsigned_image_is_not_filled_up_for_its_digest() {
    let file = image().file();
    let mut signed = file.clone();
    sign(&mut signed, &[b"a signature"]);
    let pe = Pe::read(&file).expect("whole");
    let with_signature = Pe::read(&signed)
        .expect("whole")
        .authenticode(Algorithm::Sha384);
    assert_ne!(pe.authenticode(Algorithm::Sha384), with_signature);
    assert_eq!(
        pe.authenticode_when_signed(Algorithm::Sha384),
        Some(with_signature)
    );
}

#[test]
fn an_image_without_room_for_a_certificate_entry_is_hashed_whole() {
    // Four directories: the table of sections then begins where the entry would be.
    let mut file = image().file();
    let table: Vec<u8> = file
        .splice(CERTIFICATE_ENTRY..CERTIFICATE_ENTRY + 12 * 8, [])
        .collect();
    assert_eq!(table, [0; 96]);
    let end = get32(&file, HEADERS_SIZE) - 96;
    file.splice(end..end, [0; 96]);
    put32(&mut file, DIRECTORY_COUNT, 4);
    put16(&mut file, OPTIONAL - 4, 240 - 96);
    let pe = Pe::read(&file).expect("whole");
    assert_eq!(pe.certificate_entry(), None);
    assert!(check(&file) > file.len() * 9 / 10);
}

/// The same image for a processor of 32 bits: sizes of stack and heap are half as wide.
fn narrow(mut file: Vec<u8>) -> Vec<u8> {
    let headers = get32(&file, HEADERS_SIZE);
    file.splice(headers..headers, [0; 16]);
    file.splice(OPTIONAL + 72..OPTIONAL + 88, []);
    put16(&mut file, OPTIONAL, 0x10b);
    put16(&mut file, OPTIONAL - 4, 224);
    file
}

#[test]
fn every_byte_of_an_image_for_32_bits_shows_as_said() {
    let mut file = narrow(image().file());
    let wide = image().file();
    let (wide, narrow) = (Pe::read(&wide), Pe::read(&file));
    let (wide, narrow) = (wide.expect("whole"), narrow.expect("whole"));
    assert_eq!(wide.sections().len(), narrow.sections().len());
    let entry = narrow.certificate_entry().expect("it has 16 directories");
    assert_eq!(entry.start, CERTIFICATE_ENTRY - 16);
    let end = file.len().next_multiple_of(8);
    file.resize(end, 0);
    file.extend_from_slice(&[16, 0, 0, 0, 0, 2, 2, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    put32(&mut file, entry.start, end);
    put32(&mut file, entry.start + 4, 16);
    assert!(check(&file) > file.len() * 9 / 10);
}
