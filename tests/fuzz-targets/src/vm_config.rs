//! Configurations of virtual machines.

use crate::{Bound, Target};
use measured_boot_plan::LaunchConfig;

/// An error names a line of the text.
pub const VM_CONFIG: Target = Target {
    name: "vm_config",
    // The TOML parser keeps a token, a span and a value for each key: an empty table of two bytes costs much,
    // and a text that is wrong at every character, of which it keeps each error, most.
    bound: Bound {
        factor: 1024,
        constant: 64 << 10,
    },
    longest: 4 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    match bound.holds(bytes, || LaunchConfig::from_toml(text)) {
        Ok(config) => {
            assert_eq!(LaunchConfig::from_toml(text), Ok(config));
            true
        }
        Err(error) => {
            let last = text.lines().count() + 1;
            assert!((1..=last).contains(&error.line), "{error}");
            false
        }
    }
}
