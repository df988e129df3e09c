//! TCB versions and the firmware's own.

use super::{Snp, chip, chip_of, extension, field, milan, scene, scene_of_turin, turin};
use crate::{Case, Reason};
use attestation_snp::test_support::{Certificates, Scene};
use attestation_snp::{Product, TcbLimit, TcbLimits, VekKind};

const UNREADABLE: Reason = ("tcb_certificate", "certificate_tcb");
const OTHER: Reason = ("tcb_certificate", "tcb_not_of_certificate");
const LAYOUT: Reason = ("tcb_certificate", "certificate_tcb_layout");
const ORDER: Reason = ("tcb_order", "tcb_order");
const FIRMWARE_ORDER: Reason = ("tcb_order", "firmware_order");
const RESERVED: Reason = ("tcb_order", "tcb_reserved");
const BELOW: Reason = ("tcb_minimum", "tcb_below_minimum");
const FIRMWARE: Reason = ("firmware", "firmware_below_minimum");
const TURIN: (Product, VekKind) = (Product::Turin, VekKind::Vcek);

pub(super) fn cases() -> Vec<Snp> {
    let mut all = certificate();
    all.extend(order());
    for which in [reported, committed, current, launch] {
        for part in [boot_loader, tee, snp, microcode] {
            all.push(below(which, part, milan));
        }
        all.push(below(which, fmc, turin));
    }
    all.extend([
        scene("build of the firmware below the minimum", FIRMWARE, |s| {
            s.with_limits(|l| l.minimum_firmware.build = 30)
        }),
        scene(
            "minor version of the firmware below the minimum",
            FIRMWARE,
            |s| s.with_limits(|l| l.minimum_firmware.minor = 56),
        ),
        scene(
            "major version of the firmware below the minimum",
            FIRMWARE,
            |s| s.with_limits(|l| l.minimum_firmware.major = 2),
        ),
        field(
            "running firmware that could be taken back below the minimum",
            FIRMWARE,
            0x1EC,
            &[28],
        ),
    ]);
    all
}

fn certificate() -> Vec<Snp> {
    vec![
        chip("VEK without a boot loader's version", UNREADABLE, |c| {
            extension(c, &[3, 1], None)
        }),
        chip("VEK without a TEE's version", UNREADABLE, |c| {
            extension(c, &[3, 2], None)
        }),
        chip("VEK without an SNP version", UNREADABLE, |c| {
            extension(c, &[3, 3], None)
        }),
        chip("VEK without a microcode version", UNREADABLE, |c| {
            extension(c, &[3, 8], None)
        }),
        chip("VEK with a version of 256", UNREADABLE, |c| {
            extension(c, &[3, 8], Some(&[2, 2, 1, 0]))
        }),
        chip("VEK with a negative version", UNREADABLE, |c| {
            extension(c, &[3, 1], Some(&[2, 1, 0x84]))
        }),
        chip(
            "VEK with a version that is not at its shortest",
            UNREADABLE,
            |c| {
                extension(c, &[3, 1], Some(&[2, 2, 0, 4]));
            },
        ),
        chip("VEK with a version that is no number", UNREADABLE, |c| {
            extension(c, &[3, 1], Some(&[5, 0]))
        }),
        chip("VEK with a version and more", UNREADABLE, |c| {
            extension(c, &[3, 1], Some(&[2, 1, 4, 0]))
        }),
        chip("VEK with an empty version", UNREADABLE, |c| {
            extension(c, &[3, 1], Some(&[]))
        }),
        chip("VEK with a spare version", UNREADABLE, |c| {
            extension(c, &[3, 5], Some(&[2, 1, 1]))
        }),
        chip("Milan's VEK with an FMC", LAYOUT, |c| {
            extension(c, &[3, 9], Some(&[2, 1, 7]))
        }),
        chip_of("Turin's VEK without an FMC", LAYOUT, TURIN, |c| {
            extension(c, &[3, 9], None)
        }),
        chip("VEK of an older boot loader", OTHER, |c| {
            extension(c, &[3, 1], Some(&[2, 1, 3]))
        }),
        chip("VEK of a newer boot loader", OTHER, |c| {
            extension(c, &[3, 1], Some(&[2, 1, 5]))
        }),
        chip("VEK of another TEE", OTHER, |c| {
            extension(c, &[3, 2], Some(&[2, 1, 0]))
        }),
        chip("VEK of another SNP", OTHER, |c| {
            extension(c, &[3, 3], Some(&[2, 1, 23]))
        }),
        chip("VEK of another microcode", OTHER, |c| {
            extension(c, &[3, 8], Some(&[2, 2, 0, 218]))
        }),
        chip_of("Turin's VEK of another FMC", OTHER, TURIN, |c| {
            extension(c, &[3, 9], Some(&[2, 1, 6]))
        }),
        Case::new("VLEK of another microcode", OTHER, vlek, || {
            let certificates = Certificates::of(Product::Milan, VekKind::Vlek);
            Scene::of(certificates.with_extension(&[3, 8], Some(vec![2, 2, 0, 218])))
        }),
    ]
}

fn vlek() -> Scene {
    Scene::with_vlek(Product::Milan)
}

fn order() -> Vec<Snp> {
    vec![
        field(
            "committed boot loader above the running one",
            ORDER,
            0x1E0,
            &[5],
        ),
        field("committed TEE above the running one", ORDER, 0x1E1, &[2]),
        field("committed SNP above the running one", ORDER, 0x1E6, &[25]),
        field(
            "committed microcode above the running one",
            ORDER,
            0x1E7,
            &[220],
        ),
        field(
            "launch microcode above the running one",
            ORDER,
            0x1F7,
            &[220],
        ),
        field(
            "launch boot loader above the running one",
            ORDER,
            0x1F0,
            &[5],
        ),
        scene_of_turin("Turin's committed FMC above the running one", ORDER, |s| {
            s.with_field(0x1E0, &[8])
        }),
        field(
            "committed build above the running one",
            FIRMWARE_ORDER,
            0x1EC,
            &[30],
        ),
        field(
            "committed minor version above the running one",
            FIRMWARE_ORDER,
            0x1ED,
            &[56],
        ),
        field(
            "committed major version above the running one",
            FIRMWARE_ORDER,
            0x1EE,
            &[2],
        ),
        field("reserved byte of CURRENT_TCB", RESERVED, 0x3A, &[1]),
        field("reserved byte of REPORTED_TCB", RESERVED, 0x185, &[1]),
        field("reserved byte of COMMITTED_TCB", RESERVED, 0x1E2, &[1]),
        field("reserved byte of LAUNCH_TCB", RESERVED, 0x1F5, &[1]),
        scene_of_turin("reserved byte of Turin's CURRENT_TCB", RESERVED, |s| {
            s.with_field(0x3E, &[1])
        }),
    ]
}

type Which = fn(&mut TcbLimits) -> (&'static str, &mut TcbLimit);
type Part = fn(&mut TcbLimit) -> (&'static str, &mut u8);

fn reported(limits: &mut TcbLimits) -> (&'static str, &mut TcbLimit) {
    ("reported", &mut limits.reported)
}

fn committed(limits: &mut TcbLimits) -> (&'static str, &mut TcbLimit) {
    ("committed", &mut limits.committed)
}

fn current(limits: &mut TcbLimits) -> (&'static str, &mut TcbLimit) {
    ("current", &mut limits.current)
}

fn launch(limits: &mut TcbLimits) -> (&'static str, &mut TcbLimit) {
    ("launch", &mut limits.launch)
}

fn fmc(limit: &mut TcbLimit) -> (&'static str, &mut u8) {
    ("FMC", &mut limit.fmc)
}

fn boot_loader(limit: &mut TcbLimit) -> (&'static str, &mut u8) {
    ("boot loader", &mut limit.boot_loader)
}

fn tee(limit: &mut TcbLimit) -> (&'static str, &mut u8) {
    ("TEE", &mut limit.tee)
}

fn snp(limit: &mut TcbLimit) -> (&'static str, &mut u8) {
    ("SNP", &mut limit.snp)
}

fn microcode(limit: &mut TcbLimit) -> (&'static str, &mut u8) {
    ("microcode", &mut limit.microcode)
}

/// A part of one version is below its own minimum, and below no other.
fn below(which: Which, part: Part, of: fn() -> Scene) -> Snp {
    let mut limits = of().limits.minimum_tcb;
    let (version, limit) = which(&mut limits);
    let name = format!("{} of the {version} TCB below its minimum", part(limit).0);
    Case::new(name, BELOW, of, move || {
        of().with_limits(|limits| *part(which(&mut limits.minimum_tcb).1).1 = 0xFF)
    })
}
