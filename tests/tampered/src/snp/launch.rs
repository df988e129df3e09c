//! The guest: its policy, who authorised it, what it is.

use super::{Snp, both, field, milan, scene};
use crate::{Case, Reason};
use attestation_snp::Hex;
use attestation_snp::test_support::{NOW, Scene};
use attestation_verdict::ExpectedData;

const GUEST_RESERVED: Reason = ("guest_policy_reserved", "guest_policy_reserved");
const VMPL: Reason = ("vmpl", "vmpl_too_high");
const DEMANDS: Reason = ("guest_policy", "guest_policy");

pub(super) fn policy() -> Vec<Snp> {
    vec![
        field(
            "guest that its host may debug",
            ("debug", "debug_allowed"),
            0x0A,
            &[0x0B],
        ),
        field(
            "guest that may have a migration agent",
            ("migration", "migration_allowed"),
            0x0A,
            &[0x07],
        ),
        field(
            "guest that has a migration agent",
            ("report_id_ma", "migration_agent"),
            0x160,
            &[0],
        ),
        field(
            "guest with a migration agent of zeros",
            ("report_id_ma", "migration_agent"),
            0x160,
            &[0; 32],
        ),
        scene("guest that may run with SMT", ("smt", "smt_allowed"), |s| {
            s.with_limits(|l| l.allow_smt = false)
        }),
        scene(
            "guest that may run on two sockets",
            ("single_socket", "single_socket_missing"),
            |s| s.with_limits(|l| l.require_single_socket = true),
        ),
        field(
            "guest whose memory may be in a CXL device",
            ("cxl", "cxl_allowed"),
            0x08,
            &[0x1F, 0, 0x23],
        ),
        scene("guest that does not ask for AES-256", DEMANDS, |s| {
            s.with_limits(|l| l.require_policy_aes_256_xts = true)
        }),
        scene("guest that does not ask for RAPL to be off", DEMANDS, |s| {
            s.with_limits(|l| l.require_policy_rapl_disabled = true)
        }),
        scene(
            "guest that does not ask for hidden ciphertext",
            DEMANDS,
            |s| s.with_limits(|l| l.require_policy_ciphertext_hiding = true),
        ),
        scene("guest whose pages may be swapped", DEMANDS, |s| {
            s.with_limits(|l| l.require_policy_page_swap_disabled = true)
        }),
        field(
            "guest that asks for an older ABI",
            ("abi", "abi_below_minimum"),
            0x08,
            &[0x1E],
        ),
        scene(
            "minor version of the ABI below the minimum",
            ("abi", "abi_below_minimum"),
            |s| s.with_limits(|l| l.minimum_abi.minor = 32),
        ),
        scene(
            "major version of the ABI below the minimum",
            ("abi", "abi_below_minimum"),
            |s| s.with_limits(|l| l.minimum_abi.major = 1),
        ),
        field(
            "guest that asks for a newer ABI than is running",
            ("abi", "abi_not_met"),
            0x08,
            &[56, 1],
        ),
        field("policy without bit 17", GUEST_RESERVED, 0x0A, &[0x01]),
        field("policy with bit 26", GUEST_RESERVED, 0x0B, &[0x04]),
        field("policy with bit 63", GUEST_RESERVED, 0x0F, &[0x80]),
        field("report of VMPL 1", VMPL, 0x30, &[1]),
        field("report of VMPL 2", VMPL, 0x30, &[2]),
        field("report of VMPL 3", VMPL, 0x30, &[3]),
        field("report of VMPL 256", VMPL, 0x31, &[1]),
        both(
            "report of VMPL 4 where all are accepted",
            VMPL,
            |s| s.with_limits(|l| l.max_vmpl = 3),
            |s| s.with_field(0x30, &[4]),
        ),
        both(
            "report of VMPL 4 where more than all are accepted",
            VMPL,
            |s| s.with_limits(|l| l.max_vmpl = 255),
            |s| s.with_field(0x30, &[4]),
        ),
        both(
            "report that the host asked for",
            ("vmpl", "host_report"),
            |s| s.with_limits(|l| l.max_vmpl = 255),
            |s| s.with_field(0x30, &[0xFF; 4]),
        ),
    ]
}

fn empty_lists(scene: Scene) -> Scene {
    scene.with_limits(|limits| {
        limits.id_keys = Some(vec![Hex([0; 48])]);
        limits.family_ids = Some(vec![Hex([0; 16])]);
        limits.image_ids = Some(vec![Hex([0; 16])]);
        limits.host_data = Some(vec![Hex([0; 32])]);
    })
}

fn author(scene: Scene) -> Scene {
    let scene = scene.with_limits(|limits| limits.author_keys = Some(vec![Hex([7; 48])]));
    scene.with_field(0x48, &[1]).with_field(0x110, &[7; 48])
}

pub(super) fn identity() -> Vec<Snp> {
    vec![
        both("another ID key", ("id_key", "id_key"), empty_lists, |s| {
            s.with_field(0x10F, &[1])
        }),
        both(
            "no ID key is accepted",
            ("id_key", "id_key"),
            empty_lists,
            |s| s.with_limits(|l| l.id_keys = Some(Vec::new())),
        ),
        both(
            "another author key",
            ("author_key", "author_key"),
            author,
            |s| s.with_field(0x110, &[8]),
        ),
        both(
            "author key that is not said to have signed",
            ("author_key", "author_key_missing"),
            author,
            |s| s.with_field(0x48, &[0]),
        ),
        scene(
            "no author key where one is asked for",
            ("author_key", "author_key_missing"),
            |s| s.with_limits(|l| l.author_keys = Some(vec![Hex([0; 48])])),
        ),
        both(
            "another family",
            ("family_id", "family_id"),
            empty_lists,
            |s| s.with_field(0x1F, &[1]),
        ),
        both(
            "no family is accepted",
            ("family_id", "family_id"),
            empty_lists,
            |s| s.with_limits(|l| l.family_ids = Some(Vec::new())),
        ),
        both(
            "another image",
            ("image_id", "image_id"),
            empty_lists,
            |s| s.with_field(0x20, &[1]),
        ),
        both(
            "other data of the host's",
            ("host_data", "host_data"),
            empty_lists,
            |s| s.with_field(0xDF, &[1]),
        ),
        both(
            "no data of the host's is accepted",
            ("host_data", "host_data"),
            empty_lists,
            |s| s.with_limits(|l| l.host_data = Some(Vec::new())),
        ),
    ]
}

pub(super) fn launch() -> Vec<Snp> {
    const BINDING: Reason = ("binding", "binding_mismatch");
    const UNKNOWN: Reason = ("launch_digest", "launch_digest_unknown");
    vec![
        field("REPORT_DATA of something else", BINDING, 0x50, &[0]),
        field(
            "REPORT_DATA that differs in its last byte",
            BINDING,
            0x8F,
            &[0],
        ),
        scene("something else is expected", BINDING, |s| {
            s.with(|s| s.expected = ExpectedData::Exactly([0; 64]))
        }),
        field("another launch", UNKNOWN, 0x90, &[0]).silencing(&["reference_validity"]),
        field(
            "launch digest that differs in its last byte",
            UNKNOWN,
            0xBF,
            &[0],
        )
        .silencing(&["reference_validity"]),
        scene("no launch is accepted", UNKNOWN, |s| {
            s.with(|s| s.references = Some(Vec::new()))
        })
        .silencing(&["reference_validity"]),
        Case::new(
            "reference value of the next second",
            ("reference_validity", "reference_not_yet_valid"),
            milan,
            || reference(|reference| reference.not_before = NOW + 1),
        ),
        Case::new(
            "reference value of the last second",
            ("reference_validity", "reference_expired"),
            milan,
            || reference(|reference| reference.not_after = NOW - 1),
        ),
        scene(
            "guest's SVN below the minimum",
            ("guest_svn", "guest_svn_below_minimum"),
            |s| s.with_limits(|l| l.minimum_guest_svn = 4),
        ),
        scene(
            "guest's SVN below its reference value's",
            ("guest_svn", "guest_svn_below_reference"),
            |s| {
                s.with(|s| {
                    s.references
                        .iter_mut()
                        .flatten()
                        .for_each(|it| it.min_guest_svn = Some(4))
                })
            },
        ),
    ]
}

fn reference(change: fn(&mut attestation_snp::ReferenceValue)) -> Scene {
    milan().with(|scene| scene.references.iter_mut().flatten().for_each(change))
}
