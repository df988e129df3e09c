//! The report's own form.

use super::{Snp, both, field, scene, scene_of_turin, turin};
use crate::Case;

const VERSION: (&str, &str) = ("report_format", "report_version");
const ALGORITHM: (&str, &str) = ("report_format", "signature_algorithm");
const RESERVED: (&str, &str) = ("report_format", "reserved_not_zero");

pub(super) fn cases() -> Vec<Snp> {
    let mut all = vec![
        scene("report of version 0", VERSION, |s| without_cpu(s, 0)),
        scene("report of version 1", VERSION, |s| without_cpu(s, 1)),
        field("report of version 4", VERSION, 0, &[4]),
        field("report of version 6", VERSION, 0, &[6]),
        field("report of version 0x103", VERSION, 1, &[1]),
        field("report of version 0xffffffff", VERSION, 0, &[0xFF; 4]),
        field("no signature algorithm", ALGORITHM, 0x34, &[0]),
        field("signature algorithm 2", ALGORITHM, 0x34, &[2]),
        field("signature algorithm 0x101", ALGORITHM, 0x35, &[1]),
        field("key info with bit 5", RESERVED, 0x48, &[0x20]),
        field("key info with bit 31", RESERVED, 0x4B, &[0x80]),
        both(
            "report of version 2 with a CPU",
            RESERVED,
            |s| without_cpu(s, 2),
            |s| s.with_field(0x188, &[0x19]),
        ),
        both(
            "report of version 2 with a stepping",
            RESERVED,
            |s| without_cpu(s, 2),
            |s| s.with_field(0x18A, &[1]),
        ),
        field(
            "report of version 3 with mitigations at launch",
            RESERVED,
            0x1F8,
            &[1],
        ),
        field(
            "report of version 3 with current mitigations",
            RESERVED,
            0x207,
            &[1],
        ),
        scene_of_turin("Turin's report with a reserved byte", RESERVED, |s| {
            s.with_field(0x29F, &[1])
        }),
    ];
    all.extend([0x4C, 0x4F, 0x18B, 0x19F, 0x1EB, 0x1EF, 0x208, 0x240, 0x29F].map(reserved));
    all.push(Case::new(
        "report of version 3 by a Turin",
        ("report_format", "reserved_not_zero"),
        turin_3,
        || turin_3().with_field(0x1F8, &[1]),
    ));
    all
}

fn reserved(at: usize) -> Snp {
    field(&format!("reserved byte {at:#x}"), RESERVED, at, &[0x80])
}

fn without_cpu(
    scene: attestation_snp::test_support::Scene,
    version: u8,
) -> attestation_snp::test_support::Scene {
    scene.with_report(|report| {
        report[0] = version;
        report[0x188..0x18B].fill(0);
    })
}

fn turin_3() -> attestation_snp::test_support::Scene {
    turin().with_field(0, &[3])
}
