//! The signature: whatever else in the report may have another value as well, it was signed as it was.

use super::{Snp, milan, scene};
use crate::{Case, Reason};
use attestation_snp::TcbLimit;
use attestation_snp::test_support::Scene;
use attestation_verdict::ExpectedData;

const INVALID: Reason = ("signature", "signature_invalid");
const MALFORMED: Reason = ("signature", "signature_malformed");

/// Fields of which another value is as good, with an offset and that value.
const FIELDS: [(&str, usize, u8); 28] = [
    ("GUEST_SVN", 0x04, 9),
    ("the policy's ABI", 0x08, 0x20),
    ("the policy's socket bit", 0x0A, 0x13),
    ("FAMILY_ID", 0x10, 1),
    ("IMAGE_ID", 0x2F, 1),
    ("VMPL", 0x30, 1),
    ("CURRENT_TCB", 0x3F, 0xFE),
    ("PLATFORM_INFO", 0x40, 0x27),
    ("PLATFORM_INFO's last byte", 0x47, 1),
    ("KEY_INFO", 0x48, 1),
    ("REPORT_DATA", 0x50, 1),
    ("REPORT_DATA's last byte", 0x8F, 1),
    ("MEASUREMENT", 0x90, 1),
    ("MEASUREMENT's last byte", 0xBF, 1),
    ("HOST_DATA", 0xC0, 1),
    ("ID_KEY_DIGEST", 0xE0, 1),
    ("AUTHOR_KEY_DIGEST", 0x110, 1),
    ("REPORT_ID", 0x140, 1),
    ("REPORT_ID_MA", 0x160, 1),
    ("REPORT_ID_MA's last byte", 0x17F, 1),
    ("CPUID_STEP", 0x18A, 0),
    ("COMMITTED_TCB", 0x1E7, 0xDC),
    ("CURRENT_BUILD", 0x1E8, 30),
    ("CURRENT_MINOR", 0x1E9, 56),
    ("CURRENT_MAJOR", 0x1EA, 2),
    ("COMMITTED_BUILD", 0x1EC, 28),
    ("LAUNCH_TCB", 0x1F7, 0xDA),
    ("COMMITTED_MINOR", 0x1ED, 54),
];

pub(super) fn cases() -> Vec<Snp> {
    let mut all: Vec<Snp> = FIELDS.into_iter().map(changed).collect();
    all.extend([
        edit("r changed", INVALID, |report| report[0x2A0] ^= 1),
        edit("s changed", INVALID, |report| report[0x2A0 + 72] ^= 1),
        edit("r and s exchanged", INVALID, |report| {
            let (r, s) = report[0x2A0..0x330].split_at_mut(72);
            r.swap_with_slice(s);
        }),
        edit("r and s zero", INVALID, |report| {
            report[0x2A0..0x330].fill(0)
        }),
        edit("r and s at their largest", INVALID, |report| {
            report[0x2A0..0x2D0].fill(0xFF);
            report[0x2E8..0x318].fill(0xFF);
        }),
        edit("byte beside r", MALFORMED, |report| report[0x2D0] = 1),
        edit("last byte beside r", MALFORMED, |report| report[0x2E7] = 1),
        edit("byte beside s", MALFORMED, |report| report[0x318] = 1),
        edit("byte after the signature", MALFORMED, |report| {
            report[0x330] = 1
        }),
        edit("last byte of the report", MALFORMED, |report| {
            report[0x49F] = 1
        }),
        scene("signature of another chip", INVALID, |s| {
            s.with(|s| milan().chip.sign(&mut s.report))
        }),
    ]);
    all
}

fn changed((name, at, value): (&'static str, usize, u8)) -> Snp {
    let good = move || tolerant().with_field(at, &[value]);
    let bad = move || good().with(|scene| scene.report[at] = before(at));
    Case::new(format!("{name} changed after signing"), INVALID, good, bad)
}

/// What stands there in the report that is made.
fn before(at: usize) -> u8 {
    tolerant().report[at]
}

fn edit(name: &str, reason: Reason, edit: fn(&mut [u8; 1184])) -> Snp {
    Case::new(name, reason, milan, move || {
        milan().with(|scene| edit(&mut scene.report))
    })
}

/// A relying party that takes either value of each field.
fn tolerant() -> Scene {
    // The running microcode is far above the committed, which may then be another too.
    milan().with_field(0x3F, &[0xFF]).with(|scene| {
        let none = TcbLimit {
            fmc: 0,
            boot_loader: 0,
            tee: 0,
            snp: 0,
            microcode: 0,
        };
        let tcb = &mut scene.limits.minimum_tcb;
        for limit in [
            &mut tcb.reported,
            &mut tcb.committed,
            &mut tcb.current,
            &mut tcb.launch,
        ] {
            *limit = none;
        }
        scene.limits.minimum_firmware.minor = 0;
        scene.limits.max_vmpl = 3;
        scene.limits.allow_migration = true;
        scene.expected = ExpectedData::Unbound;
        scene.references = None;
    })
}
