//! SVSM images below OVMF.

use crate::{Bound, Target};
use measured_boot_firmware::{Ovmf, Svsm};

/// An SVSM lies below the firmware and its variable store, and its sections below itself.
///
/// The input's first four bytes are the size of the variable store in pages and the number of the bytes
/// that follow which are the firmware; the rest is the SVSM.
pub const SVSM: Target = Target {
    name: "svsm",
    // As for OVMF.
    bound: Bound {
        factor: 12,
        constant: 4096,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some(([a, b, c, d], rest)) = bytes.split_first_chunk() else {
        return false;
    };
    let vars_bytes = u32::from(u16::from_le_bytes([*a, *b])) * 4096;
    let split = usize::from(u16::from_le_bytes([*c, *d])).min(rest.len());
    let (firmware, svsm) = rest.split_at(split);
    let (firmware, svsm) = (image(firmware), image(svsm));
    let Ok(ovmf) = Ovmf::read(&firmware) else {
        return false;
    };
    match bound.holds(&svsm, || Svsm::below(&svsm, &ovmf, vars_bytes)) {
        Ok(svsm) => {
            let end = svsm.base() + u64::try_from(svsm.image().len()).expect("a length");
            assert_eq!(end + u64::from(vars_bytes), ovmf.base());
            assert!((svsm.base()..end).contains(&svsm.entry().into()));
            for section in &svsm.metadata().sections {
                assert!(u64::from(section.gpa) + u64::from(section.size) <= svsm.base());
            }
            true
        }
        Err(fault) => {
            assert!(fault.offset <= svsm.len(), "{fault}");
            false
        }
    }
}

/// The bytes at the end of as many pages as they need.
fn image(bytes: &[u8]) -> Vec<u8> {
    let missing = bytes.len().next_multiple_of(4096) - bytes.len();
    [&vec![0; missing], bytes].concat()
}
