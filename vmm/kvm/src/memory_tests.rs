use std::cell::RefCell;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use vmm_conversion::RamLayout;

use super::*;

fn range(page: u64, pages: u64) -> PageRange {
    PageRange::new(page * PAGE_BYTES, pages).unwrap()
}

fn refused() -> KvmError {
    KvmError::call("KVM_SET_MEMORY_ATTRIBUTES")(kvm_ioctls::Error::new(12))
}

#[test]
fn attribute_is_set_before_the_other_side_is_discarded() {
    for to in [Visibility::Private, Visibility::Shared] {
        let mut states = PageStates::shared(RamLayout::from_zero(8 * PAGE_BYTES));
        states.set(range(1, 1), Visibility::Private);
        let steps = RefCell::new(Vec::new());
        let step = |name| steps.borrow_mut().push(name);
        let changed = convert(
            &mut states,
            range(0, 4),
            to,
            || {
                step("attribute");
                Ok(())
            },
            || {
                step("discard");
                Ok(())
            },
        );
        let expected = if to == Visibility::Private { 3 } else { 1 };
        assert_eq!(changed.unwrap(), expected);
        assert!(states.are_all(range(0, 4), to));
        assert_eq!(*steps.borrow(), ["attribute", "discard"]);
    }
}

#[test]
fn attribute_that_is_refused_changes_nothing() {
    let mut states = PageStates::shared(RamLayout::from_zero(8 * PAGE_BYTES));
    let before = states.clone();
    let failed = convert(
        &mut states,
        range(0, 4),
        Visibility::Private,
        || Err(refused()),
        || panic!("nothing is stale"),
    );
    assert!(matches!(failed, Err(KvmError::Call { .. })));
    assert_eq!(states, before);
}

#[test]
fn copy_that_cannot_be_discarded_is_an_error_and_the_pages_are_converted() {
    let mut states = PageStates::shared(RamLayout::from_zero(8 * PAGE_BYTES));
    let failed = convert(
        &mut states,
        range(2, 1),
        Visibility::Private,
        || Ok(()),
        || Err(io::ErrorKind::OutOfMemory.into()),
    );
    let said = failed.unwrap_err().to_string();
    assert!(
        said.starts_with("the pages from 0x2000 to 0x3000 are private now, but"),
        "{said}"
    );
    assert!(states.are_all(range(2, 1), Visibility::Private));
}

#[test]
fn pages_that_already_are_as_asked_for_are_left_alone() {
    let mut states = PageStates::shared(RamLayout::from_zero(8 * PAGE_BYTES));
    states.set(range(0, 2), Visibility::Private);
    for (pages, to) in [
        (range(0, 2), Visibility::Private),
        (range(2, 6), Visibility::Shared),
    ] {
        let changed = convert(
            &mut states,
            pages,
            to,
            || panic!("they are"),
            || panic!("nothing is stale"),
        );
        assert_eq!(changed.unwrap(), 0);
    }
}

/// The third byte of each page of `file`.
fn marks(file: BorrowedFd<'_>, pages: u64) -> Vec<u8> {
    let file = File::from(file.try_clone_to_owned().unwrap());
    let mark = |page| {
        let mut mark = [0];
        file.read_exact_at(&mut mark, page * PAGE_BYTES + 2)
            .unwrap();
        mark[0]
    };
    (0..pages).map(mark).collect()
}

/// Another file stands in for the guest_memfd, which only KVM makes.
#[test]
fn page_above_the_hole_is_discarded_where_the_file_has_it_and_its_neighbours_stay() {
    const HIGH: u64 = 1 << 32;
    let layout = RamLayout::new(&[0..2 * PAGE_BYTES, HIGH..HIGH + 3 * PAGE_BYTES]);
    for (to, shared, private) in [
        (Visibility::Private, [1, 2, 3, 0, 5], [1, 2, 3, 4, 5]),
        (Visibility::Shared, [1, 2, 3, 4, 5], [1, 2, 3, 0, 5]),
    ] {
        let ram = GuestRam::new(layout).unwrap();
        let other = GuestRam::new(RamLayout::from_zero(layout.bytes())).unwrap();
        for (gpa, mark) in [0, 0x1000, HIGH, HIGH + 0x1000, HIGH + 0x2000]
            .into_iter()
            .zip(1..)
        {
            ram.write(gpa + 2, &[mark]).unwrap();
            other
                .write((u64::from(mark) - 1) * PAGE_BYTES + 2, &[mark])
                .unwrap();
        }
        let page = PageRange::new(HIGH + 0x1000, 1).unwrap();
        let place = page.check_within(layout).unwrap();
        discard_other_side(&ram, other.file(), place, to).unwrap();
        assert_eq!(marks(ram.file(), 5), shared);
        assert_eq!(marks(other.file(), 5), private);
    }
}
