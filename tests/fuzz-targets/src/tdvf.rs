//! TDVF images for TDX.

mod naive;

use crate::{Bound, Target};
use measured_boot_firmware::{Tdvf, TdvfMeasure};
use measured_boot_tdx_launch::{PageOrder, TdHob, TdxLaunch};

/// Sections lie in the file and apart in memory, both orders of pages give the MRTD that a second
/// implementation computes, and the TD HOB that QEMU would write can be read back.
pub const TDVF: Target = Target {
    name: "tdvf",
    // A row of 32 bytes becomes 64, in a list that doubles, and is sorted; as for the footer table, an
    // entry of 18 becomes 48.
    bound: Bound {
        factor: 16,
        constant: 4096,
    },
    longest: 16 << 10,
    vectors: &["measured-boot/debian-ovmf"],
    check,
};

/// Hashing more would be what the fuzzer spends its time with.
const MOST_PAGES: u64 = 64;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    // What matters ends at an image's end: a short input stands there, behind zeros.
    let missing = bytes.len().next_multiple_of(4096) - bytes.len();
    judge(bytes, bound) | (missing > 0 && judge(&[&vec![0; missing], bytes].concat(), bound))
}

fn judge(image: &[u8], bound: &Bound) -> bool {
    let tdvf = match bound.holds(image, || Tdvf::read(image)) {
        Ok(tdvf) => tdvf,
        Err(fault) => {
            assert!(fault.offset <= image.len(), "{fault}");
            return false;
        }
    };
    let mut places = Vec::new();
    for section in tdvf.sections() {
        assert_eq!(tdvf.contents(section).len(), section.data_bytes);
        assert!(
            image
                .get(section.data_offset..section.data_offset + section.data_bytes)
                .is_some()
        );
        if section.bytes > 0 {
            places.push((section.gpa, section.end()));
        }
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    for memory in [0, 2 << 30, 8 << 30] {
        if let Ok(hob) = TdHob::qemu(memory, &tdvf) {
            assert_eq!(TdHob::from_list(hob.bytes()), Ok(hob));
        }
    }
    let measured = tdvf
        .sections()
        .iter()
        .filter(|one| one.measure != TdvfMeasure::Nothing);
    if measured.map(|section| section.pages()).sum::<u64>() <= MOST_PAGES {
        compare_mrtd(&tdvf);
    }
    true
}

fn compare_mrtd(tdvf: &Tdvf<'_>) {
    let Ok(launch) = TdxLaunch::of_tdvf(tdvf, None) else {
        return;
    };
    let (single, two) = (PageOrder::SinglePass, PageOrder::TwoPass);
    assert_eq!(launch.mrtd(single).0, naive::mrtd(tdvf, false));
    assert_eq!(launch.mrtd(two).0, naive::mrtd(tdvf, true));
}
