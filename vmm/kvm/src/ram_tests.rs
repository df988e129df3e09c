use std::os::unix::fs::FileExt as _;

use vmm_conversion::PAGE_BYTES;

use super::*;

/// One range from address 0.
fn low(bytes: u64) -> GuestRam {
    GuestRam::new(RamLayout::from_zero(bytes)).unwrap()
}

const HIGH: u64 = 1 << 32;

/// Two pages, a hole, and two more.
fn with_a_hole() -> GuestRam {
    let layout = RamLayout::new(&[0..0x2000, HIGH..HIGH + 0x2000]);
    GuestRam::new(layout).unwrap()
}

fn content(ram: &GuestRam, offset: u64, length: usize) -> Vec<u8> {
    let file = File::from(ram.file().try_clone_to_owned().unwrap());
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).unwrap();
    bytes
}

#[test]
fn write_past_the_end_is_refused() {
    let ram = low(0x2000);
    assert!(ram.write(0x1fff, &[1]).is_ok());
    assert!(matches!(
        ram.write(0x1fff, &[1, 2]),
        Err(RamError::Outside { .. })
    ));
    assert!(matches!(
        ram.write(u64::MAX, &[1]),
        Err(RamError::Outside { .. })
    ));
}

#[test]
fn host_address_of_a_range_that_wraps_is_none() {
    let ram = low(0x2000);
    assert!(ram.host_address(0x1000, 0x1000).is_some());
    assert_eq!(ram.host_address(0x1000, 0x1001), None);
    assert_eq!(ram.host_address(u64::MAX, 2), None);
}

fn with_private_page_1() -> GuestRam {
    let ram = low(0x4000);
    let page = PageRange::new(0x1000, 1).unwrap();
    ram.states().set(page, Visibility::Private);
    ram
}

#[test]
fn private_page_has_no_address_here() {
    let ram = with_private_page_1();
    assert_eq!(ram.private_pages(), 1);
    for (address, length, is_shared) in [
        (0, 0x1000, true),
        (0x2000, 0x2000, true),
        (0x1fff, 1, false),
        (0xfff, 2, false),
        (0, 0x4000, false),
    ] {
        assert_eq!(ram.host_address(address, length).is_some(), is_shared);
        assert_eq!(ram.is_shared(address, length), is_shared);
    }
}

#[test]
fn private_page_is_neither_written_nor_read() {
    let ram = with_private_page_1();
    for (address, length) in [(0x1000, 1), (0xfff, 2), (0x1fff, 2), (0, 0x3000)] {
        let mut bytes = vec![7; length];
        let written = ram.write(address, &bytes);
        assert!(matches!(written, Err(RamError::Private { .. })));
        let read = ram.read(address, &mut bytes);
        assert!(matches!(read, Err(RamError::Private { .. })));
        assert_eq!(bytes, vec![7; length]);
    }
    let mut all = vec![0; 0x1000];
    for page in [0, 0x2000] {
        ram.read(page, &mut all).unwrap();
        assert!(all.iter().all(|byte| *byte == 0), "nothing was written");
    }
}

#[test]
fn what_was_written_is_read_up_to_the_end() {
    let ram = low(0x2000);
    ram.write(0x1ffe, &[1, 2]).unwrap();
    let mut bytes = [0; 2];
    ram.read(0x1ffe, &mut bytes).unwrap();
    assert_eq!(bytes, [1, 2]);
    let read = ram.read(0x1fff, &mut bytes);
    assert!(matches!(read, Err(RamError::Outside { .. })));
    // Nothing at all lies anywhere up to the end.
    assert!(ram.read(0x2000, &mut []).is_ok());
    assert!(ram.read(0x2001, &mut []).is_err());
}

/// As a device process does, which keeps its own mapping.
#[test]
fn discarded_page_reads_zero_for_everybody_and_keeps_its_neighbours() {
    let ram = low(0x4000);
    let file = std::fs::File::from(ram.file().try_clone_to_owned().unwrap());
    let device = MmapRegion::<()>::from_file(FileOffset::new(file, 0), 0x4000).unwrap();
    ram.write(0, &[7; 0x4000]).unwrap();
    ram.discard(0x1000..0x3000).unwrap();
    let mut ours = vec![1; 0x4000];
    ram.read(0, &mut ours).unwrap();
    let mut seen = vec![1; 0x4000];
    let theirs = device.as_volatile_slice();
    theirs.read_slice(&mut seen, 0).unwrap();
    assert_eq!(ours, seen);
    for (page, byte) in [(0, 7), (1, 0), (2, 0), (3, 7)] {
        let page = &seen[page * 0x1000..][..0x1000];
        assert!(page.iter().all(|seen| *seen == byte));
    }
    // Its size stays, as it is sealed.
    assert_eq!(rustix::fs::fstat(ram.file()).unwrap().st_size, 0x4000);
}

#[test]
fn memory_file_cannot_be_cut_short_by_a_holder() {
    let ram = low(0x2000);
    assert_eq!(ftruncate(ram.file(), 0), Err(rustix::io::Errno::PERM));
}

#[test]
fn published_number_lies_where_it_was_put_and_nowhere_private() {
    let ram = low(0x2000);
    ram.publish(0x1008, 0x0807_0605_0403_0201).unwrap();
    let mut read = [0; 8];
    ram.read(0x1008, &mut read).unwrap();
    assert_eq!(read, [1, 2, 3, 4, 5, 6, 7, 8]);
    let outside = ram.publish(0x2000, 1);
    assert!(matches!(outside, Err(RamError::Outside { .. })));
    let page = PageRange::new(0x1000, 1).unwrap();
    ram.states().set(page, Visibility::Private);
    let private = ram.publish(0x1008, 1);
    assert!(matches!(private, Err(RamError::Private { .. })));
}

#[test]
fn bytes_above_the_hole_lie_in_the_file_behind_those_below() {
    let ram = with_a_hole();
    ram.write(0x1ffc, &[1, 2, 3, 4]).unwrap();
    ram.write(HIGH, &[5, 6, 7, 8]).unwrap();
    ram.publish(HIGH + 0x1ff8, 0x0102_0304_0506_0708).unwrap();
    assert_eq!(content(&ram, 0x1ffc, 8), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(content(&ram, 0x3ff8, 8), [8, 7, 6, 5, 4, 3, 2, 1]);
    let mut read = [0; 4];
    ram.read(HIGH, &mut read).unwrap();
    assert_eq!(read, [5, 6, 7, 8]);
    // The hole costs nothing.
    assert_eq!(rustix::fs::fstat(ram.file()).unwrap().st_size, 0x4000);
}

#[test]
fn access_that_touches_the_hole_is_refused() {
    let ram = with_a_hole();
    for address in [0x1fff, 0x2000, HIGH - 1, HIGH - 2, HIGH + 0x1fff] {
        let mut two = [7; 2];
        let written = ram.write(address, &two);
        assert!(
            matches!(written, Err(RamError::Outside { .. })),
            "{address:#x}"
        );
        let read = ram.read(address, &mut two);
        assert!(
            matches!(read, Err(RamError::Outside { .. })),
            "{address:#x}"
        );
        assert_eq!(two, [7; 2]);
    }
    // The last from one part to the other, which are neighbours in the file.
    for (address, length) in [(0x1fff, 2), (0x2000, 1), (HIGH - 1, 2), (0x1000, HIGH)] {
        assert!(!ram.is_shared(address, length), "{address:#x}");
        assert_eq!(ram.host_address(address, length), None, "{address:#x}");
    }
    let published = ram.publish(HIGH - 8, 1);
    assert!(matches!(published, Err(RamError::Outside { .. })));
    let told = ram.write(0x2000, &[1]).unwrap_err().to_string();
    assert!(
        told.ends_with("0x0 to 0x2000 and 0x100000000 to 0x100002000"),
        "{told}"
    );
}

#[test]
fn host_address_above_the_hole_is_that_of_its_place_in_the_file() {
    let ram = with_a_hole();
    let parts: Vec<_> = ram.layout().parts().collect();
    let low = ram.host_address(0, 0x2000).unwrap();
    let high = ram.host_address(HIGH + 0x1000, 0x1000).unwrap();
    assert_eq!(high, low + 0x3000);
    let mapped = parts.iter().map(|part| ram.mapped_at(part));
    assert_eq!(mapped.collect::<Vec<_>>(), [low, low + 0x2000]);
}

#[test]
fn private_page_above_the_hole_is_closed_and_its_neighbour_below_is_not() {
    let ram = with_a_hole();
    let page = PageRange::new(HIGH, 1).unwrap();
    ram.states().set(page, Visibility::Private);
    assert_eq!(ram.private_pages(), 1);
    let written = ram.write(HIGH + PAGE_BYTES - 1, &[1, 2]);
    assert!(matches!(written, Err(RamError::Private { .. })));
    assert_eq!(ram.host_address(HIGH, 1), None);
    assert!(ram.write(HIGH + PAGE_BYTES, &[1]).is_ok());
    assert!(ram.write(0x1fff, &[1]).is_ok());
}
