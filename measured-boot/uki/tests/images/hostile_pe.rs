//! PE images that readers could take differently, or that firmware would not load: each rule broken once.

use crate::support::{
    CERTIFICATE_ENTRY, CHECKSUM, DIRECTORY_COUNT, FILE_ALIGNMENT, HEADERS_SIZE, IMAGE_SIZE,
    OPTIONAL, PE, Parts, RAW_OFFSET, RAW_SIZE, SECTION_TABLE, VIRTUAL_ADDRESS, VIRTUAL_SIZE, get32,
    put, put16, put32, sign,
};
use measured_boot_uki::{Pe, PeRule, SectionName};

/// The rule that an image breaks after a change, and where.
fn broken(change: impl FnOnce(&mut Vec<u8>)) -> (usize, PeRule) {
    let mut file = Parts::uki().file();
    Pe::read(&file).expect("whole before the change");
    change(&mut file);
    let fault = Pe::read(&file).expect_err("broken");
    (fault.offset, fault.rule)
}

fn header(name: &str) -> usize {
    Parts::uki().header(name)
}

fn name(text: &str) -> SectionName {
    let file = Parts::uki().file();
    let pe = Pe::read(&file).expect("whole");
    let section = pe.sections().iter().find(|one| one.name.as_str() == text);
    section.expect("it is there").name
}

#[test]
fn something_else_is_no_pe_image() {
    assert_eq!(broken(|file| put(file, 0, b"ZM")), (0, PeRule::NotPe));
    assert_eq!(
        broken(|file| put(file, PE, b"PE\0\x01")),
        (PE, PeRule::Signature)
    );
    assert_eq!(
        broken(|file| put32(file, 0x3c, 0x3f)),
        (0x3c, PeRule::HeaderPlace(0x3f))
    );
    assert_eq!(
        broken(|file| put16(file, OPTIONAL, 0x107)),
        (OPTIONAL, PeRule::Magic(0x107))
    );
}

#[test]
fn a_file_cut_anywhere_in_its_headers_or_sections_is_refused() {
    let file = Parts::uki().file();
    for end in 0..file.len() {
        assert!(Pe::read(&file[..end]).is_err(), "{end} bytes");
    }
}

#[test]
fn a_header_beyond_the_file_says_what_is_missing() {
    let short = |wanted, left| PeRule::CutShort { wanted, left };
    let length = Parts::uki().file().len();
    let found = broken(|file| put32(file, 0x3c, 0x7fff_ffff));
    assert_eq!(found, (0, short(0x7fff_ffff, length)));
    let found = broken(|file| put32(file, 0x3c, length - 2));
    assert_eq!(found, (length - 2, short(4, 2)));
}

#[test]
fn directories_must_fill_the_optional_header() {
    let found = broken(|file| put32(file, DIRECTORY_COUNT, 17));
    assert_eq!(found, (DIRECTORY_COUNT, PeRule::Directories(17)));
    let size = |found, expected| (OPTIONAL - 4, PeRule::OptionalSize { found, expected });
    assert_eq!(
        broken(|file| put32(file, DIRECTORY_COUNT, 15)),
        size(240, 232)
    );
    assert_eq!(broken(|file| put16(file, PE + 20, 248)), size(248, 240));
    let found = broken(|file| put16(file, PE + 20, 232));
    assert_eq!(found, size(232, 240));
}

#[test]
fn headers_must_hold_the_section_table_and_lie_in_the_file() {
    let found = broken(|file| put16(file, PE + 6, 0));
    assert_eq!(found, (SECTION_TABLE, PeRule::NoSections));
    let end = SECTION_TABLE + 6 * 40;
    let size = |size| (HEADERS_SIZE, PeRule::HeadersSize(size, end));
    assert_eq!(
        broken(|file| put32(file, HEADERS_SIZE, end - 1)),
        size(end - 1)
    );
    let length = Parts::uki().file().len();
    assert_eq!(
        broken(|file| put32(file, HEADERS_SIZE, length + 1)),
        size(length + 1)
    );
}

#[test]
fn alignments_must_be_ones_that_exist() {
    for alignment in [0, 511, 0x2_0000] {
        let found = broken(|file| put32(file, FILE_ALIGNMENT, alignment));
        assert_eq!(found, (FILE_ALIGNMENT, PeRule::FileAlignment(alignment)));
    }
    let at = header(".linux") + RAW_OFFSET;
    let found = broken(|file| {
        let place = get32(file, at);
        put32(file, at, place + 256);
        file.extend_from_slice(&[0; 1024]);
    });
    assert!(
        matches!(found, (place, PeRule::RawAlignment(..)) if place == at),
        "{found:?}"
    );
}

#[test]
fn names_must_be_the_same_for_every_reader() {
    for bad in [b".linux\0x", b".li\x1bnux\0", b".linux \0", b".li\xffnux\0"] {
        let at = header(".linux");
        assert_eq!(broken(|file| put(file, at, bad)), (at, PeRule::SectionName));
    }
}

#[test]
fn sections_must_lie_in_the_file_behind_the_headers() {
    let at = header(".initrd");
    let size = Parts::uki().file().len();
    let rule = |place, size| PeRule::RawRange {
        name: name(".initrd"),
        place,
        size,
    };
    let found = broken(|file| put32(file, at + RAW_OFFSET, size));
    assert_eq!(found, (at + RAW_OFFSET, rule(size, 512)));
    let found = broken(|file| put32(file, at + RAW_SIZE, 0xffff_ffff));
    assert_eq!(found, (at + RAW_OFFSET, rule(size - 512, 0xffff_ffff)));
    let found = broken(|file| put32(file, at + RAW_OFFSET, 0));
    assert_eq!(
        found,
        (at + RAW_OFFSET, PeRule::RawInHeaders(name(".initrd"), 0))
    );
}

#[test]
fn sections_must_not_overlap_in_the_file() {
    let (one, other) = (header(".osrel"), header(".cmdline"));
    let found = broken(|file| {
        let place = get32(file, one + RAW_OFFSET);
        put32(file, other + RAW_OFFSET, place);
    });
    assert_eq!(
        found,
        (other, PeRule::RawOverlap(name(".osrel"), name(".cmdline")))
    );
    let found = broken(|file| put32(file, one + RAW_SIZE, 1024));
    assert_eq!(
        found,
        (other, PeRule::RawOverlap(name(".osrel"), name(".cmdline")))
    );
}

#[test]
fn sections_must_not_overlap_in_memory() {
    let (one, other) = (header(".linux"), header(".initrd"));
    let rule = PeRule::MemoryOverlap(name(".linux"), name(".initrd"));
    let found = broken(|file| put32(file, one + VIRTUAL_SIZE, 4097));
    assert_eq!(found, (other, rule));
    // Without a virtual size, firmware loads what the file has.
    let found = broken(|file| {
        put32(file, one + VIRTUAL_SIZE, 0);
        let address = get32(file, one + VIRTUAL_ADDRESS);
        put32(file, other + VIRTUAL_ADDRESS, address + 511);
    });
    assert_eq!(found, (other, rule));
}

#[test]
fn sections_must_lie_in_the_images_memory_behind_the_headers() {
    let at = header(".initrd");
    let found = broken(|file| put32(file, at + VIRTUAL_ADDRESS, 0x100));
    let rule = PeRule::MemoryInHeaders(name(".initrd"), 0x100);
    assert_eq!(found, (at + VIRTUAL_ADDRESS, rule));
    let end = get32(&Parts::uki().file(), IMAGE_SIZE);
    let found = broken(|file| put32(file, at + VIRTUAL_SIZE, 4097));
    let rule = PeRule::MemoryRange(name(".initrd"), end + 1);
    assert_eq!(found, (at + VIRTUAL_ADDRESS, rule));
}

#[test]
fn zeros_without_end_are_refused() {
    let at = header(".initrd");
    let zeros = |zeros: usize| {
        move |file: &mut Vec<u8>| {
            put32(file, IMAGE_SIZE, 0xffff_ffff);
            put32(file, at + VIRTUAL_SIZE, 512 + zeros);
        }
    };
    let mut file = Parts::uki().file();
    let most = 8 * file.len() + (4 << 20);
    let found = broken(zeros(most + 1));
    let rule = PeRule::ZeroFill {
        zeros: most + 1,
        most,
    };
    assert_eq!(found, (SECTION_TABLE, rule));
    zeros(most)(&mut file);
    assert!(Pe::read(&file).is_ok());
}

fn broken_signature(change: impl FnOnce(&mut Vec<u8>, usize)) -> (usize, PeRule) {
    broken(|file| {
        sign(file, &[b"a signature", b"another"]);
        let count = Pe::read(file)
            .expect("signed")
            .certificates()
            .map(|table| table.count);
        assert_eq!(count, Some(2));
        let place = get32(file, CERTIFICATE_ENTRY);
        change(file, place);
    })
}

#[test]
fn certificates_must_end_the_file() {
    let place = Parts::uki().file().len();
    let rule = |place, size| (CERTIFICATE_ENTRY, PeRule::CertificatePlace { place, size });
    let found = broken_signature(|file, _| file.extend_from_slice(&[0; 8]));
    assert_eq!(found, rule(place, 40));
    let found = broken_signature(|file, _| put32(file, CERTIFICATE_ENTRY + 4, 32));
    assert_eq!(found, rule(place, 32));
    let found = broken_signature(|file, _| put32(file, CERTIFICATE_ENTRY + 4, 0));
    assert_eq!(found, rule(place, 0));
    let found = broken_signature(|file, _| {
        put32(file, CERTIFICATE_ENTRY, place + 40);
        put32(file, CERTIFICATE_ENTRY + 4, 0);
    });
    assert_eq!(found, rule(place + 40, 0));
    let found = broken_signature(|file, _| put32(file, CERTIFICATE_ENTRY, 0));
    assert_eq!(found, rule(0, 40));
    let found = broken_signature(|file, _| {
        put32(file, CERTIFICATE_ENTRY, place - 8);
        put32(file, CERTIFICATE_ENTRY + 4, 48);
    });
    assert_eq!(found, rule(place - 8, 48));
}

#[test]
fn certificates_must_lie_at_multiples_of_8() {
    let found = broken_signature(|file, place| {
        file.splice(place..place, [0; 4]);
        put32(file, CERTIFICATE_ENTRY, place + 4);
    });
    let place = Parts::uki().file().len();
    assert_eq!(
        found,
        (CERTIFICATE_ENTRY, PeRule::CertificateAlignment(place + 4))
    );
}

#[test]
fn certificates_lengths_must_add_up() {
    let place = Parts::uki().file().len();
    for length in [0, 7, 41, 0xffff_ffff] {
        let found = broken_signature(|file, place| put32(file, place, length));
        let length = u32::try_from(length).expect("32 bits");
        let rule = PeRule::CertificateLength(length);
        assert_eq!(found, (place, rule));
    }
}

#[test]
fn certificates_must_be_of_a_known_kind() {
    let place = Parts::uki().file().len();
    let found = broken_signature(|file, place| put16(file, place + 4, 0x100));
    assert_eq!(found, (place + 4, PeRule::CertificateKind(0x100, 2)));
    let found = broken_signature(|file, place| put16(file, place + 6, 1));
    assert_eq!(found, (place + 4, PeRule::CertificateKind(0x200, 1)));
}

#[test]
fn checksum_lies_where_the_headers_have_it() {
    let file = Parts::uki().file();
    let pe = Pe::read(&file).expect("whole");
    assert_eq!(get32(&file, pe.checksum().start), 0x1234_5678);
    assert_eq!(pe.checksum(), CHECKSUM..CHECKSUM + 4);
}
