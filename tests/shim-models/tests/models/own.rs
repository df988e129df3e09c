//! The models themselves: a shim that breaks a rule is noticed.

use measured_boot_shim_abi::layout::{BOOT_PARAMS, SHIM};
use tests_shim_models::{Kind, Outcome};

use crate::support::{emulator, launch, run};

/// The models themselves: a page that the table calls placed and the launch did not place is noticed at the
/// first access.
#[test]
fn access_to_memory_that_nobody_validated_is_a_violation() {
    let Some(python) = emulator() else { return };
    let mut launch = launch(Kind::Snp, 1);
    launch.placed.retain(|placed| placed.gpa != BOOT_PARAMS);
    let Outcome::Violation(what) = run(&launch, &python).outcome() else {
        panic!("nobody noticed");
    };
    assert!(what.contains("before its page was validated"), "{what}");
}

/// A shim that only pretends to validate or accept: its first access to that memory is a violation.
#[test]
fn shim_that_skips_a_page_is_a_violation() {
    let Some(python) = emulator() else { return };
    let cases: [(Kind, &[u8], &[u8]); 2] = [
        (Kind::Snp, b"\xF2\x0F\x01\xFF", b"\x31\xC0\xF8\x90"), // xor eax, eax; clc; nop
        (Kind::Tdx, b"\x66\x0F\x01\xCC", b"\x48\x31\xC0\x90"), // xor rax, rax; nop
    ];
    for (kind, real, pretended) in cases {
        let mut launch = launch(kind, 1);
        let shim = launch.page(SHIM);
        let places: Vec<_> = (0..shim.len() - 4)
            .filter(|at| shim[*at..].starts_with(real))
            .collect();
        assert!(!places.is_empty(), "{kind:?}");
        for at in places {
            shim[at..at + 4].copy_from_slice(pretended);
        }
        let Outcome::Violation(what) = run(&launch, &python).outcome() else {
            panic!("nobody noticed: {kind:?}");
        };
        assert!(what.contains("before its page was validated"), "{what}");
    }
}

/// A shim whose entry notes a number that is no kind's stops at once: it does not go on as a plain guest.
#[test]
fn kind_that_is_none_ends_the_guest() {
    let Some(python) = emulator() else { return };
    for (kind, mark) in [(Kind::Plain, 1), (Kind::Snp, 2)] {
        for number in [0, 9] {
            let mut launch = launch(kind, 1);
            let shim = launch.page(SHIM);
            let code = [0xBA, mark, 0, 0, 0]; // mov $mark, %edx
            let place = shim.windows(5).position(|bytes| bytes == code).unwrap();
            shim[place + 1] = number;
            let Outcome::Violation(what) = run(&launch, &python).outcome() else {
                panic!("{kind:?} went on as kind {number}");
            };
            assert!(what.contains("invalid instruction 0f0b"), "{what}");
        }
    }
}
