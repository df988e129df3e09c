//! OVMF images: other people's, and one made by hand in which every rule is broken in turn.

mod support;

use measured_boot_firmware::{FirmwareFault, HashArea, MAX_IMAGE_BYTES, Ovmf, Rule, SectionKind};
use proptest::prelude::*;
use std::path::Path;
use support::*;

/// The fault of an image.
fn fault(image: &[u8]) -> FirmwareFault {
    Ovmf::read(image)
        .map(|_| ())
        .expect_err("the image is spoilt")
}

/// The rule that an image with these parts breaks.
fn broken(change: impl FnOnce(&mut Parts)) -> Rule {
    let mut parts = Parts::whole();
    change(&mut parts);
    fault(&parts.image()).rule
}

/// The fault of the whole image with these bytes at this place.
fn spoilt(at: usize, bytes: &[u8]) -> FirmwareFault {
    let mut image = Parts::whole().image();
    put(&mut image, at, bytes);
    fault(&image)
}

#[test]
fn image_by_hand_is_read() {
    let image = Parts::whole().image();
    let ovmf = Ovmf::read(&image).unwrap();
    assert_eq!(ovmf.base(), 0xFFFF_E000);
    let pages: Vec<u64> = ovmf.pages().map(|(gpa, _)| gpa).collect();
    assert_eq!(pages, [0xFFFF_E000, 0xFFFF_F000]);
    let metadata = ovmf.metadata();
    assert_eq!(metadata.reset_address, 0x0080_B004);
    assert_eq!(
        metadata.hash_area,
        Some(HashArea {
            gpa: 0x0081_0C00,
            size: 0x400
        })
    );
    let kinds: Vec<SectionKind> = metadata.sections.iter().map(|row| row.kind).collect();
    use SectionKind::*;
    assert_eq!(kinds, [SecMem, Secrets, Cpuid, SvsmCaa, KernelHashes]);
    assert_eq!(metadata.sections[0].pages().count(), 9);
    assert_eq!(metadata.sections[1].row_offset, METADATA_OFFSET + 16 + 12);
}

#[test]
fn images_of_others_are_read_with_the_sections_that_they_have() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if !vectors.exists() {
        println!("skipped: {} is not there", vectors.display());
        return;
    }
    let fixtures = "sev-snp-measure/fixtures";
    for (name, rows, pages, hashes) in [
        ("measured-boot/debian-ovmf/OVMF.fd".to_owned(), 5, 31, false),
        (format!("{fixtures}/ovmf_AmdSev_suffix.bin"), 7, 31, true),
        (format!("{fixtures}/ovmf_OvmfX64_suffix.bin"), 6, 31, false),
        (format!("{fixtures}/svsm_ovmf.fd"), 0, 31, false),
    ] {
        let image = std::fs::read(vectors.join(&name)).unwrap();
        let ovmf = Ovmf::read(&image).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        let metadata = ovmf.metadata();
        assert!(rows == 0 || metadata.sections.len() == rows, "{name}");
        let all = metadata.sections.iter().flat_map(|section| section.pages());
        assert_eq!(all.count(), pages, "{name}");
        assert_eq!(metadata.hash_area.is_some(), hashes, "{name}");
        assert_eq!(metadata.reset_address, 0x0080_B004, "{name}");
    }
}

#[test]
fn size_that_no_firmware_has_is_refused() {
    assert_eq!(fault(&[]).rule, Rule::ImageSize(0));
    let image = Parts::whole().image();
    assert_eq!(fault(&image[1..]).rule, Rule::ImageSize(8191));
    let large = vec![0; MAX_IMAGE_BYTES + 4096];
    assert_eq!(fault(&large).rule, Rule::ImageTooLarge(large.len()));
}

#[test]
fn image_without_a_footer_is_refused_with_what_it_may_be() {
    let fault = spoilt(image_end(2) - 1, &[0]);
    assert_eq!(fault.rule, Rule::FooterMissing);
    assert_eq!(fault.offset, image_end(2) - 18);
    assert!(fault.to_string().contains("OVMF_VARS"));
}

#[test]
fn table_of_an_impossible_length_is_refused() {
    let at = image_end(2) - 18;
    for length in [0u16, 17, 8161] {
        let fault = spoilt(at, &length.to_le_bytes());
        assert_eq!((fault.offset, fault.rule), (at, Rule::TableLength(length)));
    }
}

#[test]
fn entry_of_an_impossible_length_is_refused() {
    let at = image_end(2) - 18 - 18;
    for length in [0u16, 17, 60_000] {
        let fault = spoilt(at, &length.to_le_bytes());
        assert_eq!((fault.offset, fault.rule), (at, Rule::EntryLength(length)));
    }
}

#[test]
fn bytes_of_the_table_that_belong_to_no_entry_are_refused() {
    let at = image_end(2) - 18;
    let length = u16::from_le_bytes(Parts::whole().image()[at..at + 2].try_into().unwrap());
    assert_eq!(
        spoilt(at, &(length + 5).to_le_bytes()).rule,
        Rule::TableRest(5)
    );
}

#[test]
fn entry_that_is_there_twice_is_refused() {
    let rule = broken(|parts| parts.entries.push((RESET_BLOCK, vec![1, 0, 0, 0])));
    assert_eq!(rule, Rule::EntryTwice(guid(RESET_BLOCK)));
}

#[test]
fn entry_of_another_size_is_refused() {
    let rule = broken(|parts| parts.entries[1].1.push(0));
    let expected = Rule::EntrySize {
        guid: guid(RESET_BLOCK),
        found: 5,
        expected: 4,
    };
    assert_eq!(rule, expected);
}

#[test]
fn image_without_what_snp_needs_says_what_is_missing() {
    let metadata = image_end(2) - 18 - 1;
    let missing = spoilt(metadata, &[0]);
    assert_eq!(missing.rule, Rule::MetadataMissing);
    assert_eq!(missing.offset, image_end(2) - 18, "the footer");
    let rule = broken(|parts| drop(parts.entries.pop()));
    assert_eq!(rule, Rule::ResetBlockMissing);
    let rule = broken(|parts| parts.entries[1].1 = vec![0; 4]);
    assert_eq!(rule, Rule::ResetAddress);
}

#[test]
fn metadata_outside_of_the_image_is_refused() {
    let at = image_end(2) - 18 - 22;
    for distance in [0u32, 15, 8193, u32::MAX] {
        let fault = spoilt(at, &distance.to_le_bytes());
        assert_eq!(
            (fault.offset, fault.rule),
            (at, Rule::MetadataOffset(distance))
        );
    }
}

#[test]
fn metadata_of_another_kind_is_refused() {
    assert_eq!(
        spoilt(METADATA_OFFSET, b"BSEV").rule,
        Rule::MetadataSignature
    );
    let fault = spoilt(METADATA_OFFSET + 8, &2u32.to_le_bytes());
    assert_eq!(
        (fault.offset, fault.rule),
        (METADATA_OFFSET + 8, Rule::MetadataVersion(2))
    );
}

#[test]
fn metadata_that_contradicts_itself_is_refused_before_anything_is_made_of_it() {
    for (length, rows) in [
        (75u32, 5u32),
        (76, 4),
        (76, u32::MAX),
        (u32::MAX, 5),
        (0, 0),
    ] {
        let words = [length, 1, rows].map(u32::to_le_bytes).concat();
        let rule = spoilt(METADATA_OFFSET + 4, &words).rule;
        assert_eq!(rule, Rule::MetadataLength { length, rows });
    }
    let (length, rows) = (16 + 12 * 500, 500);
    let words = [length, 1, rows].map(u32::to_le_bytes).concat();
    let rule = spoilt(METADATA_OFFSET + 4, &words).rule;
    assert_eq!(
        rule,
        Rule::MetadataLength { length, rows },
        "more rows than the image holds"
    );
}

#[test]
fn section_that_no_launch_could_measure_is_refused() {
    for (row, rule) in [
        ([0, 0x1000, 5], Rule::SectionType(5)),
        ([0x800, 0x1000, SEC_MEM], Rule::SectionAddress(0x800)),
        ([0, 0, SEC_MEM], Rule::SectionSize(0)),
        ([0, 0x1800, SEC_MEM], Rule::SectionSize(0x1800)),
        (
            [0xFFFF_E000, 0x1000, SEC_MEM],
            Rule::SectionOutside(0xFFFF_E000),
        ),
        (
            [0xFFFF_F000, 0xFFFF_F000, SEC_MEM],
            Rule::SectionOutside(0xFFFF_F000),
        ),
        (
            [0x0080_8000, 0x1000, SEC_MEM],
            Rule::SectionOverlap(0x0080_8000, 0x0080_0000),
        ),
        (
            [0x0090_0000, 0x1000, SECRETS],
            Rule::SectionTwice(SectionKind::Secrets),
        ),
        (
            [0x0090_0000, 0x1000, HASHES],
            Rule::SectionTwice(SectionKind::KernelHashes),
        ),
    ] {
        let found = broken(|parts| parts.rows.push(row));
        assert_eq!(found, rule);
    }
    let long = broken(|parts| parts.rows[2] = [0x0090_0000, 0x2000, CPUID]);
    assert_eq!(long, Rule::SectionTwice(SectionKind::Cpuid));
}

#[test]
fn hash_area_outside_of_its_page_is_refused() {
    for (gpa, size) in [
        (0x0080_FFFF, 0x400),
        (0x0081_0C00, 0x401),
        (0x0081_0C00, u32::MAX),
        (0, 0),
    ] {
        let area = [gpa, size].map(u32::to_le_bytes).concat();
        let rule = broken(|parts| parts.entries[0].1 = area);
        assert_eq!(rule, Rule::HashArea { gpa, size });
    }
}

#[test]
fn image_without_a_page_for_hashes_has_no_area_for_them() {
    let mut parts = Parts::whole();
    parts.rows.pop();
    let image = parts.image();
    assert_eq!(Ovmf::read(&image).unwrap().metadata().hash_area, None);
}

proptest! {
    #[test]
    fn image_with_any_bytes_changed_is_refused_or_sound(
        changes in proptest::collection::vec((0x1400usize..0x2000, any::<u8>()), 1..6)
    ) {
        let mut image = Parts::whole().image();
        for (at, byte) in changes {
            image[at] = byte;
        }
        if let Ok(ovmf) = Ovmf::read(&image) {
            let mut pages: Vec<u64> = ovmf.metadata().sections.iter().flat_map(|section| section.pages()).collect();
            let count = pages.len();
            pages.sort_unstable();
            pages.dedup();
            prop_assert_eq!(pages.len(), count, "a page is measured twice");
            prop_assert!(pages.iter().all(|page| *page < ovmf.base()));
        }
    }
}
