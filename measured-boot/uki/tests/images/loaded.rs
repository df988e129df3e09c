//! What a section holds once firmware has loaded it: as long as it is in memory, and relocated.

use crate::measuring::{measured, measured_of, with_measured};
use crate::support::{
    Parts, RAW_OFFSET, RELOCATION_ENTRY, VIRTUAL_ADDRESS, VIRTUAL_SIZE, get32, put, put32,
};
use measured_boot_uki::{Algorithm, Boot, UkiRule, UnifiedSection};

#[test]
fn content_is_as_long_as_the_virtual_size() {
    let parts = Parts::uki();
    let at = parts.header(".cmdline") + VIRTUAL_SIZE;
    let digest = |size| {
        let mut file = parts.file();
        put32(&mut file, at, size);
        with_measured(&file, None, &Boot::default(), |measured| {
            let one = measured
                .sections()
                .iter()
                .find(|one| one.kind == UnifiedSection::Cmdline);
            one.map(|one| one.content.digest(Algorithm::Sha256))
        })
        .expect("it can be predicted")
    };
    let of = |bytes: &[u8]| Some(Algorithm::Sha256.digest(bytes));
    assert_eq!(digest(5), of(b"quiet"));
    assert_eq!(digest(4), of(b"quie"));
    // Zeros follow that are not in the file.
    let mut longer = b"quiet".to_vec();
    longer.resize(4096, 0);
    assert_eq!(digest(4096), of(&longer));
    assert_eq!(digest(0), None);
}

/// An image whose relocations change a place.
fn relocated(place: usize, entry: u16) -> (Parts, Vec<u8>) {
    let mut block = u32::try_from(place & !0xfff)
        .expect("small")
        .to_le_bytes()
        .to_vec();
    block.extend_from_slice(&12u32.to_le_bytes());
    let low = u16::try_from(place & 0xfff).expect("12 bits");
    block.extend_from_slice(&(entry << 12 | low).to_le_bytes());
    block.extend_from_slice(&[0; 2]);
    let parts = Parts::uki().with(".reloc", &block);
    let mut file = parts.file();
    let address = get32(&file, parts.header(".reloc") + VIRTUAL_ADDRESS);
    put32(&mut file, RELOCATION_ENTRY, address);
    put32(&mut file, RELOCATION_ENTRY + 4, 12);
    (parts, file)
}

#[test]
fn a_section_that_firmware_changes_when_it_loads_it_is_refused() {
    let plain = Parts::uki();
    let cmdline = get32(&plain.file(), plain.header(".cmdline") + VIRTUAL_ADDRESS);
    let rule = |place, entry| {
        let (_, file) = relocated(place, entry);
        measured_of(&file, None, &Boot::default()).map_err(|fault| fault.rule)
    };
    let changed =
        |found| matches!(found, Err(UkiRule::Relocated(name)) if name.as_str() == ".cmdline");
    assert!(changed(rule(cmdline, 10)) && changed(rule(cmdline + 4, 3)));
    // The word before it ends where it begins; the wide one does not.
    assert_eq!(rule(cmdline - 4, 3), Ok(measured(&plain)));
    assert!(changed(rule(cmdline - 4, 10)));
    // No entry, and a place in the stub.
    assert_eq!(rule(cmdline, 0), Ok(measured(&plain)));
    let data = get32(&plain.file(), plain.header(".data") + VIRTUAL_ADDRESS);
    assert_eq!(rule(data, 10), Ok(measured(&plain)));
}

#[test]
fn relocations_that_firmware_would_not_load_are_refused() {
    let refused = |change: &dyn Fn(&mut Vec<u8>, usize)| {
        let (parts, mut file) = relocated(0x1000, 10);
        let place = get32(&file, parts.header(".reloc") + RAW_OFFSET);
        change(&mut file, place);
        measured_of(&file, None, &Boot::default()).map_err(|fault| fault.rule)
    };
    let wrong = Err(UkiRule::Relocations);
    // One more block, which is in the file and not loaded.
    let beyond = |file: &mut Vec<u8>, place| {
        put32(file, place + 16, 8);
        put32(file, RELOCATION_ENTRY + 4, 20);
    };
    assert_eq!(refused(&beyond), wrong);
    for length in [0, 7, 11, 16, 0xffff_ffff] {
        assert_eq!(
            refused(&|file, place| put32(file, place + 4, length)),
            wrong,
            "{length}"
        );
    }
    assert_eq!(
        refused(&|file, _| put32(file, RELOCATION_ENTRY, 0x10)),
        wrong
    );
    assert_eq!(
        refused(&|file, _| put32(file, RELOCATION_ENTRY + 4, 16)),
        wrong
    );
    assert_eq!(
        refused(&|file, place| put(file, place, &[0; 4])),
        Ok(measured(&Parts::uki()))
    );
}
