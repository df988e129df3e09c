//! Platforms, their TDX modules and their quoting enclaves, good enough and not.

use crate::support::{Question, refused, refused_of_tdx_1_5};
use attestation_tdx::test_support::{Scene, offset};
use attestation_tdx::{Bytes, MAX_GRACE_DAYS, TcbStatus, TdxClaims};

/// The status that the claims name, and the advisories.
fn tcb(scene: &Scene) -> (TcbStatus, Vec<String>) {
    let made = scene.make();
    let tcb = TdxClaims::read(&made.quote, &made.proven())
        .tcb
        .expect("a level is met");
    (tcb.status, tcb.advisories)
}

/// CPU below the newest level.
fn old_cpu(scene: &mut Scene) {
    scene.sgx.cpu_svn = [1; 16];
}

#[test]
fn platform_out_of_date_is_refused_with_its_advisory() {
    refused(
        old_cpu,
        &[("tcb_status", "tcb_status"), ("advisories", "advisory")],
    );
}

#[test]
fn platform_out_of_date_is_accepted_where_the_policy_says_so() {
    let mut scene = Scene::new();
    old_cpu(&mut scene);
    let mut question = Question::of(&scene.make());
    question.limits.accepted_tcb_statuses = vec![TcbStatus::OutOfDate];
    question.limits.accepted_advisories = Some(vec!["INTEL-SA-00001".to_owned()]);
    question.is_accepted();
    question.limits.accepted_advisories = None;
    question.is_accepted();
}

#[test]
fn grace_ends_after_its_days() {
    let mut scene = Scene::new();
    old_cpu(&mut scene);
    let mut question = Question::of(&scene.make());
    question.limits.accepted_advisories = None;
    // The level is of 2026-11-01, this is 2026-11-22, noon.
    question.limits.grace_days = 22;
    question.is_accepted();
    question.limits.grace_days = 21;
    question.is_refused_for(&[("tcb_status", "grace_over")]);
    question.limits.grace_days = 0;
    question.is_refused_for(&[("tcb_status", "tcb_status")]);
}

#[test]
fn grace_is_for_platforms_out_of_date_only() {
    let mut scene = Scene::new();
    scene.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
    let mut question = Question::of(&scene.make());
    question.limits.grace_days = MAX_GRACE_DAYS;
    question.is_refused_for(&[("tcb_status", "tcb_status")]);
}

#[test]
fn grace_forgives_age_and_neither_configuration_nor_software() {
    for (level, but_for_age) in [
        (
            "OutOfDateConfigurationNeeded",
            TcbStatus::ConfigurationNeeded,
        ),
        ("OutOfDate", TcbStatus::UpToDate),
    ] {
        let mut scene = Scene::new();
        scene.tcb_info["tcbLevels"][0]["tcbStatus"] = level.into();
        in_grace_if_accepted(&scene, but_for_age);
    }
    // It is the module that is out of date, of a platform that is something else.
    for (level, status) in [
        ("SWHardeningNeeded", TcbStatus::SWHardeningNeeded),
        ("ConfigurationNeeded", TcbStatus::ConfigurationNeeded),
    ] {
        let mut scene = Scene::of_tdx_1_5();
        scene.body[offset::TEE_TCB_SVN] = 2;
        scene.body[offset::TEE_TCB_SVN_2] = 2;
        scene.tcb_info["tcbLevels"][0]["tcbStatus"] = level.into();
        in_grace_if_accepted(&scene, status);
    }
    // Or the quoting enclave, whose own configuration is wrong.
    let mut scene = Scene::new();
    scene.qe_identity["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
    let mut question = Question::of(&scene.make());
    question.limits.grace_days = MAX_GRACE_DAYS;
    question.is_refused_for(&[("tcb_status", "tcb_status")]);
}

/// Out of date, and accepted in the days of grace only where the rest of its state is.
#[track_caller]
fn in_grace_if_accepted(scene: &Scene, but_for_age: TcbStatus) {
    let mut question = Question::of(&scene.make());
    question.limits.accepted_advisories = None;
    question.limits.grace_days = MAX_GRACE_DAYS;
    question.limits.accepted_tcb_statuses = vec![but_for_age];
    question.is_accepted();
    question.limits.accepted_tcb_statuses = [
        TcbStatus::UpToDate,
        TcbStatus::SWHardeningNeeded,
        TcbStatus::ConfigurationNeeded,
    ]
    .into_iter()
    .filter(|status| *status != but_for_age)
    .collect();
    question.is_refused_for(&[("tcb_status", "tcb_status")]);
}

#[test]
fn revoked_platform_is_refused_whatever_the_policy_says() {
    let mut scene = Scene::new();
    scene.sgx.cpu_svn = [0; 16];
    let mut question = Question::of(&scene.make());
    question.limits.accepted_tcb_statuses = vec![TcbStatus::Revoked, TcbStatus::UpToDate];
    question.limits.accepted_advisories = None;
    question.limits.grace_days = MAX_GRACE_DAYS;
    question.is_refused_for(&[("tcb_status", "tcb_revoked")]);
}

#[test]
fn platform_below_every_level_is_refused() {
    refused(
        |scene| scene.sgx.pce_svn = 4,
        &[("tcb_status", "tcb_below_every_level")],
    );
}

#[test]
fn every_component_counts() {
    type Lower = fn(&mut Scene);
    let lowered: [Lower; 3] = [
        |scene| scene.sgx.cpu_svn[15] = 1,
        |scene| scene.sgx.pce_svn = 10,
        |scene| scene.body[offset::TEE_TCB_SVN + 2] = 1,
    ];
    for lower in lowered {
        let mut scene = Scene::new();
        lower(&mut scene);
        assert_ne!(tcb(&scene).0, TcbStatus::UpToDate);
    }
    assert_eq!(tcb(&Scene::new()), (TcbStatus::UpToDate, Vec::new()));
}

#[test]
fn levels_are_matched_whatever_their_order_in_the_document() {
    let mut scene = Scene::new();
    scene.tcb_info["tcbLevels"]
        .as_array_mut()
        .expect("a list")
        .reverse();
    scene.tcb_info["tdxModuleIdentities"][0]["tcbLevels"]
        .as_array_mut()
        .expect("a list")
        .reverse();
    scene.qe_identity["tcbLevels"]
        .as_array_mut()
        .expect("a list")
        .reverse();
    Question::of(&scene.make()).is_accepted();
}

#[test]
fn module_out_of_date_makes_the_platform_so() {
    let mut scene = Scene::new();
    scene.body[offset::TEE_TCB_SVN] = 2;
    let advisories = vec!["INTEL-SA-00003".to_owned()];
    assert_eq!(tcb(&scene), (TcbStatus::OutOfDate, advisories));
    refused(
        |scene| scene.body[offset::TEE_TCB_SVN] = 2,
        &[("tcb_status", "tcb_status"), ("advisories", "advisory")],
    );
}

#[test]
fn module_below_every_level_is_refused() {
    refused(
        |scene| scene.body[offset::TEE_TCB_SVN] = 1,
        &[("tcb_status", "module_below_every_level")],
    );
}

#[test]
fn module_of_version_0_is_judged_by_the_levels_components() {
    let mut scene = Scene::new();
    scene.body[offset::TEE_TCB_SVN + 1] = 0;
    Question::of(&scene.make()).is_accepted();
    scene.body[offset::TEE_TCB_SVN] = 2;
    assert_eq!(tcb(&scene).0, TcbStatus::OutOfDate);
}

#[test]
fn quoting_enclave_out_of_date_makes_the_platform_so() {
    let mut scene = Scene::new();
    scene.qe[offset::QE_ISVSVN] = 3;
    assert_eq!(
        tcb(&scene),
        (TcbStatus::OutOfDate, vec!["INTEL-SA-00004".to_owned()])
    );
    scene.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
    assert_eq!(tcb(&scene).0, TcbStatus::OutOfDateConfigurationNeeded);
}

#[test]
fn quoting_enclave_that_is_neither_good_nor_revoked_is_out_of_date() {
    for status in [
        TcbStatus::ConfigurationNeeded,
        TcbStatus::OutOfDate,
        TcbStatus::OutOfDateConfigurationNeeded,
    ] {
        let mut scene = Scene::new();
        scene.qe_identity["tcbLevels"][0]["tcbStatus"] = status.to_string().into();
        let made = scene.make();
        let claims = TdxClaims::read(&made.quote, &made.proven()).tcb;
        let claims = claims.expect("a level is met");
        assert_eq!(claims.status, TcbStatus::OutOfDate, "{status}");
        assert_eq!(claims.qe_status, status, "as the document has it");
        let question = Question::of(&made);
        question.is_refused_for(&[("tcb_status", "tcb_status")]);
    }
}

#[test]
fn module_that_the_tcb_info_does_not_know_is_refused() {
    refused(
        |scene| scene.body[offset::TEE_TCB_SVN + 1] = 4,
        &[("module_identity", "module_unknown")],
    );
}

#[test]
fn module_by_another_signer_is_refused() {
    for version in [0, 3] {
        refused(
            |scene| {
                scene.body[offset::TEE_TCB_SVN + 1] = version;
                scene.body[offset::MRSIGNERSEAM] = 1;
            },
            &[("module_identity", "module_signer")],
        );
    }
}

#[test]
fn module_with_other_attributes_is_refused() {
    let attributes = &[("module_identity", "module_attributes")];
    refused(|scene| scene.body[offset::SEAMATTRIBUTES] = 1, attributes);
    refused(
        |scene| {
            scene.body[offset::SEAMATTRIBUTES + 7] = 1;
            // A bit outside the mask has to be zero too.
            scene.tcb_info["tdxModuleIdentities"][0]["attributesMask"] = "FFFFFFFFFFFFFF00".into();
        },
        attributes,
    );
}

#[test]
fn td_launched_out_of_date_and_updated_since_has_to_be_launched_again() {
    let mut scene = Scene::of_tdx_1_5();
    scene.body[offset::TEE_TCB_SVN] = 2;
    assert_eq!(tcb(&scene).0, TcbStatus::TDRelaunchAdvised);
    scene.tcb_info["tcbLevels"][0]["tcbStatus"] = "ConfigurationNeeded".into();
    assert_eq!(
        tcb(&scene).0,
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded
    );
    // Here it is the present level alone that needs configuration.
    scene.body[offset::TEE_TCB_SVN + 1] = 0;
    assert_eq!(
        tcb(&scene).0,
        TcbStatus::TDRelaunchAdvisedConfigurationNeeded
    );
    refused_of_tdx_1_5(
        |scene| scene.body[offset::TEE_TCB_SVN] = 2,
        &[("tcb_status", "tcb_status"), ("advisories", "advisory")],
    );
}

#[test]
fn td_launched_out_of_date_and_updated_since_is_given_no_grace() {
    let mut scene = Scene::of_tdx_1_5();
    scene.body[offset::TEE_TCB_SVN] = 2;
    let mut question = Question::of(&scene.make());
    question.limits.accepted_advisories = None;
    question.limits.grace_days = MAX_GRACE_DAYS;
    question.is_refused_for(&[("tcb_status", "tcb_status")]);
}

#[test]
fn td_that_is_out_of_date_now_is_so_whenever_it_was_launched() {
    let advisories = || vec!["INTEL-SA-00003".to_owned()];
    let mut scene = Scene::of_tdx_1_5();
    scene.body[offset::TEE_TCB_SVN_2] = 2;
    assert_eq!(tcb(&scene), (TcbStatus::OutOfDate, advisories()));
    scene.body[offset::TEE_TCB_SVN] = 2;
    assert_eq!(tcb(&scene), (TcbStatus::OutOfDate, advisories()));
}

#[test]
fn module_that_runs_now_and_is_unknown_or_too_old_is_refused() {
    refused_of_tdx_1_5(
        |scene| scene.body[offset::TEE_TCB_SVN_2 + 1] = 4,
        &[("module_identity", "module_unknown")],
    );
    refused_of_tdx_1_5(
        |scene| scene.body[offset::TEE_TCB_SVN_2] = 1,
        &[("tcb_status", "module_below_every_level")],
    );
}

#[test]
fn module_that_runs_now_and_is_revoked_is_refused() {
    let mut scene = Scene::of_tdx_1_5();
    scene.tcb_info["tdxModuleIdentities"][0]["tcbLevels"][1]["tcbStatus"] = "Revoked".into();
    scene.body[offset::TEE_TCB_SVN_2] = 2;
    let mut question = Question::of(&scene.make());
    question.limits.accepted_advisories = None;
    question.is_refused_for(&[("tcb_status", "tcb_revoked")]);
}

#[test]
fn tcb_info_for_another_platform_is_refused() {
    refused(
        |scene| scene.sgx.fmspc[5] = 1,
        &[("pck_match", "fmspc_differs")],
    );
    refused(
        |scene| scene.sgx.pce_id[1] = 1,
        &[("pck_match", "pceid_differs")],
    );
}

#[test]
fn pck_certificate_that_contradicts_itself_is_refused() {
    // Intel's library goes by the components, dcap-qvl by CPUSVN: either may be the newer.
    for component in [1, 3] {
        let mut components = [2; 16];
        components[15] = component;
        refused(
            |scene| scene.sgx.component_svns = Some(components),
            &[("pck_match", "pck_svns_differ")],
        );
    }
    let mut scene = Scene::new();
    scene.sgx.component_svns = Some([2; 16]);
    Question::of(&scene.make()).is_accepted();
}

#[test]
fn collateral_with_another_platforms_pck_than_the_quotes_is_refused() {
    // Another certificate for the same key by the same CA.
    let scene = Scene::new();
    let mut other = scene.clone();
    other.pck.serial = 44;
    let made = scene.make();
    let mut question = Question::of(&made);
    let mut collateral = made.collateral.clone();
    let chain = other
        .make()
        .collateral
        .pck_certificate_chain
        .expect("it has one");
    let end = chain.find("-----END").expect("PEM") + 26;
    let own = collateral.pck_certificate_chain.take().expect("it has one");
    let rest = &own[own.find("-----END").expect("PEM") + 26..];
    collateral.pck_certificate_chain = Some(format!("{}{rest}", &chain[..end]));
    let root = attestation_tdx::TrustedRoot::named(&made.root).expect("a certificate");
    question.collateral = attestation_tdx::ProvenCollateral::prove(collateral, &root);
    question.is_refused_for(&[("pck_match", "pck_chain_differs")]);
}

#[test]
fn platform_that_the_policy_does_not_name_is_refused() {
    let mut question = Question::of(&Scene::new().make());
    question.limits.fmspcs = Some(vec![Bytes([0xB0, 0xC0, 0x6F, 0, 0, 0])]);
    question.is_accepted();
    question.limits.fmspcs = Some(vec![Bytes([0; 6])]);
    question.is_refused_for(&[("platform", "fmspc_not_accepted")]);
}

#[test]
fn platform_with_a_property_that_is_not_allowed_is_refused() {
    type Forbid = fn(&mut attestation_tdx::TdxLimits);
    let forbidden: [Forbid; 3] = [
        |limits| limits.allow_dynamic_platform = false,
        |limits| limits.allow_cached_keys = false,
        |limits| limits.allow_smt = false,
    ];
    for (flag, forbid) in forbidden.into_iter().enumerate() {
        let mut scene = Scene::new();
        let mut question = Question::of(&scene.make());
        forbid(&mut question.limits);
        question.is_refused_for(&[("platform", "platform_not_accepted")]);
        scene.sgx.flags[flag] = false;
        let mut question = Question::of(&scene.make());
        forbid(&mut question.limits);
        question.is_accepted();
    }
}

#[test]
fn advisory_with_a_name_that_a_host_made_up_is_not_repeated() {
    let mut scene = Scene::new();
    scene.tcb_info["tcbLevels"][0]["advisoryIDs"] = serde_json::json!(["\u{1b}[31mfine"]);
    let question = Question::of(&scene.make());
    question.is_refused_for(&[("advisories", "advisory")]);
    let record = question.judge().record();
    assert!(!record.rejections[0].reason.contains("fine"));
}
