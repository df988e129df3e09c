//! TDs that are open to their host, or are not what was expected.

use crate::support::{Question, refused, refused_of_tdx_1_5};
use attestation_tdx::test_support::{Made, Scene, offset};
use attestation_tdx::{Bytes, TdAttribute, TdxLimits, TdxReference};
use attestation_verdict::ExpectedData;

fn set_bit(scene: &mut Scene, field: usize, bit: usize) {
    scene.body[field + bit / 8] |= 1 << (bit % 8);
}

#[test]
fn td_in_debug_mode_is_refused() {
    refused(
        |scene| set_bit(scene, offset::TDATTRIBUTES, 0),
        &[("debug", "debug_mode")],
    );
}

#[test]
fn td_that_can_be_profiled_is_refused_by_each_bit() {
    for bit in 1..8 {
        refused(
            |scene| set_bit(scene, offset::TDATTRIBUTES, bit),
            &[("debug", "profiling")],
        );
    }
}

#[test]
fn td_in_debug_mode_is_accepted_where_the_policy_says_so() {
    let mut scene = Scene::new();
    set_bit(&mut scene, offset::TDATTRIBUTES, 0);
    let mut question = Question::of(&scene.make());
    question.limits.allow_debug = true;
    question.is_accepted();
}

#[test]
fn attribute_is_refused_unless_it_is_allowed_and_reserved_bits_are_always() {
    let limits = |attribute: Option<TdAttribute>, made: &Made| {
        let mut question = Question::of(made);
        question.limits.allowed_attributes = attribute.into_iter().collect();
        question
    };
    for bit in (8..64).filter(|bit| *bit != 28) {
        let mut scene = Scene::of_tdx_1_5();
        set_bit(&mut scene, offset::TDATTRIBUTES, bit);
        let made = scene.make();
        let known = TdAttribute::ALL
            .into_iter()
            .find(|one| one.mask() == 1 << bit);
        match known {
            Some(attribute) => {
                limits(None, &made).is_refused_for(&[("td_attributes", "attribute_not_allowed")]);
                limits(Some(attribute), &made).is_accepted();
            }
            None => limits(None, &made).is_refused_for(&[("td_attributes", "attributes_reserved")]),
        }
    }
}

#[test]
fn td_without_a_required_attribute_is_refused() {
    refused(
        |scene| scene.body[offset::TDATTRIBUTES + 3] = 0,
        &[("td_attributes", "attribute_missing")],
    );
}

#[test]
fn xfam_without_x87_or_sse_is_refused() {
    for byte in [0xE6, 0xE5] {
        refused(
            |scene| scene.body[offset::XFAM] = byte,
            &[("xfam", "xfam_missing")],
        );
    }
}

#[test]
fn xfam_with_a_reserved_bit_is_refused() {
    for bit in (0..64).filter(|bit| 0x6_DBE7_u64 & (1 << bit) == 0) {
        refused(
            |scene| set_bit(scene, offset::XFAM, bit),
            &[("xfam", "xfam_reserved")],
        );
    }
}

#[test]
fn xfam_with_a_feature_that_is_not_allowed_is_refused() {
    let mut question = Question::of(&Scene::new().make());
    question.limits.allowed_xfam = Bytes(0x0_DBE7_u64.to_be_bytes());
    question.is_refused_for(&[("xfam", "xfam_not_allowed")]);
}

#[test]
fn td_with_a_service_td_is_refused_unless_it_is_accepted() {
    let spoil = |scene: &mut Scene| scene.body[offset::MRSERVICETD] = 1;
    refused_of_tdx_1_5(spoil, &[("service_td", "service_td_not_accepted")]);
    let mut scene = Scene::of_tdx_1_5();
    spoil(&mut scene);
    let mut question = Question::of(&scene.make());
    let mut hash = [0; 48];
    hash[0] = 1;
    question.limits.mr_service_tds = vec![Bytes(hash)];
    question.is_accepted();
}

#[test]
fn td_whose_service_td_came_later_is_refused() {
    // In the extended body: the hashes at the launch and now.
    for at in [648 + 1 + 32 + 48, 885 - 8 - 48] {
        let mut scene = Scene::of_tdx_1_5();
        scene.body_type = 4;
        scene.body.resize(885, 0);
        scene.body[at] = 1;
        Question::of(&scene.make()).is_refused_for(&[("service_td", "service_td_not_accepted")]);
    }
}

/// Quotes of version 4, and of version 5 with a body of type 2, do not say which service TDs there are.
#[test]
fn td_that_service_tds_may_move_is_refused_where_the_body_does_not_name_them() {
    for attribute in [TdAttribute::Migratable, TdAttribute::ServtdExt] {
        for version in [4, 5] {
            let mut scene = match version {
                4 => Scene::new(),
                _ => Scene::of_tdx_1_5(),
            };
            scene.body_type = 2;
            scene.body.truncate(584);
            let bit = attribute.mask().trailing_zeros();
            set_bit(
                &mut scene,
                offset::TDATTRIBUTES,
                usize::try_from(bit).expect("small"),
            );
            let mut question = Question::of(&scene.make());
            question.limits.allowed_attributes = vec![attribute];
            question.limits.mr_service_tds = vec![Bytes([0x99; 48])];
            question.is_refused_for(&[("service_td", "service_td_unknown")]);
        }
    }
}

#[test]
fn body_of_tdx_1_0_is_refused_where_one_of_1_5_is_demanded() {
    let mut question = Question::of(&Scene::new().make());
    question.is_accepted();
    question.limits.require_body_1_5 = true;
    question.is_refused_for(&[("service_td", "body_1_5_required")]);
    let mut question = Question::of(&Scene::of_tdx_1_5().make());
    question.limits.require_body_1_5 = true;
    question.is_accepted();
}

#[test]
fn value_that_the_limits_do_not_accept_is_refused_whichever_it_is() {
    type Expect = fn(&mut TdxLimits, Vec<Bytes<48>>);
    let expected: [(&str, u8, Expect); 8] = [
        ("launch_digest", 0x32, |limits, values| {
            limits.mr_tds = Some(values)
        }),
        ("rtmr0", 0x40, |limits, values| limits.rtmr0 = Some(values)),
        ("rtmr1", 0x41, |limits, values| limits.rtmr1 = Some(values)),
        ("rtmr2", 0x42, |limits, values| limits.rtmr2 = Some(values)),
        ("rtmr3", 0, |limits, values| limits.rtmr3 = Some(values)),
        ("mr_config_id", 0, |limits, values| {
            limits.mr_config_ids = Some(values)
        }),
        ("mr_owner", 0, |limits, values| {
            limits.mr_owners = Some(values)
        }),
        ("mr_owner_config", 0, |limits, values| {
            limits.mr_owner_configs = Some(values)
        }),
    ];
    let made = Scene::new().make();
    for (check, value, expect) in expected {
        let mut question = Question::of(&made);
        expect(&mut question.limits, vec![Bytes([value; 48])]);
        question.is_accepted();
        expect(&mut question.limits, vec![Bytes([0xEE; 48])]);
        question.is_refused_for(&[(check, "value_not_accepted")]);
        expect(&mut question.limits, Vec::new());
        question.is_refused_for(&[(check, "value_not_accepted")]);
    }
}

#[test]
fn value_that_the_reference_does_not_have_is_refused_whichever_it_is() {
    let made = Scene::new().make();
    let mut question = Question::of(&made);
    question.reference = Some(TdxReference {
        mr_tds: vec![Bytes([1; 48])],
        ..TdxReference::default()
    });
    question.is_refused_for(&[("launch_digest", "value_not_accepted")]);
    // Where both say something, both have to accept.
    question.limits.mr_tds = Some(vec![Bytes([0x32; 48])]);
    question.is_refused_for(&[("launch_digest", "value_not_accepted")]);
    for (number, check) in ["rtmr0", "rtmr1", "rtmr2", "rtmr3"].into_iter().enumerate() {
        let mut reference = TdxReference::default();
        reference.rtmrs[number] = vec![Bytes([1; 48])];
        let mut question = Question::of(&made);
        question.reference = Some(reference);
        question.is_refused_for(&[(check, "value_not_accepted")]);
    }
}

#[test]
fn quote_that_binds_something_else_is_refused() {
    let mut question = Question::of(&Scene::new().make());
    let mut data = [0x50; 64];
    question.expected = ExpectedData::Exactly(data);
    question.is_accepted();
    data[63] ^= 1;
    question.expected = ExpectedData::Exactly(data);
    question.is_refused_for(&[("binding", "binding_mismatch")]);
}
