use super::*;

fn update(left: u64, page_type: PageType) -> SnpUpdate {
    SnpUpdate {
        first_frame: 0x10,
        left,
        page_type,
    }
}

#[test]
fn pages_that_are_left_are_the_end_of_their_source() {
    let mut source = PageBuffer::new(&[1; 4096], 3).unwrap();
    let base = source.bytes().as_ptr().addr() as u64;
    let mut data = |left| update_data(&update(left, PageType::Normal), &mut source);
    for (left, offset) in [(3, 0), (1, 2 * PAGE)] {
        let data = data(left).unwrap();
        let expected = (0x10, base + offset, left * PAGE, 1);
        assert_eq!((data.gfn_start, data.uaddr, data.len, data.type_), expected);
    }
    for left in [4, 1 << 52, u64::MAX] {
        assert!(data(left).is_none(), "{left} pages");
    }
}

#[test]
fn zero_pages_have_no_source() {
    let mut source = PageBuffer::new(&[], 0).unwrap();
    let data = update_data(&update(2, PageType::Zero), &mut source).unwrap();
    assert_eq!((data.uaddr, data.len), (0, 2 * PAGE));
}

#[test]
fn attribute_is_missing_only_where_the_kernel_does_not_know_it() {
    for errno in [Errno::NXIO, Errno::NOTTY, Errno::INVAL] {
        assert!(is_missing(errno.raw_os_error()), "{errno}");
    }
    for errno in [Errno::PERM, Errno::FAULT, Errno::IO] {
        assert!(!is_missing(errno.raw_os_error()), "{errno}");
    }
}
