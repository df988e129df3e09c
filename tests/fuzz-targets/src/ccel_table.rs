//! ACPI's CCEL table.

use crate::event_log::check_error;
use crate::{Bound, Target};
use measured_boot_event_log::CcelTable;

/// A table is 56 bytes that sum to 0 and say where a log is.
pub const CCEL_TABLE: Target = Target {
    name: "ccel_table",
    // Nothing is kept but numbers.
    bound: Bound {
        factor: 0,
        constant: 0,
    },
    longest: 128,
    vectors: &["measured-boot/trustee", "go-tdx-guest/testdata/ccel"],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    // No fuzzer finds a sum.
    let mended = bytes.split_at_checked(9).map(|(first, rest)| {
        let others = first.iter().chain(rest.get(1..).unwrap_or_default());
        let sum = others.fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        let sum = [sum.wrapping_neg()];
        [first, &sum, rest.get(1..).unwrap_or_default()].concat()
    });
    judge(bytes, bound) | mended.is_some_and(|mended| judge(&mended, bound))
}

fn judge(bytes: &[u8], bound: &Bound) -> bool {
    match bound.holds(bytes, || CcelTable::read(bytes)) {
        Ok(table) => {
            assert!(CcelTable::is_one(bytes));
            assert_eq!(bytes.len(), 56);
            assert_eq!(bytes[40..48], table.area_bytes.to_le_bytes());
            assert_eq!(bytes[48..], table.area_address.to_le_bytes());
            let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
            assert_eq!(sum, 0);
            true
        }
        Err(error) => check_error(&error, bytes),
    }
}
