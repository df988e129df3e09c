//! Evidence that is refused for its certificates.

use attestation_evidence::CertChain;
use attestation_judge::test_support::{
    CERTIFICATES_NOT_AFTER, CERTIFICATES_NOT_BEFORE, ChainParams, NOW, Scene, SimulatedTee,
};
use attestation_judge::{
    CertificateName, CertificateProblem, Session, SimulatedRejection as Rejection, SimulatedTrust,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa,
    KeyUsagePurpose, date_time_ymd,
};

const NAMES: [CertificateName; 3] = [
    CertificateName::Vcek,
    CertificateName::Ask,
    CertificateName::Ark,
];

/// A scene on a TEE whose certificates are spoiled in one way.
fn scene(spoil: impl FnOnce(&mut ChainParams)) -> Scene {
    let mut params = ChainParams::default();
    spoil(&mut params);
    Scene::any_on(params.into_tee())
}

#[track_caller]
fn refused_for(scene: &Scene, certificate: CertificateName, problem: CertificateProblem) {
    assert_eq!(
        scene.refused_only_by("certificate_chain"),
        Rejection::Certificate {
            certificate,
            problem
        }
    );
}

fn params(chain: &mut ChainParams, name: CertificateName) -> &mut CertificateParams {
    match name {
        CertificateName::Vcek => &mut chain.vcek,
        CertificateName::Ask => &mut chain.ask,
        CertificateName::Ark => &mut chain.ark,
    }
}

fn der(chain: &mut CertChain, name: CertificateName) -> &mut Vec<u8> {
    match name {
        CertificateName::Vcek => &mut chain.vcek,
        CertificateName::Ask => &mut chain.ask,
        CertificateName::Ark => &mut chain.ark,
    }
}

#[test]
fn chain_to_another_root_is_refused() {
    let other = SimulatedTee::generate();
    let scene = Scene::any().with_input(|input| {
        input.trust.simulated = SimulatedTrust::Allowed {
            ark: other.ark().to_vec(),
        };
    });
    assert_eq!(
        scene.refused_only_by("certificate_chain"),
        Rejection::RootNotTrusted
    );
}

#[test]
fn chain_with_a_byte_after_a_certificate_is_refused() {
    for name in NAMES {
        let mut not_checked = vec!["certificate_dates"];
        if name == CertificateName::Vcek {
            not_checked.push("signature");
        }
        let mut scene = Scene::any().with_evidence(|evidence| {
            der(&mut evidence.cert_chain, name).push(0);
        });
        if name == CertificateName::Ark {
            let ark = scene.evidence().cert_chain.ark;
            scene.input.trust.simulated = SimulatedTrust::Allowed { ark };
        }
        assert_eq!(
            scene.refused_by("certificate_chain", &not_checked),
            Rejection::Certificate {
                certificate: name,
                problem: CertificateProblem::Unreadable
            }
        );
    }
}

#[test]
fn certificate_that_is_not_named_simulated_is_refused() {
    for name in NAMES {
        for common_names in [&["SEV-VCEK"][..], &[], &["simulated", "simulated"]] {
            let spoiled = distinguished(common_names);
            let scene = scene(|chain| {
                params(chain, name).distinguished_name = spoiled.clone();
                match name {
                    CertificateName::Vcek => {}
                    CertificateName::Ask => chain.ask_as_issuer.distinguished_name = spoiled,
                    CertificateName::Ark => chain.ark_as_issuer.distinguished_name = spoiled,
                }
            });
            refused_for(&scene, name, CertificateProblem::NotSimulated);
        }
    }
}

/// rcgen keeps one value a type, so a second common name is given another of its two OIDs' spellings.
fn distinguished(common_names: &[&str]) -> DistinguishedName {
    let types = [DnType::CommonName, DnType::CustomDnType(vec![2, 5, 4, 3])];
    let mut name = DistinguishedName::new();
    for (common_name, kind) in common_names.iter().zip(types) {
        name.push(kind, *common_name);
    }
    name
}

/// The outer algorithm is not signed, so nothing else would notice.
#[test]
fn certificate_with_two_signature_algorithms_is_refused() {
    let ecdsa_with_sha384 = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03];
    for name in NAMES {
        let mut scene = Scene::any().with_evidence(|evidence| {
            let der = der(&mut evidence.cert_chain, name);
            let outer = der
                .windows(8)
                .rposition(|window| window == ecdsa_with_sha384);
            der[outer.expect("it names its algorithm") + 7] = 2;
        });
        if name == CertificateName::Ark {
            let ark = scene.evidence().cert_chain.ark;
            scene.input.trust.simulated = SimulatedTrust::Allowed { ark };
        }
        refused_for(&scene, name, CertificateProblem::SignatureAlgorithm);
    }
}

#[test]
fn vcek_with_a_p256_key_is_refused() {
    let tee = ChainParams::default().into_tee_with_p256_vcek();
    let scene = Scene::any_on(tee);
    assert_eq!(
        scene.refused_by("certificate_chain", &["signature"]),
        Rejection::Certificate {
            certificate: CertificateName::Vcek,
            problem: CertificateProblem::KeyKind
        }
    );
}

#[test]
fn certificate_of_another_issuer_is_refused() {
    let other = distinguished(&["simulated other"]);
    let vcek = scene(|chain| chain.ask_as_issuer.distinguished_name = other.clone());
    refused_for(&vcek, CertificateName::Vcek, CertificateProblem::Issuer);
    let ask = scene(|chain| chain.ark_as_issuer.distinguished_name = other);
    refused_for(&ask, CertificateName::Ask, CertificateProblem::Issuer);
}

/// The names are right; only the signature shows that another key signed.
#[test]
fn certificate_that_another_key_signed_is_refused() {
    let other = SimulatedTee::generate();
    let vcek = Scene::any().with_evidence(|evidence| {
        evidence.cert_chain.ask = other.chain().ask.clone();
        evidence.cert_chain.ark = other.chain().ark.clone();
    });
    let vcek = vcek.with_input(|input| {
        input.trust.simulated = SimulatedTrust::Allowed {
            ark: other.ark().to_vec(),
        };
    });
    refused_for(&vcek, CertificateName::Vcek, CertificateProblem::Signature);

    let ask = Scene::any().with_evidence(|evidence| {
        evidence.cert_chain.ark = other.chain().ark.clone();
    });
    let ask = ask.with_input(|input| {
        input.trust.simulated = SimulatedTrust::Allowed {
            ark: other.ark().to_vec(),
        };
    });
    refused_for(&ask, CertificateName::Ask, CertificateProblem::Signature);
}

#[test]
fn root_that_did_not_sign_itself_is_refused() {
    let mut scene = Scene::any().with_evidence(|evidence| {
        *evidence.cert_chain.ark.last_mut().expect("not empty") ^= 1;
    });
    let ark = scene.evidence().cert_chain.ark;
    scene.input.trust.simulated = SimulatedTrust::Allowed { ark };
    refused_for(&scene, CertificateName::Ark, CertificateProblem::Signature);
}

#[test]
fn issuer_that_may_not_sign_certificates_is_refused() {
    let spoils: [fn(&mut CertificateParams); 3] = [
        |params| params.is_ca = IsCa::NoCa,
        |params| params.is_ca = IsCa::ExplicitNoCa,
        |params| params.key_usages = vec![KeyUsagePurpose::CrlSign],
    ];
    for name in [CertificateName::Ask, CertificateName::Ark] {
        for spoil in spoils {
            let scene = scene(|chain| spoil(params(chain, name)));
            refused_for(&scene, name, CertificateProblem::NotAuthority);
        }
    }
}

#[test]
fn root_with_too_short_a_path_is_refused() {
    let scene = scene(|chain| chain.ark.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)));
    refused_for(
        &scene,
        CertificateName::Ark,
        CertificateProblem::NotAuthority,
    );
}

#[test]
fn vcek_that_may_sign_certificates_is_refused() {
    let scene = scene(|chain| chain.vcek.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    refused_for(&scene, CertificateName::Vcek, CertificateProblem::Authority);
}

#[test]
fn certificate_with_an_unknown_critical_extension_is_refused() {
    for name in NAMES {
        let extension = |critical| {
            let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4], vec![0x05, 0x00]);
            extension.set_criticality(critical);
            extension
        };
        let critical = scene(|chain| params(chain, name).custom_extensions = vec![extension(true)]);
        refused_for(&critical, name, CertificateProblem::Extension);

        let not_critical =
            scene(|chain| params(chain, name).custom_extensions = vec![extension(false)]);
        assert!(not_critical.input.verdict().accepted().is_some());

        let twice = scene(|chain| {
            params(chain, name).custom_extensions = vec![extension(false), extension(false)];
        });
        refused_for(&twice, name, CertificateProblem::Extension);
    }
}

#[test]
fn chain_with_an_expired_certificate_is_refused() {
    for name in NAMES {
        let scene = scene(|chain| params(chain, name).not_after = date_time_ymd(2026, 11, 22));
        let not_after = i64::try_from(NOW).expect("small") - 12 * 3600;
        assert_eq!(
            scene.refused_only_by("certificate_dates"),
            Rejection::CertificateExpired {
                certificate: name,
                not_after,
                now: NOW
            }
        );
    }
}

#[test]
fn chain_with_a_certificate_of_the_future_is_refused() {
    for name in NAMES {
        let scene = scene(|chain| params(chain, name).not_before = date_time_ymd(2026, 11, 23));
        let not_before = i64::try_from(NOW).expect("small") + 12 * 3600;
        assert_eq!(
            scene.refused_only_by("certificate_dates"),
            Rejection::CertificateNotYetValid {
                certificate: name,
                not_before,
                now: NOW
            }
        );
    }
}

#[test]
fn certificates_are_valid_in_their_first_and_last_second_only() {
    let accepted_at = |now: u64| {
        let scene = Scene::any().with_input(|input| {
            input.now = now;
            input.references[0].not_before = 0;
            input.references[0].not_after = u64::MAX;
            if let Session::Issued(session) = &mut input.session {
                session.expires_at = u64::MAX;
            }
        });
        scene.input.verdict().accepted().is_some()
    };
    assert!(!accepted_at(CERTIFICATES_NOT_BEFORE - 1));
    assert!(accepted_at(CERTIFICATES_NOT_BEFORE));
    assert!(accepted_at(CERTIFICATES_NOT_AFTER));
    assert!(!accepted_at(CERTIFICATES_NOT_AFTER + 1));
    assert!(!accepted_at(u64::MAX - 1));
}

/// The byte that says so is not signed: the first of the signature's BIT STRING. The bits that it
/// calls unused have to be zero, so a signature that ends in an even byte is waited for.
#[test]
fn certificate_whose_signature_is_not_whole_bytes_is_refused() {
    let ends_evenly = |scene: &Scene| {
        scene
            .tee
            .chain()
            .vcek
            .last()
            .is_some_and(|last| last % 2 == 0)
    };
    let scene = std::iter::repeat_with(Scene::any)
        .find(ends_evenly)
        .expect("every second one");
    let scene = scene.with_evidence(|evidence| {
        let vcek = &mut evidence.cert_chain.vcek;
        let bit_string = (0..vcek.len() - 3).rfind(|&at| {
            let content = vcek.len() - at - 2;
            vcek[at] == 0x03 && usize::from(vcek[at + 1]) == content && vcek[at + 2] == 0
        });
        vcek[bit_string.expect("it ends with its signature") + 2] = 1;
    });
    refused_for(&scene, CertificateName::Vcek, CertificateProblem::Signature);
}

#[test]
fn certificate_of_another_version_is_refused() {
    let version_3 = [0xA0, 0x03, 0x02, 0x01, 0x02];
    let scene = Scene::any().with_evidence(|evidence| {
        let ask = &mut evidence.cert_chain.ask;
        let version = ask.windows(5).position(|window| window == version_3);
        ask[version.expect("rcgen makes version 3") + 4] = 1;
    });
    assert_eq!(
        scene.refused_by("certificate_chain", &["certificate_dates"]),
        Rejection::Certificate {
            certificate: CertificateName::Ask,
            problem: CertificateProblem::Unreadable
        }
    );
}
