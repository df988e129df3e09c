//! Guests and platforms that are refused.

use attestation_snp::test_support::{Scene, offset};
use attestation_snp::{Product, SnpCheck, SnpLimits};

/// One member of the limits.
type Member<T> = fn(&mut SnpLimits) -> &mut T;

fn milan() -> Scene {
    Scene::new(Product::Milan)
}

/// With another guest policy.
fn policy(bits: u64) -> Scene {
    milan().with_field(offset::POLICY, &bits.to_le_bytes())
}

#[test]
fn guest_that_its_host_can_debug_is_refused_unless_accepted() {
    let scene = policy(0x3_001F | 1 << 19);
    assert_eq!(scene.refused_only_by(SnpCheck::Debug), "debug_allowed");
    assert!(
        scene
            .with_limits(|limits| limits.allow_debug = true)
            .judge()
            .accepted()
    );
}

#[test]
fn guest_that_a_migration_agent_may_take_is_refused_unless_accepted() {
    let scene = policy(0x3_001F | 1 << 18);
    assert_eq!(
        scene.refused_only_by(SnpCheck::Migration),
        "migration_allowed"
    );
    assert!(
        scene
            .with_limits(|limits| limits.allow_migration = true)
            .judge()
            .accepted()
    );
}

#[test]
fn guest_with_a_migration_agent_is_refused_unless_accepted() {
    for id in [[0; 32], [7; 32]] {
        let scene = milan().with_field(offset::REPORT_ID_MA, &id);
        assert_eq!(
            scene.refused_only_by(SnpCheck::ReportIdMa),
            "migration_agent"
        );
        assert!(
            scene
                .with_limits(|limits| limits.allow_migration = true)
                .judge()
                .accepted()
        );
    }
}

#[test]
fn guest_that_allows_smt_is_refused_where_that_is_not_accepted() {
    let without = |scene: Scene| scene.with_limits(|limits| limits.allow_smt = false);
    assert_eq!(
        without(milan()).refused_only_by(SnpCheck::Smt),
        "smt_allowed"
    );
    assert!(without(policy(0x2_001F)).judge().accepted());
}

#[test]
fn guest_on_several_sockets_is_refused_where_one_is_required() {
    let required = |scene: Scene| scene.with_limits(|limits| limits.require_single_socket = true);
    let code = required(milan()).refused_only_by(SnpCheck::SingleSocket);
    assert_eq!(code, "single_socket_missing");
    assert!(required(policy(0x3_001F | 1 << 20)).judge().accepted());
}

#[test]
fn guest_whose_memory_cxl_devices_may_hold_is_refused_unless_accepted() {
    let scene = policy(0x3_001F | 1 << 21);
    assert_eq!(scene.refused_only_by(SnpCheck::Cxl), "cxl_allowed");
    let accepting = scene.with_limits(|limits| limits.allow_cxl = true);
    assert!(accepting.judge().accepted());
}

#[test]
fn guest_policy_that_does_not_ask_for_what_is_required_is_refused() {
    let demands: [(Member<bool>, u32); 4] = [
        (|limits| &mut limits.require_policy_aes_256_xts, 22),
        (|limits| &mut limits.require_policy_rapl_disabled, 23),
        (|limits| &mut limits.require_policy_ciphertext_hiding, 24),
        (|limits| &mut limits.require_policy_page_swap_disabled, 25),
    ];
    let best = 0x3_001F | 0b1111 << 22;
    for (demand, bit) in demands {
        let required = |bits| policy(bits).with_limits(|limits| *demand(limits) = true);
        let code = required(best ^ 1 << bit).refused_only_by(SnpCheck::GuestPolicy);
        assert_eq!(code, "guest_policy", "bit {bit}");
        assert!(
            required(0x3_001F | 1 << bit).judge().accepted(),
            "bit {bit}"
        );
    }
}

#[test]
fn guest_that_asks_for_too_old_an_abi_is_refused() {
    for bits in [0x3_001E, 0x3_0000] {
        assert_eq!(
            policy(bits).refused_only_by(SnpCheck::Abi),
            "abi_below_minimum"
        );
    }
}

#[test]
fn guest_that_did_not_get_the_abi_it_asks_for_is_refused() {
    for bits in [0x3_0138, 0x3_0200] {
        assert_eq!(policy(bits).refused_only_by(SnpCheck::Abi), "abi_not_met");
    }
    assert!(policy(0x3_0137).judge().accepted());
}

#[test]
fn guest_policy_with_reserved_bits_wrong_is_refused() {
    for bits in [0x1_001F, 0x3_001F | 1 << 26, 0x3_001F | 1 << 63] {
        let code = policy(bits).refused_only_by(SnpCheck::GuestPolicyReserved);
        assert_eq!(code, "guest_policy_reserved");
    }
}

#[test]
fn report_of_a_less_privileged_level_is_refused_unless_accepted() {
    let at = |vmpl: u32| milan().with_field(offset::VMPL, &vmpl.to_le_bytes());
    for vmpl in [1, 3, 4, u32::MAX - 1] {
        assert_eq!(at(vmpl).refused_only_by(SnpCheck::Vmpl), "vmpl_too_high");
    }
    let accepting = |scene: Scene, max| scene.with_limits(|limits| limits.max_vmpl = max);
    assert!(accepting(at(1), 1).judge().accepted());
    assert_eq!(
        accepting(at(4), 255).refused_only_by(SnpCheck::Vmpl),
        "vmpl_too_high"
    );
}

#[test]
fn report_that_the_host_asked_for_is_refused() {
    let scene = milan().with_field(offset::VMPL, &[0xFF; 4]);
    let scene = scene.with_limits(|limits| limits.max_vmpl = 255);
    assert_eq!(scene.refused_only_by(SnpCheck::Vmpl), "host_report");
}

#[test]
fn platform_that_is_not_set_up_as_required_is_refused() {
    let demands: [(Member<bool>, u8); 6] = [
        (|limits| &mut limits.require_smt_disabled, 0),
        (|limits| &mut limits.require_tsme, 1),
        (|limits| &mut limits.require_ecc, 2),
        (|limits| &mut limits.require_rapl_disabled, 3),
        (|limits| &mut limits.require_ciphertext_hiding, 4),
        (|limits| &mut limits.require_alias_check, 5),
    ];
    // Everything that can be asked for, and SMT off.
    let best = 0b11_1110;
    for (demand, bit) in demands {
        let required = || {
            milan().with_limits(|limits| {
                limits.require_ecc = false;
                limits.require_alias_check = false;
                *demand(limits) = true;
            })
        };
        let scene = required().with_field(offset::PLATFORM_INFO, &[best ^ 1 << bit]);
        assert_eq!(
            scene.refused_only_by(SnpCheck::Platform),
            "platform",
            "bit {bit}"
        );
        let scene = required().with_field(offset::PLATFORM_INFO, &[best]);
        assert!(scene.judge().accepted(), "bit {bit}");
    }
}

#[test]
fn platform_with_bits_that_nobody_named_is_accepted() {
    let info = |bits: u64| milan().with_field(offset::PLATFORM_INFO, &bits.to_le_bytes());
    assert!(info(0x67).judge().accepted(), "as Turin's reports have it");
    assert!(info(0x67 | !0xFF).judge().accepted(), "bits 8 to 63");
}

#[test]
fn platform_with_trusted_io_is_refused_unless_accepted() {
    let scene = milan().with_field(offset::PLATFORM_INFO, &[0x25 | 1 << 7]);
    assert_eq!(scene.refused_only_by(SnpCheck::Platform), "platform");
    let accepting = scene.with_limits(|limits| limits.allow_tio = true);
    assert!(accepting.judge().accepted());
}

#[test]
fn guest_without_a_mitigation_that_is_asked_for_is_refused() {
    let demands: [(Member<u64>, usize); 2] = [
        (
            |limits| &mut limits.launch_mitigations,
            offset::LAUNCH_MIT_VECTOR,
        ),
        (
            |limits| &mut limits.current_mitigations,
            offset::CURRENT_MIT_VECTOR,
        ),
    ];
    for (demand, at) in demands {
        let turin = || Scene::new(Product::Turin).with_limits(|limits| *demand(limits) = 0b101);
        let scene = turin().with_field(at, &[0b001]);
        assert_eq!(scene.refused_only_by(SnpCheck::Mitigation), "mitigation");
        assert!(turin().with_field(at, &[0b111]).judge().accepted());
        let scene = milan().with_limits(|limits| *demand(limits) = 1);
        assert_eq!(
            scene.refused_only_by(SnpCheck::Mitigation),
            "mitigation_unknown"
        );
    }
}
