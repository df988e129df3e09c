//! ACPI files made by hand, in which every rule is broken in turn; QEMU's own are in another test.

use measured_boot_tdx_launch::{AcpiFault, AcpiRule, AcpiTables};
use proptest::prelude::*;

/// Tables by signature and length, one after the other, the RSDT filled in; FACS, DSDT and RSDT unlisted.
fn file(tables: &[([u8; 4], usize)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut listed = Vec::new();
    for (signature, length) in tables {
        let offset = file.len();
        if ![*b"FACS", *b"DSDT", *b"RSDT"].contains(signature) {
            listed.push(word(offset));
        }
        file.extend(signature);
        file.extend(word(*length));
        file.resize(offset + length, 0xAB);
        if signature == b"RSDT" {
            let entries = listed.concat();
            let room = &mut file[offset + 36..];
            let bytes = entries.len().min(room.len());
            room[..bytes].copy_from_slice(&entries[..bytes]);
        }
    }
    file.resize(file.len() + 64, 0);
    file
}

fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).expect("small").to_le_bytes()
}

/// FACS 0, DSDT 64, FADT 164, HPET 312, RSDT 352, its entries 388 and 392.
fn whole() -> Vec<([u8; 4], usize)> {
    vec![
        (*b"FACS", 64),
        (*b"DSDT", 100),
        (*b"FACP", 148),
        (*b"HPET", 40),
        (*b"RSDT", 44),
    ]
}

fn fault(file: &[u8]) -> AcpiFault {
    AcpiTables::read(file).expect_err("it is spoilt")
}

fn loader_fault(file: &[u8]) -> AcpiFault {
    let tables = AcpiTables::read(file).expect("it is read");
    tables.loader().expect_err("nothing can be derived")
}

#[test]
fn tables_are_found_one_after_the_other() {
    let file = file(&whole());
    let tables = AcpiTables::read(&file).unwrap();
    let found: Vec<_> = tables
        .tables()
        .iter()
        .map(|table| (table.signature, table.offset, table.bytes.len()))
        .collect();
    assert_eq!(found[2], (*b"FACP", 164, 148));
    assert_eq!(found.len(), 5);
    assert_eq!(tables.rsdp(), *b"RSD PTR \0BOCHS \0\x60\x01\0\0");
}

#[test]
fn loader_places_patches_and_sums_in_qemus_order() {
    let file = file(&whole());
    let loader = AcpiTables::read(&file).unwrap().loader().unwrap();
    assert_eq!(loader.len(), 4096);
    let commands: Vec<_> = loader
        .chunks(128)
        .take_while(|command| command[0] != 0)
        .map(|command| {
            let at = if command[0] == 2 { 116 } else { 60 };
            (
                command[0],
                u16::from_le_bytes([command[at], command[at + 1]]),
            )
        })
        .collect();
    let expected = [
        (1, 16),
        (1, 64),
        (3, 64 + 9),
        (2, 164 + 36),
        (2, 164 + 40),
        (2, 164 + 140),
        (3, 164 + 9),
        (3, 312 + 9),
        (2, 388),
        (2, 392),
        (3, 352 + 9),
        (2, 16),
        (3, 8),
    ];
    assert_eq!(commands, expected);
    assert_eq!(&loader[4..18], b"etc/acpi/rsdp\0");
    assert_eq!(&loader[128 * 11 + 4..][..18], b"etc/acpi/rsdp\0\0\0\0\0");
    assert_eq!(&loader[128 * 11 + 60..][..16], b"etc/acpi/tables\0");
}

#[test]
fn loader_of_many_tables_is_filled_up_to_whole_pages() {
    let mut tables = whole();
    tables.pop();
    tables.extend([(*b"SSDT", 36); 20]);
    tables.push((*b"RSDT", 36 + 4 * 22));
    let file = file(&tables);
    let loader = AcpiTables::read(&file).unwrap().loader().unwrap();
    assert_eq!(loader.len(), 8192);
}

#[test]
fn file_that_holds_no_tables_is_refused() {
    let mut bytes = file(&whole());
    bytes[100] = 0xFF;
    assert!(
        AcpiTables::read(&bytes).is_ok(),
        "contents are not looked at"
    );
    for (at, byte) in [(0, b'f'), (64, 0), (164, b' '), (400, 1)] {
        let mut spoilt = file(&whole());
        spoilt[at] = byte;
        let found = fault(&spoilt);
        let offset = at - at % 4;
        assert_eq!(
            (found.offset, found.rule),
            (if at == 400 { 396 } else { offset }, AcpiRule::Signature)
        );
    }
    let large = vec![0; (16 << 20) + 1];
    assert_eq!(fault(&large).rule, AcpiRule::TooLarge(large.len()));
}

#[test]
fn table_of_an_impossible_length_is_refused() {
    for (at, signature, length) in [
        (0, *b"FACS", 0u32),
        (0, *b"FACS", 36),
        (64, *b"DSDT", 0),
        (64, *b"DSDT", 35),
        (164, *b"FACP", 116),
        (352, *b"RSDT", 46),
    ] {
        let mut spoilt = file(&whole());
        spoilt[at + 4..at + 8].copy_from_slice(&length.to_le_bytes());
        let found = fault(&spoilt);
        let rule = AcpiRule::Length { signature, length };
        assert_eq!((found.offset, found.rule), (at + 4, rule));
    }
    let mut spoilt = file(&whole());
    spoilt[68..72].copy_from_slice(&u32::MAX.to_le_bytes());
    let found = fault(&spoilt);
    assert!(matches!(found.rule, AcpiRule::CutShort { .. }), "{found}");
    assert_eq!(found.offset, 64);
}

#[test]
fn file_without_exactly_one_of_the_tables_that_lead_to_the_others_is_refused() {
    for signature in [*b"RSDT", *b"DSDT", *b"FACP"] {
        let mut without = whole();
        without.retain(|table| table.0 != signature);
        // The RSDT lists one table less without the FADT.
        without
            .iter_mut()
            .filter(|table| table.0 == *b"RSDT")
            .for_each(|table| table.1 = 44);
        let found = fault(&file(&without)).rule;
        assert_eq!(
            found,
            AcpiRule::NotOne {
                signature,
                count: 0
            }
        );
        let mut twice = whole();
        twice.insert(0, (signature, 148));
        let found = fault(&file(&twice)).rule;
        assert_eq!(
            found,
            AcpiRule::NotOne {
                signature,
                count: 2
            }
        );
    }
    assert_eq!(
        fault(&[]).rule,
        AcpiRule::NotOne {
            signature: *b"RSDT",
            count: 0
        }
    );
}

#[test]
fn tables_out_of_a_guests_memory_are_told_from_what_qemu_handed_over() {
    let mut patched = file(&whole());
    patched[391] = 0x7F;
    let found = loader_fault(&patched);
    assert_eq!((found.offset, found.rule), (388, AcpiRule::Patched));
    let mut tables = whole();
    tables[4].1 = 48;
    let found = loader_fault(&file(&tables)).rule;
    assert_eq!(found, AcpiRule::Patched, "an entry for no table");
}

#[test]
fn table_with_commands_of_its_own_needs_the_loader_itself() {
    let mut tables = whole();
    tables[3].0 = *b"TPM2";
    let found = loader_fault(&file(&tables));
    assert_eq!(
        (found.offset, found.rule),
        (312, AcpiRule::UnknownCommands(*b"TPM2"))
    );
    assert!(found.to_string().contains("TPM2"));
    tables[3].0 = *b"SSDT";
    let plain = file(&tables);
    assert!(AcpiTables::read(&plain).unwrap().loader().is_ok());
    for id in [b"VMGENID\0", b"NVDIMM\0\0"] {
        let mut pointing = plain.clone();
        pointing[312 + 16..][..8].copy_from_slice(id);
        assert_eq!(
            loader_fault(&pointing).rule,
            AcpiRule::UnknownCommands(*b"SSDT")
        );
    }
}

proptest! {
    #[test]
    fn loader_stays_small_whatever_the_file_claims(
        changes in proptest::collection::vec((0usize..460, any::<u8>()), 1..8)
    ) {
        let mut bytes = file(&whole());
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        if let Ok(tables) = AcpiTables::read(&bytes) {
            let sum: usize = tables.tables().iter().map(|table| table.bytes.len()).sum();
            prop_assert!(sum <= bytes.len());
            if let Ok(loader) = tables.loader() {
                prop_assert!(loader.len() <= 8192);
            }
        }
    }
}
