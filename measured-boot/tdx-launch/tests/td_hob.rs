//! The TD HOB: of real trust domains, and at the edges of memory.

mod support;

use measured_boot_firmware::Tdvf;
use measured_boot_tdx_launch::{HobFault, HobRule, MemoryRange, QemuHobFault, RangeKind, TdHob};
use proptest::prelude::*;
use support::tdvf::{image, row, rows};

const GIB: u64 = 1 << 30;

#[test]
fn real_trust_domains_had_the_list_of_their_memory() {
    let Some(image) = support::debians_firmware() else {
        return;
    };
    let tdvf = Tdvf::read(&image).unwrap();
    for (gib, log) in [
        (2, "trustee/deps/eventlog/test_data/CCEL_data_ovmf"),
        (
            8,
            "measured-boot/go-eventlog/eventlogs/ccel/CCEL_unpadded.data.bin",
        ),
        (10, "trustee/deps/eventlog/test_data/CCEL_data_grub"),
    ] {
        let Some(log) = support::vector(log) else {
            continue;
        };
        let first = &support::events(&log)[0];
        assert!(first.data.starts_with(b"\x09TdxTable"));
        let list = TdHob::qemu(gib * GIB, &tdvf).unwrap();
        assert_eq!(list.digest(), first.digest, "{gib} GiB");
    }
}

#[test]
fn memory_is_split_at_2_gib_only_from_2816_mib_on() {
    let image = image(&rows()[..1]);
    let mut rows = rows();
    let ranges = |memory, image: &[u8]| TdHob::qemu_ranges(memory, &Tdvf::read(image).unwrap());
    let range = |start, bytes, kind| MemoryRange { start, bytes, kind };
    use RangeKind::{Added, Unaccepted};
    let one = |memory| vec![range(0, memory, Unaccepted)];
    assert_eq!(ranges(0xAFFF_E000, &image), Ok(one(0xAFFF_E000)));
    let two = vec![
        range(0, 2 * GIB, Unaccepted),
        range(4 * GIB, 0x3000_0000, Unaccepted),
    ];
    assert_eq!(ranges(0xB000_0000, &image), Ok(two));
    // Sections that touch each other stay two ranges; what lies between others is to be accepted.
    rows[4] = row(0, 0, 0x80_B000, 0x1000, 3, 0);
    let whole = support::tdvf::image(&rows);
    let cut = vec![
        range(0, 0x80_9000, Unaccepted),
        range(0x80_9000, 0x2000, Added),
        range(0x80_B000, 0x1000, Added),
        range(0x80_C000, 0x4000, Unaccepted),
        range(0x81_0000, 0x2000, Added),
        range(0x81_2000, GIB - 0x81_2000, Unaccepted),
    ];
    assert_eq!(ranges(GIB, &whole), Ok(cut));
}

#[test]
fn list_that_qemu_could_not_write_is_refused() {
    let whole = image(&rows());
    let tdvf = Tdvf::read(&whole).unwrap();
    for memory in [0, GIB + 4096, 1 << 19, 1 << 52, !8191] {
        assert_eq!(
            TdHob::qemu(memory, &tdvf),
            Err(QemuHobFault::Memory(memory))
        );
    }
    let memory = 8 << 20;
    let outside = |gpa| Err(QemuHobFault::SectionOutside { gpa, memory });
    assert_eq!(TdHob::qemu(memory, &tdvf), outside(0x80_0000));
    let mut rows = rows();
    rows[2] = row(0, 0, 3 * GIB, 0x1000, 3, 0);
    let in_the_hole = image(&rows);
    let fault = TdHob::qemu(4 * GIB, &Tdvf::read(&in_the_hole).unwrap());
    let (gpa, memory) = (3 * GIB, 4 * GIB);
    assert_eq!(fault, Err(QemuHobFault::SectionOutside { gpa, memory }));
    rows.truncate(3);
    let without = image(&rows);
    let fault = TdHob::qemu(GIB, &Tdvf::read(&without).unwrap());
    assert_eq!(fault, Err(QemuHobFault::NoSection));
}

#[test]
fn list_longer_than_its_section_is_refused() {
    let mut many = rows()[..1].to_vec();
    many.push(row(0, 0, 0x80_0000, 0x1000, 2, 0));
    many.extend((0..43).map(|number| row(0, 0, 0x90_0000 + number * 0x2000, 0x1000, 3, 0)));
    let image = image(&many);
    let fault = TdHob::qemu(GIB, &Tdvf::read(&image).unwrap());
    assert!(
        matches!(fault, Err(QemuHobFault::TooLong(_, 0x1000))),
        "{fault:?}"
    );
}

#[test]
fn list_of_another_vmm_is_measured_up_to_its_end_mark() {
    let whole = image(&rows());
    let ours = TdHob::qemu(GIB, &Tdvf::read(&whole).unwrap()).unwrap();
    let mut file = ours.bytes().to_vec();
    assert_eq!(
        TdHob::from_list(&file).as_ref(),
        Ok(&ours),
        "without a mark"
    );
    file.extend([0xFF, 0xFF, 8, 0, 0, 0, 0, 0]);
    assert_eq!(TdHob::from_list(&file).as_ref(), Ok(&ours));
    // What the first block says of the list's end counts the mark.
    let end = u64::from_le_bytes(file[48..56].try_into().unwrap());
    assert_eq!(end, 0x80_9000 + u64::try_from(file.len()).unwrap());
    file.extend([0; 100]);
    assert_eq!(TdHob::from_list(&file).as_ref(), Ok(&ours));
    let at = file.len();
    file.push(1);
    let fault = HobFault {
        offset: ours.bytes().len() + 8,
        rule: HobRule::AfterEnd,
    };
    assert_eq!(TdHob::from_list(&file), Err(fault), "{at}");
}

#[test]
fn list_that_is_none_is_refused() {
    let whole = image(&rows());
    let ours = TdHob::qemu(GIB, &Tdvf::read(&whole).unwrap()).unwrap();
    let spoilt = |at: usize, bytes: &[u8]| {
        let mut file = ours.bytes().to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        TdHob::from_list(&file).expect_err("it is spoilt")
    };
    assert_eq!(spoilt(0, &[3]).rule, HobRule::First(3, 56));
    assert_eq!(spoilt(2, &[48]).rule, HobRule::First(1, 48));
    for length in [0, 4, 49] {
        let fault = spoilt(58, &[length, 0]);
        assert_eq!(
            (fault.offset, fault.rule),
            (58, HobRule::Length(length.into()))
        );
    }
    let long = spoilt(58, &[0xF8, 0xFF]);
    assert!(matches!(long.rule, HobRule::CutShort { .. }));
    let cut = TdHob::from_list(&ours.bytes()[..100]).unwrap_err();
    assert_eq!(
        (cut.offset, TdHob::from_list(&[]).unwrap_err().offset),
        (60, 0)
    );
}

proptest! {
    #[test]
    fn ranges_cover_all_memory_once_in_order(steps in 1200u64..4_000_000) {
        let memory = steps * 8192;
        let whole = image(&rows());
        let ranges = TdHob::qemu_ranges(memory, &Tdvf::read(&whole).unwrap()).unwrap();
        prop_assert_eq!(ranges.iter().map(|range| range.bytes).sum::<u64>(), memory);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].start + pair[0].bytes <= pair[1].start));
        let added = ranges.iter().filter(|range| range.kind == RangeKind::Added);
        prop_assert_eq!(added.map(|range| range.bytes).sum::<u64>(), 0x5000);
    }
}
