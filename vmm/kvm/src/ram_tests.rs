use super::*;

#[test]
fn write_past_the_end_is_refused() {
    let ram = GuestRam::new(0x2000).unwrap();
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
    let ram = GuestRam::new(0x2000).unwrap();
    assert!(ram.host_address(0x1000, 0x1000).is_some());
    assert_eq!(ram.host_address(0x1000, 0x1001), None);
    assert_eq!(ram.host_address(u64::MAX, 2), None);
}

fn with_private_page_1() -> GuestRam {
    let ram = GuestRam::new(0x4000).unwrap();
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
    let ram = GuestRam::new(0x2000).unwrap();
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
    let ram = GuestRam::new(0x4000).unwrap();
    let file = std::fs::File::from(ram.file().try_clone_to_owned().unwrap());
    let theirs = FileOffset::new(file, 0);
    let device = GuestRegionMmap::<()>::from_range(GuestAddress(0), 0x4000, Some(theirs));
    let device = device.unwrap();
    ram.write(0, &[7; 0x4000]).unwrap();
    ram.discard(PageRange::new(0x1000, 2).unwrap()).unwrap();
    let mut ours = vec![1; 0x4000];
    ram.read(0, &mut ours).unwrap();
    let mut seen = vec![1; 0x4000];
    device
        .read_slice(&mut seen, MemoryRegionAddress(0))
        .unwrap();
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
    let ram = GuestRam::new(0x2000).unwrap();
    assert_eq!(ftruncate(ram.file(), 0), Err(rustix::io::Errno::PERM));
}

#[test]
fn published_number_lies_where_it_was_put_and_nowhere_private() {
    let ram = GuestRam::new(0x2000).unwrap();
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
