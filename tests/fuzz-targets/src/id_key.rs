//! Owners' keys.

use crate::{Bound, Target};
use measured_boot_id_block::{IdKey, authenticate};
use measured_boot_snp_abi::{GuestPolicy, IdBlock};

/// A key that is read signs what the secure processor would take.
pub const ID_KEY: Target = Target {
    name: "id_key",
    // The decoder takes the text's base64 apart in a buffer of its size.
    bound: Bound {
        factor: 2,
        constant: 4096,
    },
    longest: 2 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    let Ok(key) = bound.holds(bytes, || IdKey::from_pem(text)) else {
        return false;
    };
    let block = IdBlock::new([7; 48], GuestPolicy::from_bits(0x3_0000));
    authenticate(&block, &key.sign(&block, None)).expect("we signed it");
    true
}
