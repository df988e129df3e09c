//! The host's platform, and mitigations.

use super::{Snp, field, milan, scene, turin};
use crate::{Case, Reason};
use attestation_snp::test_support::Scene;

const PLATFORM: Reason = ("platform", "platform");
const MITIGATION: Reason = ("mitigation", "mitigation");

pub(super) fn cases() -> Vec<Snp> {
    vec![
        field(
            "platform that did not look for aliases (BadRAM)",
            PLATFORM,
            0x40,
            &[0x05],
        ),
        field(
            "memory without error-correcting codes",
            PLATFORM,
            0x40,
            &[0x21],
        ),
        scene("ciphertext that the host can read", PLATFORM, |s| {
            s.with_limits(|l| l.require_ciphertext_hiding = true)
        }),
        scene("platform with SMT", PLATFORM, |s| {
            s.with_limits(|l| l.require_smt_disabled = true)
        }),
        scene(
            "platform without memory encryption of its own",
            PLATFORM,
            |s| s.with_limits(|l| l.require_tsme = true),
        ),
        scene("platform with RAPL", PLATFORM, |s| {
            s.with_limits(|l| l.require_rapl_disabled = true)
        }),
        field("platform with trusted I/O", PLATFORM, 0x40, &[0xA5]),
        Case::new(
            "mitigation that was missing at launch",
            MITIGATION,
            mitigated,
            || mitigated().with_field(0x1F8, &[2]),
        ),
        Case::new(
            "mitigation that is missing now",
            MITIGATION,
            mitigated,
            || mitigated().with_field(0x200, &[1, 0]),
        ),
        Case::new(
            "mitigations that an older report does not tell",
            ("mitigation", "mitigation_unknown"),
            milan,
            || milan().with_limits(|l| l.current_mitigations = 1),
        ),
    ]
}

fn mitigated() -> Scene {
    let scene = turin().with_limits(|limits| {
        limits.launch_mitigations = 1;
        limits.current_mitigations = 1 << 8;
    });
    scene.with_field(0x1F8, &[3]).with_field(0x200, &[0, 1])
}
