//! TD HOB lists.

use crate::{Bound, Target};
use measured_boot_tdx_launch::TdHob;

/// What is measured is the list's beginning, and is a list itself.
pub const TD_HOB: Target = Target {
    name: "td_hob",
    // A copy of what is measured.
    bound: Bound {
        factor: 1,
        constant: 64,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    match bound.holds(bytes, || TdHob::from_list(bytes)) {
        Ok(hob) => {
            assert!(bytes.starts_with(hob.bytes()));
            assert_eq!(TdHob::from_list(hob.bytes()), Ok(hob));
            true
        }
        Err(fault) => {
            assert!(fault.offset <= bytes.len(), "{fault}");
            false
        }
    }
}
