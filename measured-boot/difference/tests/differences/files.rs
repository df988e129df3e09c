//! Firmware images, event logs, UKIs and IGVM files.

use crate::image::{CPUID, HASHES, METADATA, Parts, RESET_BLOCK, SEC_MEM};
use crate::vectors;
use measured_boot_difference::{
    Difference, Shown, acpi_tables, event_logs, firmware, igvm_files, pe_images,
};
use measured_boot_digest::OneByOne;
use measured_boot_event_log::{EventType, Log, ReadOptions};

fn said(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

/// What a change of the usual image gives; without the bytes of the metadata, which follow.
fn of_image(change: impl FnOnce(&mut Parts)) -> Vec<String> {
    let mut parts = Parts::whole();
    change(&mut parts);
    let differences = firmware(&Parts::whole().image(), &parts.image()).expect("two images");
    let is_told = |one: &&Difference| !matches!(one, Difference::FileRange { .. });
    said(
        &differences
            .iter()
            .filter(is_told)
            .cloned()
            .collect::<Vec<_>>(),
    )
}

#[test]
fn images_that_are_the_same_differ_in_nothing() {
    assert_eq!(of_image(|_| ()), Vec::<String>::new());
}

#[test]
fn metadata_is_told_by_its_rows_and_entries() {
    assert_eq!(
        of_image(|parts| parts.rows[1][0] = 0x80_B000),
        [
            "section SNP_SECRETS of the SEV metadata is 0x80d000 to 0x80e000 in A, 0x80b000 to 0x80c000 in B"
        ]
    );
    assert_eq!(
        of_image(|parts| parts.rows.swap(0, 2)),
        [
            "the order of the SEV metadata's rows is SNP_SEC_MEM, SNP_SECRETS, CPUID, SVSM_CAA, SNP_KERNEL_HASHES in A, CPUID, SNP_SECRETS, SNP_SEC_MEM, SVSM_CAA, SNP_KERNEL_HASHES in B"
        ]
    );
    assert_eq!(
        of_image(|parts| parts.rows.push([0x82_0000, 0x2000, SEC_MEM])),
        ["section SNP_SEC_MEM#2 of the SEV metadata is absent in A, 0x820000 to 0x822000 in B"]
    );
    assert_eq!(
        of_image(|parts| parts.rows.retain(|row| row[2] != CPUID)),
        ["section CPUID of the SEV metadata is 0x80e000 to 0x80f000 in A, absent in B"]
    );
    let reset = |parts: &mut Parts| {
        let block = parts
            .entries
            .iter_mut()
            .find(|(guid, _)| *guid == RESET_BLOCK);
        block.expect("it has one").1[0] = 8;
    };
    assert_eq!(
        of_image(reset),
        [
            "footer table: SEV-ES reset block (where other vCPUs start) is 0x80b004 in A, 0x80b008 in B"
        ]
    );
    let no_hashes = of_image(|parts| {
        parts.entries.remove(0);
        parts.rows.retain(|row| row[2] != HASHES);
    });
    assert_eq!(
        no_hashes,
        [
            "footer table: SEV hash table area is 0x810c00 0x400 in A, absent in B",
            "section SNP_KERNEL_HASHES of the SEV metadata is 0x810000 to 0x811000 in A, absent in B",
        ]
    );
}

#[test]
fn image_without_the_metadata_of_a_tee_is_told_to_be_not_for_it() {
    /// e47a6535-984a-4798-865e-4685a7bf8ec2
    const TDX: [u8; 16] = *b"\x35\x65\x7a\xe4\x4a\x98\x98\x47\x86\x5e\x46\x85\xa7\xbf\x8e\xc2";
    let whole = Parts::whole().image();
    let mut without = whole.clone();
    let place = whole.windows(16).position(|bytes| bytes == METADATA);
    without[place.expect("it has the entry")] ^= 1;
    let mut with_tdx = Parts::whole();
    with_tdx.entries.push((TDX, vec![0x80, 0, 0, 0]));
    let with_tdx = with_tdx.image();
    let advice = |a: &[u8], b: &[u8]| {
        let found = firmware(a, b).expect("two images");
        let advice: Vec<_> = found.iter().filter_map(Difference::advice).collect();
        advice.join("\n")
    };
    assert!(advice(&whole, &without).contains("B was not built for SEV-SNP: "));
    assert!(advice(&without, &whole).contains("A was not built for SEV-SNP: "));
    assert!(advice(&whole, &with_tdx).contains("A was not built for TDX: "));
    assert!(!advice(&whole, &with_tdx).contains("SEV-SNP"));
}

#[test]
fn image_without_its_variable_store_is_told_by_the_list_of_volumes() {
    let Some(image) = vectors::read("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let found = firmware(&image, &image[0x2_0000..]).expect("two images");
    let list = |one: &&Difference| {
        one.to_string()
            .starts_with("the list of firmware volumes is ")
    };
    let list = found.iter().find(list).expect("it is told");
    assert!(list.advice().is_some());
}

#[test]
fn image_of_another_size_is_told_by_that_and_not_page_by_page() {
    assert_eq!(
        of_image(|parts| parts.pages = 3),
        [
            "the firmware has 8192 bytes in A, 12288 in B: it ends at 4 GiB, so all of its pages lie elsewhere"
        ]
    );
}

#[test]
fn bytes_of_an_image_are_told_by_what_lies_there() {
    let (one, mut other) = (Parts::whole().image(), Parts::whole().image());
    other[5] = 1;
    let length = other.len();
    other[length - 1] = 7;
    assert_eq!(
        said(&firmware(&one, &other).expect("two images")),
        [
            "what is no firmware volume: 1 byte from file offset 0x5, address 0xffffe005 differ: 00 in A, 01 in B",
            "reset vector: 1 byte from file offset 0x1fff, address 0xffffffff differ: 00 in A, 07 in B",
        ]
    );
}

#[test]
fn real_image_changed_in_the_variable_store_or_code_is_told_by_the_volume() {
    let Some(image) = vectors::read("measured-boot/debian-ovmf/OVMF.fd") else {
        return;
    };
    let changed = |at: usize| {
        let mut other = image.clone();
        other[at] ^= 0xFF;
        let found = said(&firmware(&image, &other).expect("two images"));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].split(": ").next().map(str::to_owned)
    };
    assert_eq!(changed(0x100).as_deref(), Some("variable store at 0x0"));
    assert_eq!(
        changed(0x10_0000).as_deref(),
        Some("firmware volume at 0x20000")
    );
    let last = changed(image.len() - 3);
    assert_eq!(last.as_deref(), Some("reset vector"));
}

#[test]
fn bytes_that_are_no_image_are_refused_with_the_place() {
    let fault = firmware(&[0; 4096], &Parts::whole().image()).expect_err("no footer");
    assert_eq!(fault.offset, 4096 - 50);
}

/// A table of ACPI with its header.
fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut table = signature.to_vec();
    let length = u32::try_from(36 + body.len()).expect("short");
    table.extend(length.to_le_bytes());
    table.extend([1, 0]);
    table.extend(b"OEMID TABLEID ");
    table.extend([0; 12]);
    table.extend(body);
    table
}

#[test]
fn acpi_tables_are_told_by_signature_and_place() {
    let blob = |tables: &[Vec<u8>]| [tables.concat(), vec![0; 64]].concat();
    let (one, two) = (table(b"WAET", &[1, 2, 3, 4]), table(b"HPET", &[9; 20]));
    let usual = blob(&[one.clone(), two.clone()]);
    let against = |other: &[u8]| acpi_tables(&usual, other).map(|found| said(&found));
    assert_eq!(against(&usual), None);
    let mut changed = two.clone();
    changed[40] = 7;
    changed[9] = 0x55; // the checksum follows
    assert_eq!(
        against(&blob(&[one.clone(), changed])),
        Some(vec![
            "ACPI table HPET: 1 byte at offset 0x28 is 09 in A, 07 in B".to_owned()
        ])
    );
    assert_eq!(
        against(&blob(std::slice::from_ref(&one))),
        Some(vec!["ACPI table HPET, 56 bytes, is only in A".to_owned()])
    );
    assert_eq!(
        against(&blob(&[one.clone(), two.clone(), two.clone()])),
        Some(vec!["ACPI table HPET#2, 56 bytes, is only in B".to_owned()])
    );
    let mut revised = one;
    revised[8] = 3;
    assert_eq!(
        against(&blob(&[revised, two])),
        Some(vec![
            "ACPI table WAET: revision at offset 0x8 is 0x1 in A, 0x3 in B".to_owned()
        ])
    );
    // A length of zero, or beyond the end, is no table.
    for length in [0u32, 7, 1 << 30] {
        let mut broken = usual.clone();
        broken[4..8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(acpi_tables(&usual, &broken), None);
    }
}

const CCEL: &str = "trustee/deps/eventlog/test_data/CCEL_data_ovmf";

fn logs(a: &[u8], b: &[u8]) -> Vec<Difference> {
    let read = |bytes| Log::read(bytes, &ReadOptions::default()).expect("a log");
    event_logs(&read(a), &read(b))
}

/// Without the registers' values, which differ with any event.
fn events(a: &[u8], b: &[u8]) -> Vec<String> {
    let found = logs(a, b);
    let is_told = |one: &&Difference| !matches!(one, Difference::Digest { .. });
    said(&found.iter().filter(is_told).cloned().collect::<Vec<_>>())
}

#[test]
fn changed_digest_is_told_by_the_event_that_has_it() {
    let Some(log) = vectors::read(CCEL) else {
        return;
    };
    assert_eq!(logs(&log, &log), []);
    let parsed = Log::read(&log, &ReadOptions::default()).expect("a log");
    let changed = |number: usize| {
        let mut other = log.clone();
        // Index, type and count, then the algorithm, then the digest.
        other[parsed.events[number].offset + 14] ^= 1;
        events(&log, &other)
    };
    let acpi = changed(11);
    assert_eq!(acpi.len(), 1, "{acpi:?}");
    assert!(
        acpi[0].starts_with("RTMR0, event 11: EV_PLATFORM_CONFIG_FLAGS `ACPI DATA` (3rd of 3: tables) is of digest 2213f7791b826d9e… in A, of digest"),
        "{acpi:?}"
    );
    let dbx = changed(7);
    assert!(
        dbx[0].starts_with("RTMR0, event 7: EV_EFI_VARIABLE_DRIVER_CONFIG dbx is of digest"),
        "{dbx:?}"
    );
}

#[test]
fn event_that_is_missing_or_called_otherwise_is_told_as_that() {
    let Some(log) = vectors::read(CCEL) else {
        return;
    };
    let parsed = Log::read(&log, &ReadOptions::default()).expect("a log");
    let place = |number: usize| {
        let padding = parsed.padding.expect("it is padded").offset;
        let end = parsed
            .events
            .get(number + 1)
            .map_or(padding, |next| next.offset);
        parsed.events[number].offset..end
    };
    let exit = parsed
        .events
        .iter()
        .rposition(|event| event.data.starts_with(b"Exit Boot Services"))
        .expect("it ends so");
    let mut without = log.clone();
    without.drain(place(exit));
    let found = events(&log, &without);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(&format!(
            "RTMR1: EV_EFI_ACTION is only in A (event {exit}): "
        )),
        "{found:?}"
    );
    // No digest covers a type.
    let separator = parsed
        .events
        .iter()
        .position(|event| event.kind == EventType::SEPARATOR);
    let separator = separator.expect("it has one");
    let mut relabelled = log.clone();
    let at = parsed.events[separator].offset + 4;
    relabelled[at..at + 4].copy_from_slice(&EventType::EFI_ACTION.0.to_le_bytes());
    let found = logs(&log, &relabelled);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].shown(), Shown::Unmeasured);
    assert!(
        found[0]
            .to_string()
            .contains("the same digest, and the type is EV_SEPARATOR in A, EV_EFI_ACTION in B"),
        "{found:?}"
    );
}

#[test]
fn events_in_another_order_are_told_as_that_and_padding_as_unmeasured() {
    let Some(log) = vectors::read(CCEL) else {
        return;
    };
    let parsed = Log::read(&log, &ReadOptions::default()).expect("a log");
    let record =
        |number: usize| &log[parsed.events[number].offset..parsed.events[number + 1].offset];
    let start = parsed.events[9].offset;
    let mut swapped = log.clone();
    let both = [record(10), record(9)].concat();
    swapped[start..start + both.len()].copy_from_slice(&both);
    assert_eq!(
        events(&log, &swapped),
        ["RTMR0: the same events in another order, from event 9 on"]
    );
    let padding = parsed.padding.expect("it is padded");
    let cut = &log[..padding.offset];
    assert_eq!(
        said(&logs(&log, cut)),
        [format!(
            "padding is {} bytes of 0xff in A, none in B",
            padding.length
        )]
    );
}

#[test]
fn uki_is_told_section_by_section() {
    let (Some(unsigned), Some(signed)) = (
        vectors::read("measured-boot/uki/test-uki.efi"),
        vectors::read("measured-boot/uki/test-uki-signed.efi"),
    ) else {
        return;
    };
    assert_eq!(
        said(&pe_images(&unsigned, &unsigned).expect("images")),
        Vec::<String>::new()
    );
    let found = pe_images(&unsigned, &signed).expect("images");
    assert!(
        found
            .iter()
            .any(|one| one.to_string() == "the signature is unsigned in A, signed in B"),
        "{found:?}"
    );
    let place = |section: &str| {
        let pe = measured_boot_uki::Pe::read(&unsigned).expect("an image");
        let section = pe
            .sections()
            .iter()
            .find(|one| one.name.as_str() == section);
        section.expect("it is there").raw_offset
    };
    let changed = |at: usize| {
        let mut other = unsigned.clone();
        other[at] ^= 1;
        said(&pe_images(&unsigned, &other).expect("images"))
    };
    let cmdline = changed(place(".cmdline"));
    assert_eq!(cmdline.len(), 4, "{cmdline:?}");
    assert!(
        cmdline[0].starts_with("the Authenticode digest (SHA-256, what firmware measures) is ")
    );
    assert!(cmdline[1].starts_with("the PCR 11 (SHA-256, what the stub measures) is "));
    assert!(cmdline[2].starts_with("section .cmdline: "));
    assert!(
        cmdline[3].starts_with("the command line has `"),
        "{cmdline:?}"
    );
    let text = changed(place(".text"));
    assert_eq!(text.len(), 3, "PCR 11 does not cover the stub: {text:?}");
    assert!(text[1].starts_with("section .text: "));
    assert!(text[2].starts_with("section .text: 1 byte differs from offset 0x0 on: "));
    for (section, advice) in [(".initrd", "lsinitramfs"), (".text", "stub")] {
        let mut other = unsigned.clone();
        other[place(section)] ^= 1;
        let found = pe_images(&unsigned, &other).expect("images");
        let advised = found.iter().filter_map(Difference::advice);
        let advised: Vec<_> = advised.filter(|one| one.contains(advice)).collect();
        assert_eq!(advised.len(), 1, "{section}: {found:?}");
    }
}

#[test]
fn igvm_file_is_told_by_pages_registers_and_what_is_not_measured() {
    let Some(file) = vectors::read("measured-boot/igvm-crate/sample.igvm") else {
        return;
    };
    let igvm = measured_boot_igvm::Igvm::read(&file).expect("a file");
    let changed = |at: usize| {
        let mut other = file.clone();
        other[at] ^= 1;
        said(&igvm_files(&file, &other, &OneByOne).expect("files"))
    };
    let mut pages = Vec::new();
    let mut vmsas = Vec::new();
    for directive in igvm.directives() {
        match &directive.kind {
            measured_boot_igvm::DirectiveKind::Page(page) => pages.extend(page.data),
            measured_boot_igvm::DirectiveKind::VpContext(context) => vmsas.extend(context.data),
            _ => {}
        }
    }
    assert_eq!(
        said(&igvm_files(&file, &file, &OneByOne).expect("files")),
        Vec::<String>::new()
    );
    let found = changed(pages[0].offset + 9);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].contains("page") && found[0].contains("1 byte from offset 0x9 on"),
        "{found:?}"
    );
    let found = changed(vmsas[0].offset + 0x178);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("vcpu0: RIP is "), "{found:?}");
    let found = changed(vmsas[0].offset + 0xF9C);
    assert_eq!(
        found,
        ["vcpu0: the VMSA's byte 0xf9c is 0x00 in A, 0x01 in B"]
    );
}

#[test]
fn very_many_stretches_of_an_image_are_told_once_a_region() {
    let mut parts = Parts::whole();
    parts.pages = 128;
    let one = parts.image();
    let mut other = one.clone();
    for page in (0..120).step_by(3) {
        other[page * 4096] = 7;
    }
    assert_eq!(
        said(&firmware(&one, &other).expect("two images")),
        [
            "what is no firmware volume: 40 bytes of 479233 from file offset 0x0, address 0xfff80000 differ: 00 in A, 07 in B"
        ]
    );
}

/// A legacy log of one register's events with these digests.
fn legacy(digests: impl Iterator<Item = u32>) -> Vec<u8> {
    let record = |digest: u32| {
        let mut record = [4u32, 0x0D].map(u32::to_le_bytes).concat();
        record.extend(digest.to_le_bytes());
        record.extend([0; 16]);
        record.extend(0u32.to_le_bytes());
        record
    };
    digests.flat_map(record).collect()
}

#[test]
fn logs_that_have_nothing_in_common_are_told_in_one_line() {
    let found = logs(&legacy(1..1000), &legacy(2000..3000));
    assert_eq!(found.len(), 2, "the register, and one line");
    assert_eq!(
        found[1].to_string(),
        "PCR 4: 1999 events one after the other have no counterpart: another boot altogether"
    );
    // One event more moves none of the others.
    let more = events(&legacy(1..500), &legacy([7777].into_iter().chain(1..500)));
    assert_eq!(more, ["PCR 4: EV_IPL is only in B (event 0): `no data`"]);
}
