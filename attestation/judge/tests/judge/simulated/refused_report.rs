//! Evidence that is refused for the form, the signature or the guest policy of its report.

use attestation_evidence::{Nonce, TeePublicKey};
use attestation_judge::SimulatedRejection as Rejection;
use attestation_judge::test_support::{
    GUEST_POLICY, Refusal, Scene, SimulatedTee, offset, policy_with, session,
};
use proptest::prelude::*;

/// The checks that look at a report; certificates are looked at whatever it says.
const OF_THE_REPORT: [&str; 7] = [
    "binding",
    "signature",
    "debug",
    "vmpl",
    "policy_bits",
    "launch_digest",
    "reference_validity",
];

#[track_caller]
fn refused_as_ill_formed(scene: &Scene) -> Refusal {
    scene.refused_by("report_format", &OF_THE_REPORT)
}

#[test]
fn evidence_that_is_not_the_expected_json_is_refused() {
    let whole = Scene::any().input.primary_evidence;
    let trailing = format!("{whole} {{}}");
    let unknown_member = whole.replacen('{', r#"{"more":1,"#, 1);
    let loose_base64 = whole.replacen("\"manifest\":null", "\"manifest\":\"AB==\"", 1);
    for spoiled in [
        "",
        "null",
        "{}",
        &whole[1..],
        &trailing,
        &unknown_member,
        &loose_base64,
    ] {
        assert_ne!(spoiled, whole);
        let scene = Scene::any().with_input(|input| input.primary_evidence = spoiled.to_owned());
        let mut not_made = OF_THE_REPORT.to_vec();
        not_made.extend([
            "report_format",
            "certificate_chain",
            "certificate_dates",
            "collateral",
        ]);
        let refusal = scene.refused_by("evidence", &not_made);
        assert_eq!(refusal.0.code, "evidence_unreadable", "{spoiled}");
    }
}

#[test]
fn report_of_another_length_is_refused() {
    for length in [0, 1183, 1185] {
        let scene =
            Scene::any().with_evidence(|evidence| evidence.attestation_report.resize(length, 0));
        assert_eq!(
            refused_as_ill_formed(&scene),
            Rejection::ReportLength { found: length }
        );
    }
}

#[test]
fn report_of_another_version_is_refused() {
    for version in [0_u8, 1, 4, 6] {
        let scene = Scene::any().with_report(|report| report[offset::VERSION] = version);
        assert_eq!(
            refused_as_ill_formed(&scene),
            Rejection::ReportVersion {
                found: version.into()
            }
        );
    }
}

#[test]
fn report_of_another_signature_algorithm_is_refused() {
    let scene = Scene::any().with_report(|report| report[offset::SIGNATURE_ALGO] = 2);
    assert_eq!(
        refused_as_ill_formed(&scene),
        Rejection::SignatureAlgorithm { found: 2 }
    );
}

#[test]
fn report_with_a_reserved_byte_set_is_refused() {
    for (at, field) in [
        (0x4C, 0x4C),
        (0x4F, 0x4C),
        (0x18B, 0x18B),
        (0x19F, 0x18B),
        (0x1EB, 0x1EB),
        (0x1EF, 0x1EF),
        (0x208, 0x208),
        (0x29F, 0x208),
        (offset::KEY_INFO + 1, offset::KEY_INFO),
    ] {
        let scene = Scene::any().with_report(|report| report[at] = 1);
        assert_eq!(
            refused_as_ill_formed(&scene),
            Rejection::ReservedNotZero { offset: field },
            "byte {at:#x}"
        );
    }
}

#[test]
fn report_with_a_field_of_a_later_version_is_refused() {
    let version_2_with_cpuid = Scene::any().with_report(|report| report[offset::VERSION] = 2);
    assert_eq!(
        refused_as_ill_formed(&version_2_with_cpuid),
        Rejection::ReservedNotZero { offset: 0x188 }
    );
    let version_3_with_mitigations = Scene::any().with_report(|report| report[0x207] = 1);
    assert_eq!(
        refused_as_ill_formed(&version_3_with_mitigations),
        Rejection::ReservedNotZero { offset: 0x1F8 }
    );
}

/// HOST_DATA: a byte that nothing but the signature covers.
#[test]
fn report_with_a_signed_byte_changed_is_refused() {
    let scene =
        Scene::any().with_evidence(|evidence| evidence.attestation_report[offset::HOST_DATA] ^= 1);
    assert_eq!(
        scene.refused_only_by("signature"),
        Rejection::SignatureInvalid
    );
}

#[test]
fn report_signed_by_another_key_is_refused() {
    let other = SimulatedTee::generate();
    let scene = Scene::any().with_evidence(|evidence| other.sign(&mut evidence.attestation_report));
    assert_eq!(
        scene.refused_only_by("signature"),
        Rejection::SignatureInvalid
    );
}

#[test]
fn report_that_names_another_signing_key_is_refused() {
    for signing_key in [1_u8, 7] {
        let scene = Scene::any().with_report(|report| report[offset::KEY_INFO] = signing_key << 2);
        assert_eq!(
            scene.refused_only_by("signature"),
            Rejection::SigningKey { found: signing_key }
        );
    }
}

#[test]
fn report_with_bytes_beside_its_signature_is_refused() {
    for at in [offset::SIGNATURE + 48, offset::SIGNATURE + 72 + 48, 1183] {
        let scene = Scene::any().with_evidence(|evidence| evidence.attestation_report[at] = 1);
        assert_eq!(
            scene.refused_only_by("signature"),
            Rejection::SignatureMalformed
        );
    }
}

#[test]
fn guest_that_allows_debugging_is_refused() {
    let scene = with_guest_policy(GUEST_POLICY | 1 << 19);
    assert_eq!(scene.refused_only_by("debug"), Rejection::DebugAllowed);
}

#[test]
fn guest_that_allows_migration_is_refused() {
    let scene = with_guest_policy(GUEST_POLICY | 1 << 18);
    assert_eq!(
        scene.refused_only_by("policy_bits"),
        Rejection::MigrationAllowed
    );
}

#[test]
fn guest_that_allows_smt_is_refused_where_the_policy_does_not() {
    let scene = Scene::any().with_input(|input| {
        input.policy = policy_with("\t\"allow_smt\": true,", "\t\"allow_smt\": false,");
    });
    assert_eq!(scene.refused_only_by("policy_bits"), Rejection::SmtAllowed);
}

#[test]
fn guest_policy_with_wrong_reserved_bits_is_refused() {
    for found in [
        GUEST_POLICY & !(1 << 17),
        GUEST_POLICY | 1 << 26,
        GUEST_POLICY | 1 << 63,
    ] {
        let scene = with_guest_policy(found);
        assert_eq!(
            scene.refused_only_by("policy_bits"),
            Rejection::GuestPolicyReserved { found }
        );
    }
}

fn with_guest_policy(bits: u64) -> Scene {
    Scene::any().with_report(|report| {
        report[offset::POLICY..offset::POLICY + 8].copy_from_slice(&bits.to_le_bytes());
    })
}

#[test]
fn report_of_a_less_privileged_level_is_refused() {
    for found in [1, 3, u32::MAX] {
        let scene = Scene::any().with_report(|report| {
            report[offset::VMPL..offset::VMPL + 4].copy_from_slice(&found.to_le_bytes());
        });
        assert_eq!(
            scene.refused_only_by("vmpl"),
            Rejection::VmplTooHigh { found, max: 0 }
        );
    }
}

#[test]
fn report_with_any_byte_changed_is_refused() {
    let scene = Scene::any();
    let evidence = scene.evidence();
    let mut input = scene.input;
    for at in 0..evidence.attestation_report.len() {
        let mut spoiled = evidence.clone();
        spoiled.attestation_report[at] ^= 0x10;
        input.primary_evidence = spoiled.to_json();
        assert!(
            input.verdict().accepted().is_none(),
            "byte {at:#x} is not covered"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn appraisal_survives_any_evidence(
        text in ".{0,64}",
        report in proptest::collection::vec(any::<u8>(), 1184),
        certificate in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut scene = Scene::any().with_evidence(|evidence| {
            evidence.attestation_report = report;
            evidence.attestation_report[..4].copy_from_slice(&[3, 0, 0, 0]);
            evidence.cert_chain.vcek = certificate.clone();
            evidence.manifest = Some(certificate);
        });
        prop_assert!(scene.input.verdict().accepted().is_none());
        scene.input.primary_evidence = text;
        prop_assert!(scene.input.verdict().accepted().is_none());
    }
}

/// A captured report, offered with this session's nonce.
#[test]
fn report_of_an_earlier_session_is_refused() {
    let scene = Scene::any().with_input(|input| {
        input.runtime_data.nonce = Nonce::from_bytes([5; 32]);
        input.session = session(Nonce::from_bytes([5; 32]));
    });
    assert_eq!(scene.refused_only_by("binding"), Rejection::BindingMismatch);
}

/// A genuine guest's report, offered with the attacker's key.
#[test]
fn report_bound_to_another_key_is_refused() {
    let scene = Scene::any().with_input(|input| {
        input.runtime_data.tee_pubkey = TeePublicKey::from_coordinates([6; 32], [7; 32]);
    });
    assert_eq!(scene.refused_only_by("binding"), Rejection::BindingMismatch);
}

#[test]
fn report_whose_report_data_differs_in_its_padding_is_refused() {
    let scene = Scene::any().with_report(|report| report[offset::REPORT_DATA + 63] = 1);
    assert_eq!(scene.refused_only_by("binding"), Rejection::BindingMismatch);
}
