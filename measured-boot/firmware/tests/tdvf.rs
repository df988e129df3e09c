//! TDVF images: Debian's, and one made by hand in which every rule is broken in turn.

mod tdvf_support;

use measured_boot_firmware::{
    MAX_TDVF_BYTES, Rule, Tdvf, TdvfFault, TdvfMeasure, TdvfPlace, TdvfRule, TdvfSectionKind,
};
use proptest::prelude::*;
use std::path::Path;
use tdvf_support::*;

/// The fault of an image.
fn fault(image: &[u8]) -> TdvfFault {
    Tdvf::read(image)
        .map(|_| ())
        .expect_err("the image is spoilt")
}

/// The fault of the whole image with these bytes at this place.
fn spoilt(at: usize, bytes: &[u8]) -> TdvfFault {
    let mut image = image(&rows());
    put(&mut image, at, bytes);
    fault(&image)
}

/// The fault of the image whose row of this number is another, and that row's offset.
fn with_row(number: usize, other: Row) -> (usize, TdvfFault) {
    let mut rows = rows();
    rows[number] = other;
    (row_offset(number), fault(&image(&rows)))
}

fn row_offset(number: usize) -> usize {
    DESCRIPTOR + 16 + 32 * number
}

#[test]
fn image_by_hand_is_read_both_ways() {
    let (table, fixed) = (image(&rows()), image_by_offset(&rows()));
    for (image, place) in [
        (table, TdvfPlace::FooterTable),
        (fixed, TdvfPlace::FixedOffset),
    ] {
        let tdvf = Tdvf::read(&image).unwrap();
        assert_eq!(
            (tdvf.place(), tdvf.descriptor_offset()),
            (place, DESCRIPTOR)
        );
        assert_eq!(tdvf.other_descriptor(), None);
        let code = tdvf.sections()[0];
        assert_eq!(
            (code.kind, code.measure),
            (TdvfSectionKind::Bfv, TdvfMeasure::Contents)
        );
        assert_eq!(
            (code.gpa, code.end(), code.pages()),
            (0xFFFF_D000, 1 << 32, 3)
        );
        assert_eq!(tdvf.contents(&code), &image[0x1000..0x4000]);
        let list = tdvf.section(TdvfSectionKind::TdHob).unwrap();
        assert_eq!(
            (list.row_offset, list.measure),
            (row_offset(3), TdvfMeasure::Addresses)
        );
        assert!(tdvf.contents(&list).is_empty());
    }
}

#[test]
fn debians_image_has_the_sections_that_edk2_gives_it() {
    let path = "../../../shared/vectors/measured-boot/debian-ovmf/OVMF.fd";
    let Ok(image) = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)) else {
        println!("skipped: {path} is not there");
        return;
    };
    let tdvf = Tdvf::read(&image).unwrap();
    assert_eq!(tdvf.descriptor_offset(), 0x1F_F7C0);
    let rows: Vec<_> = tdvf
        .sections()
        .iter()
        .map(|row| {
            (
                row.kind.to_string(),
                row.data_offset,
                row.gpa,
                row.bytes,
                row.measure,
            )
        })
        .collect();
    let plain = |name: &str, gpa, bytes| (name.to_owned(), 0, gpa, bytes, TdvfMeasure::Addresses);
    let code = (
        "BFV".to_owned(),
        0x2_0000,
        0xFFE2_0000,
        0x1E_0000,
        TdvfMeasure::Contents,
    );
    let expected = [
        code,
        plain("CFV", 0xFFE0_0000, 0x2_0000),
        plain("TempMem", 0x81_0000, 0x1_0000),
        plain("TempMem", 0x80_B000, 0x2000),
        plain("TD_HOB", 0x80_9000, 0x2000),
        plain("TempMem", 0x80_0000, 0x6000),
    ];
    assert_eq!(rows, expected);
}

#[test]
fn two_ways_that_disagree_are_told_and_the_table_wins() {
    let mut image = image(&rows());
    put_fixed_offset(&mut image);
    assert_eq!(Tdvf::read(&image).unwrap().other_descriptor(), None);
    put(&mut image, 0x2000, b"TDVF");
    put(&mut image, IMAGE_BYTES - 0x20, &0x2000u32.to_le_bytes());
    let tdvf = Tdvf::read(&image).unwrap();
    assert_eq!(tdvf.other_descriptor(), Some(0x2000));
    assert_eq!(tdvf.descriptor_offset(), DESCRIPTOR);
}

#[test]
fn size_that_no_firmware_has_is_refused() {
    assert_eq!(fault(&[]).rule, TdvfRule::TooShort(0));
    assert_eq!(fault(&[0; 0x7F]).rule, TdvfRule::TooShort(0x7F));
    let large = vec![0; MAX_TDVF_BYTES + 1];
    assert_eq!(fault(&large).rule, TdvfRule::TooLarge(large.len()));
}

#[test]
fn footer_table_that_cannot_be_is_refused_and_the_other_way_not_tried() {
    let mut whole = image(&rows());
    put_fixed_offset(&mut whole);
    for length in [0u16, 17, 65535] {
        put(&mut whole, TABLE_LENGTH, &length.to_le_bytes());
        let found = fault(&whole);
        let rule = TdvfRule::Table(Rule::TableLength(length));
        assert_eq!((found.offset, found.rule), (TABLE_LENGTH, rule));
    }
    for length in [0u16, 17, 23] {
        let found = spoilt(ENTRY_LENGTH, &length.to_le_bytes());
        let rule = TdvfRule::Table(Rule::EntryLength(length));
        assert_eq!((found.offset, found.rule), (ENTRY_LENGTH, rule));
    }
    let short = spoilt(ENTRY_LENGTH, &18u16.to_le_bytes()).rule;
    assert_eq!(short, TdvfRule::Table(Rule::TableRest(4)));
}

#[test]
fn entry_that_is_there_twice_is_refused() {
    let mut image = image(&rows());
    let entry = image[DISTANCE..TABLE_LENGTH].to_vec();
    put(&mut image, DISTANCE - entry.len(), &entry);
    put(&mut image, TABLE_LENGTH, &62u16.to_le_bytes());
    let rule = fault(&image).rule;
    assert!(
        matches!(rule, TdvfRule::Table(Rule::EntryTwice(_))),
        "{rule}"
    );
}

#[test]
fn image_without_what_tdx_needs_says_what_is_missing() {
    let found = spoilt(ENTRY_LENGTH + 2, &[0]);
    assert_eq!(found.rule, TdvfRule::EntryMissing);
    assert!(found.to_string().contains("not built for TDX"));
    let found = spoilt(TABLE_LENGTH + 2, &[0]);
    assert_eq!(found.offset, IMAGE_BYTES - 0x20);
    assert_eq!(found.rule, TdvfRule::MetadataMissing);
    let mut image = image_by_offset(&rows());
    put(&mut image, DESCRIPTOR, b"TDVG");
    assert_eq!(fault(&image).rule, TdvfRule::MetadataMissing);
}

#[test]
fn code_half_is_told_from_an_image_that_is_cut() {
    let whole = image(&rows());
    let found = fault(&whole[0x1000..]);
    let rule = TdvfRule::CodeHalf {
        reach: 0x4000,
        end: 0x3000,
        missing: 0x1000,
    };
    assert_eq!((found.offset, found.rule), (DESCRIPTOR - 0x1000 + 16, rule));
    assert!(found.to_string().contains("OVMF_VARS"));
    let rule = TdvfRule::DataOutside {
        reach: 0x4000,
        end: 0x2000,
    };
    assert_eq!(fault(&whole[0x2000..]).rule, rule);
}

#[test]
fn metadata_outside_of_the_image_is_refused() {
    for distance in [0u32, 0x4001, u32::MAX] {
        let found = spoilt(DISTANCE, &distance.to_le_bytes());
        let rule = TdvfRule::MetadataOffset(distance);
        assert_eq!((found.offset, found.rule), (DISTANCE, rule));
    }
    let found = spoilt(DISTANCE, &8u32.to_le_bytes());
    assert_eq!(found.rule, TdvfRule::MetadataGuid);
    let found = spoilt(DISTANCE, &0x4000u32.to_le_bytes());
    assert_eq!((found.offset, found.rule), (0, TdvfRule::MetadataGuid));
}

#[test]
fn metadata_of_another_kind_is_refused() {
    let found = spoilt(DESCRIPTOR - 1, &[0]);
    assert_eq!(
        (found.offset, found.rule),
        (DESCRIPTOR - 16, TdvfRule::MetadataGuid)
    );
    let found = spoilt(DESCRIPTOR, b"TDVG");
    assert_eq!(
        (found.offset, found.rule),
        (DESCRIPTOR, TdvfRule::DescriptorSignature)
    );
    let found = spoilt(DESCRIPTOR + 8, &2u32.to_le_bytes());
    let rule = TdvfRule::DescriptorVersion(2);
    assert_eq!((found.offset, found.rule), (DESCRIPTOR + 8, rule));
}

#[test]
fn metadata_that_contradicts_itself_is_refused_before_anything_is_made_of_it() {
    for (length, sections) in [
        (175u32, 5u32),
        (177, 5),
        (176, 4),
        (16, 0),
        (176, u32::MAX),
        (16 + 32 * 100, 100),
    ] {
        let words = [length, 1, sections].map(u32::to_le_bytes).concat();
        let found = spoilt(DESCRIPTOR + 4, &words);
        let rule = TdvfRule::DescriptorLength { length, sections };
        assert_eq!((found.offset, found.rule), (DESCRIPTOR + 4, rule));
    }
}

#[test]
fn section_of_no_known_type_or_attributes_is_refused() {
    let (at, found) = with_row(2, row(0, 0, 0x81_0000, 0x2000, 9, 0));
    assert_eq!(
        (found.offset, found.rule),
        (at + 24, TdvfRule::SectionType(9))
    );
    for attributes in [3, 4, 5, 1 << 31] {
        let (at, found) = with_row(2, row(0, 0, 0x81_0000, 0x2000, 3, attributes));
        let rule = TdvfRule::SectionAttributes(attributes);
        assert_eq!((found.offset, found.rule), (at + 28, rule));
    }
}

#[test]
fn section_whose_memory_cannot_be_is_refused() {
    for memory in [0, 0x1800, 1] {
        let (at, found) = with_row(2, row(0, 0, 0x81_0000, memory, 3, 0));
        assert_eq!(
            (found.offset, found.rule),
            (at + 16, TdvfRule::SectionSize(memory))
        );
    }
    for gpa in [0x81_0800, !0xFFF, (1 << 52) - 0x1000] {
        let (at, found) = with_row(2, row(0, 0, gpa, 0x2000, 3, 0));
        assert_eq!(
            (found.offset, found.rule),
            (at + 8, TdvfRule::SectionAddress(gpa))
        );
    }
    let (at, found) = with_row(2, row(0, 0x100, 0x81_0000, 0x1000, 7, 0));
    let rule = TdvfRule::SectionMemory(TdvfSectionKind::TdInfo);
    assert_eq!((found.offset, found.rule), (at + 8, rule));
}

#[test]
fn section_whose_bytes_cannot_be_is_refused() {
    for (kind, name, offset, bytes) in [
        (0, TdvfSectionKind::Bfv, 0x1000, 0),
        (1, TdvfSectionKind::Cfv, 0, 0),
        (2, TdvfSectionKind::TdHob, 0, 8),
        (3, TdvfSectionKind::TempMem, 8, 0),
        (4, TdvfSectionKind::PermMem, 8, 8),
    ] {
        let (at, found) = with_row(2, row(offset, bytes, 0x81_0000, 0x2000, kind, 0));
        let rule = TdvfRule::SectionData {
            kind: name,
            offset,
            bytes,
        };
        assert_eq!((found.offset, found.rule), (at, rule));
    }
    let (bytes, memory) = (0x1001, 0x1000);
    let (at, found) = with_row(1, row(0, bytes, 0xFFFF_C000, memory, 1, 0));
    let rule = TdvfRule::SectionOverfull { bytes, memory };
    assert_eq!((found.offset, found.rule), (at + 4, rule));
    let (at, found) = with_row(1, row(0x3800, 0x1000, 0xFFFF_C000, 0x1000, 1, 0));
    let (reach, end) = (0x4800, 0x4000);
    assert_eq!(
        (found.offset, found.rule),
        (at, TdvfRule::DataOutside { reach, end })
    );
}

#[test]
fn memory_that_would_take_hours_to_go_through_is_refused() {
    for memory in [(64 << 20) + 0x1000, 1 << 40, 1 << 51] {
        let (at, found) = with_row(4, row(0, 0, 1 << 32, memory, 3, 0));
        let rule = TdvfRule::MemoryTooLarge(memory + 0x8000);
        assert_eq!((found.offset, found.rule), (at + 16, rule));
    }
    let mut rows = rows();
    rows[4] = row(0, 0, 1 << 32, (64 << 20) - 0x8000, 3, 0);
    assert!(Tdvf::read(&image(&rows)).is_ok(), "just within the limit");
    rows[4] = row(0, 0, 1 << 32, 1 << 40, 4, 2);
    assert!(
        Tdvf::read(&image(&rows)).is_ok(),
        "memory that the guest accepts"
    );
}

#[test]
fn sections_that_contradict_each_other_are_refused() {
    let (at, found) = with_row(4, row(0, 0, 0x81_1000, 0x1000, 3, 0));
    let rule = TdvfRule::SectionOverlap(0x81_1000, 0x81_0000);
    assert_eq!((found.offset, found.rule), (at, rule));
    let (at, found) = with_row(4, row(0, 0, 0x80_0000, 0x1000, 2, 0));
    assert_eq!((found.offset, found.rule), (at, TdvfRule::HobTwice));
    let found = fault(&image(&rows()[1..]));
    assert_eq!(
        (found.offset, found.rule),
        (DESCRIPTOR, TdvfRule::NoBootVolume)
    );
}

#[test]
fn sections_for_tools_have_no_memory_and_overlap_nothing() {
    let mut rows = rows();
    rows.push(row(0x100, 0x80, 0, 0, 7, 0));
    rows.push(row(0x180, 0x80, 0, 0, 8, 0));
    let image = image(&rows);
    let tdvf = Tdvf::read(&image).unwrap();
    let facts = tdvf.section(TdvfSectionKind::TdInfo).unwrap();
    assert_eq!(tdvf.contents(&facts), &image[0x100..0x180]);
}

proptest! {
    #[test]
    fn image_with_any_bytes_changed_is_refused_or_sound(
        changes in proptest::collection::vec((0usize..0x200, any::<u8>()), 1..6),
        fixed in any::<bool>(),
    ) {
        let mut image = if fixed { image_by_offset(&rows()) } else { image(&rows()) };
        for (at, byte) in changes {
            // The first half spoils the metadata, the other what leads to it.
            let at = if at < 0x100 { DESCRIPTOR - 0x10 + at } else { IMAGE_BYTES - 0x200 + at };
            image[at] = byte;
        }
        if let Ok(tdvf) = Tdvf::read(&image) {
            let added = tdvf.sections().iter().filter(|row| row.measure != TdvfMeasure::Nothing);
            prop_assert!(added.map(|row| row.bytes).sum::<u64>() <= 64 << 20);
            for row in tdvf.sections() {
                prop_assert!(row.end() <= 1 << 52);
                prop_assert_eq!(tdvf.contents(row).len(), row.data_bytes);
            }
        }
    }
}
