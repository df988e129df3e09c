//! What reading and measuring hostile files takes: memory by what a file brings, never by what it claims.

mod support;

use measured_boot_firmware::Tdvf;
use measured_boot_tdx_launch::{AcpiTables, PageOrder, TdHob, TdxLaunch};
use support::tdvf::{DESCRIPTOR, image, put, row, rows};
use tests_heap::peak_of;

/// The most that some work may have at once for a file of so many bytes.
fn assert_bounded(bytes: usize, work: impl FnOnce()) {
    let ((), peak) = peak_of(work);
    assert!(
        peak <= 8 * bytes + 4096,
        "{peak} bytes for a file of {bytes}"
    );
}

#[test]
fn metadata_that_claims_many_sections_takes_no_memory_for_them() {
    for count in [1u32 << 26, u32::MAX / 32, u32::MAX] {
        let mut image = image(&rows());
        let length = count.wrapping_mul(32).wrapping_add(16);
        let words = [length, 1, count].map(u32::to_le_bytes).concat();
        put(&mut image, DESCRIPTOR + 4, &words);
        assert_bounded(0, || assert!(Tdvf::read(&image).is_err()));
    }
}

#[test]
fn measuring_takes_no_memory_for_the_pages_of_a_section() {
    let mut rows = rows();
    rows.push(row(0, 1, 1 << 32, 32 << 20, 5, 1));
    rows.push(row(0, 0, 1 << 40, 1 << 50, 4, 2));
    let image = image(&rows);
    assert_bounded(0, || {
        let tdvf = Tdvf::read(&image).unwrap();
        let launch = TdxLaunch::of_tdvf(&tdvf, None).unwrap();
        launch.mrtd(PageOrder::TwoPass);
    });
    let tdvf = Tdvf::read(&image).unwrap();
    assert_bounded(0, || assert!(TdHob::qemu(8 << 30, &tdvf).is_ok()));
}

#[test]
fn tables_take_memory_by_their_bytes() {
    // Tables as small as they can be, and an RSDT that lists each: 40 bytes become 256.
    let mut file = Vec::new();
    let mut add = |signature: &[u8; 4], length: usize| {
        let at = file.len();
        file.extend(signature);
        file.extend(u32::try_from(length).unwrap().to_le_bytes());
        file.resize(at + length, 0);
        u32::try_from(at).unwrap().to_le_bytes()
    };
    add(b"DSDT", 36);
    let mut listed = add(b"FACP", 148).to_vec();
    for _ in 0..5000 {
        listed.extend(add(b"SSDT", 36));
    }
    let at = usize::try_from(u32::from_le_bytes(add(b"RSDT", 36 + listed.len()))).unwrap();
    file[at + 36..].copy_from_slice(&listed);
    assert_bounded(2 * file.len(), || {
        let tables = AcpiTables::read(&file).unwrap();
        assert!(tables.loader().unwrap().len() > 5000 * 256);
    });
}

#[test]
fn list_of_another_vmm_takes_no_more_than_itself() {
    let mut list = vec![1, 0, 56, 0];
    list.resize(56, 0);
    for _ in 0..1000 {
        list.extend([3, 0, 8, 0, 0, 0, 0, 0]);
    }
    assert_bounded(list.len(), || drop(TdHob::from_list(&list).unwrap()));
}
