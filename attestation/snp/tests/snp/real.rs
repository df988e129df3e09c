//! Real reports under AMD's own roots.

use crate::vectors::{Vector, all, codes, judged, lenient, prove, read};
use attestation_snp::{Anchors, Endorsement, Product, SnpCheck, SnpClaims};
use attestation_verdict::CheckResult;

/// Each with what keeps it from being accepted by lenient limits.
fn expected(name: &str) -> &'static [&'static str] {
    match name {
        "vlek" => &["vmpl_too_high"],
        "debug" => &["debug_allowed"],
        _ => &[],
    }
}

#[test]
fn real_report_is_refused_for_what_it_is_and_nothing_else() {
    for Vector {
        name,
        report,
        vek,
        at,
    } in all()
    {
        let judgement = judged(&report, &prove(&vek, &[]), &lenient(), at);
        assert_eq!(codes(&judgement), expected(name), "{name}");
        assert_eq!(judgement.accepted(), expected(name).is_empty(), "{name}");
    }
}

#[test]
fn real_report_is_judged_under_the_chain_that_came_along() {
    let Some(chain) = read("virtee-sev/tests/certs_data/cert_chain_milan") else {
        return;
    };
    for Vector {
        name,
        report,
        vek,
        at,
    } in all()
    {
        let judgement = judged(&report, &prove(&vek, &[&chain]), &lenient(), at);
        let found = codes(&judgement);
        match name {
            // The chain of VCEKs certifies no VLEK, and that of Milan nothing of Genoa.
            "vlek" | "genoa" => assert_eq!(found[0], "issuer_missing", "{name}"),
            name => assert_eq!(found, expected(name), "{name}"),
        }
    }
}

#[test]
fn real_report_outside_of_its_certificates_dates_is_refused() {
    for Vector {
        name, report, vek, ..
    } in all()
    {
        let proof = prove(&vek, &[]);
        let window = proof.proven().expect("AMD certified it").validity();
        for (now, code) in [
            (window.not_before - 1, "certificate_not_yet_valid"),
            (window.not_after + 1, "certificate_expired"),
        ] {
            let judgement = judged(&report, &proof, &lenient(), now);
            assert_eq!(codes(&judgement)[0], code, "{name} at {now}");
        }
        for now in [window.not_before, window.not_after] {
            let judgement = judged(&report, &proof, &lenient(), now);
            assert_eq!(codes(&judgement), expected(name), "{name} at {now}");
        }
    }
}

#[test]
fn report_with_any_signed_bit_flipped_is_refused() {
    for Vector {
        name,
        report,
        vek,
        at,
    } in all().into_iter().take(2)
    {
        let proof = prove(&vek, &[]);
        for position in 0..0x2A0 * 8 {
            let mut flipped = report.clone();
            flipped[position / 8] ^= 1 << (position % 8);
            let judgement = judged(&flipped, &proof, &lenient(), at);
            assert!(
                !judgement.passed(SnpCheck::Signature),
                "{name}, bit {position}"
            );
            assert!(!judgement.accepted(), "{name}, bit {position}");
        }
    }
}

#[test]
fn report_with_any_byte_of_its_signature_flipped_is_refused() {
    for Vector {
        name,
        report,
        vek,
        at,
    } in all().into_iter().take(1)
    {
        let proof = prove(&vek, &[]);
        for position in 0x2A0..1184 {
            let mut flipped = report.clone();
            flipped[position] ^= 0x40;
            let judgement = judged(&flipped, &proof, &lenient(), at);
            assert!(
                !judgement.passed(SnpCheck::Signature),
                "{name}, byte {position}"
            );
        }
    }
}

#[test]
fn certificate_that_amd_never_signed_is_refused_by_its_signature() {
    for file in ["test-vcek-invalid-legacy.der", "test-vcek-invalid-new.der"] {
        let path = format!("trustee/deps/verifier/test_data/snp/{file}");
        let (Some(vek), Some(report)) = (
            read(&path),
            all().into_iter().find(|vector| vector.name == "trustee"),
        ) else {
            return;
        };
        let judgement = judged(&report.report, &prove(&vek, &[]), &lenient(), report.at);
        let record = judgement.record();
        for check in ["chain", "signature", "chip_id"] {
            let found = record.check(check).expect("it is listed");
            assert_eq!(found.result, CheckResult::Fail, "{file}: {}", found.reason);
        }
        let chain = record.check("chain").expect("it is listed");
        assert!(
            chain.reason.contains("signature does not hold"),
            "{}",
            chain.reason
        );
    }
}

#[test]
fn report_under_the_certificate_of_another_chip_is_refused() {
    let vectors = all();
    let (Some(first), Some(second)) = (
        vectors.iter().find(|vector| vector.name == "milan"),
        vectors.iter().find(|vector| vector.name == "trustee"),
    ) else {
        return;
    };
    let judgement = judged(
        &first.report,
        &prove(&second.vek, &[]),
        &lenient(),
        first.at,
    );
    assert_eq!(codes(&judgement), ["signature_invalid", "chip_id_mismatch"]);
}

#[test]
fn real_report_with_another_products_root_beside_its_chain_is_refused() {
    let (Some(chain), Some(other)) = (
        read("virtee-sev/tests/certs_data/cert_chain_milan"),
        read("virtee-sev/src/certs/snp/builtin/genoa/ark.pem"),
    ) else {
        return;
    };
    for Vector {
        report, vek, at, ..
    } in all().into_iter().take(1)
    {
        let judgement = judged(&report, &prove(&vek, &[&chain, &other]), &lenient(), at);
        assert_eq!(codes(&judgement), ["chain_of_other_product"]);
    }
}

/// AMD's list of one product, of which another crate's tests keep a copy.
fn amd_list(product: &str) -> Vec<u8> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../certificates/tests/amd-lists"
    );
    std::fs::read(format!("{folder}/{product}.der")).expect("it is kept with the tests")
}

#[test]
fn real_report_is_judged_by_amds_own_revocation_list() {
    let anchors = Anchors::builtin();
    let mut limits = lenient();
    limits.require_crl = true;
    for Vector {
        name, report, vek, ..
    } in all()
    {
        let product = if name == "genoa" { "genoa" } else { "milan" };
        let other = if name == "genoa" { "milan" } else { "genoa" };
        // 2025-06-01, when both lists are in force, and a year after both.
        for (list, at, passes) in [
            (product, 1_748_736_000, true),
            (product, 1_780_272_000, false),
            (other, 1_748_736_000, false),
        ] {
            let list = amd_list(list);
            let read = Endorsement::read(Some(&vek), &[], &[&list], &anchors);
            let proof = read.expect("the files can be read").prove();
            let judgement = judged(&report, &proof, &limits, at);
            assert_eq!(
                judgement.passed(SnpCheck::Revocation),
                passes,
                "{name} {at}"
            );
        }
    }
}

#[test]
fn real_report_is_judged_by_its_own_list_of_amds_among_others() {
    let anchors = Anchors::builtin();
    let mut limits = lenient();
    limits.require_crl = true;
    let lists = ["milan", "genoa"].map(amd_list);
    let changed = lists.clone().map(|mut list| {
        *list.last_mut().expect("it has bytes") ^= 1;
        list
    });
    for Vector {
        name, report, vek, ..
    } in all()
    {
        let own = usize::from(name == "genoa");
        let judged = |lists: &[&[u8]], at| {
            let read = Endorsement::read(Some(&vek), &[], lists, &anchors);
            judged(
                &report,
                &read.expect("the files can be read").prove(),
                &limits,
                at,
            )
        };
        let both = [&lists[0][..], &lists[1]];
        let judgement = judged(&both, 1_748_736_000);
        assert!(judgement.passed(SnpCheck::Revocation), "{name}");
        // 2026-01-01, when Milan's is in force and Genoa's no more.
        let judgement = judged(&both, 1_767_225_600);
        assert_eq!(judgement.passed(SnpCheck::Revocation), own == 0, "{name}");
        let judgement = judged(&[&lists[own], &changed[1 - own]], 1_748_736_000);
        assert!(!judgement.passed(SnpCheck::Revocation), "{name}");
    }
}

#[test]
fn real_certificate_of_turin_is_proven_and_names_eight_bytes_of_chip() {
    let (Some(vek), Some(chain)) = (
        read("virtee-sev/tests/certs_data/vcek_turin.der"),
        read("virtee-sev/tests/certs_data/cert_chain_turin"),
    ) else {
        return;
    };
    for chain in [&[][..], &[chain.as_slice()][..]] {
        let proof = prove(&vek, chain);
        assert_eq!(
            proof.proven().map(|proven| proven.product()),
            Some(Product::Turin)
        );
        let claims = SnpClaims::of(&[0; 1184], &proof);
        let vek = claims.vek.expect("there is a certificate");
        assert_eq!(vek.chip_id.as_deref(), Some("1e550a8ee5cf9f4d"));
    }
}

#[test]
fn built_in_roots_are_those_that_others_carry() {
    let anchors = Anchors::builtin();
    for product in ["milan", "genoa", "turin"] {
        for (file, roots) in [
            (
                format!("trustee/deps/verifier/src/snp/{product}_ask_ark_asvk.pem"),
                ["ask", "ark", "asvk"].as_slice(),
            ),
            (
                format!("virtee-sev/src/certs/snp/builtin/{product}/ark.pem"),
                &["ark"],
            ),
            (
                format!("virtee-sev/src/certs/snp/builtin/{product}/ask.pem"),
                &["ask"],
            ),
        ] {
            let Some(bytes) = read(&file) else {
                return;
            };
            let others =
                attestation_certificates::Certificate::bundle(&bytes).expect("certificates");
            let ours = roots.iter().map(|name| {
                let path = format!("{}/roots/{product}-{name}.der", env!("CARGO_MANIFEST_DIR"));
                std::fs::read(path).expect("it is part of this crate")
            });
            let others = others.iter().map(|other| other.der().to_vec());
            assert!(others.eq(ours), "{file}");
        }
    }
    assert!(anchors.are_built_in());
}

#[test]
fn built_in_chains_hold_and_are_those_of_the_readme() {
    let readme = include_str!("../../roots/README.md");
    for product in ["milan", "genoa", "turin"] {
        let [ark, ask, asvk] = ["ark", "ask", "asvk"].map(|name| {
            let path = format!("{}/roots/{product}-{name}.der", env!("CARGO_MANIFEST_DIR"));
            let der = std::fs::read(path).expect("it is part of this crate");
            let digest = ring::digest::digest(&ring::digest::SHA256, &der);
            assert!(readme.contains(&hex::encode(digest)), "{product}-{name}");
            attestation_certificates::Certificate::from_der(&der).expect("a certificate")
        });
        for certificate in [&ark, &ask, &asvk] {
            assert_eq!(certificate.verify_issued_by(&ark), Ok(()));
        }
    }
}

#[test]
fn proof_is_kept_by_every_byte_that_it_was_made_of() {
    let Some(Vector { vek, .. }) = all().into_iter().next() else {
        return;
    };
    let anchors = Anchors::builtin();
    let key = |vek: &[u8], chain: &[&[u8]], crls: &[&[u8]]| {
        attestation_snp::EndorsementKey::of(Some(vek), chain, crls, &anchors)
    };
    let read = Endorsement::read(Some(&vek), &[], &[], &anchors).expect("a certificate");
    assert_eq!(read.prove().key(), key(&vek, &[], &[]));
    let mut other = vek.clone();
    other[100] ^= 1;
    let all = [
        key(&vek, &[], &[]),
        key(&other, &[], &[]),
        key(&vek, &[&vek], &[]),
        key(&vek, &[], &[&vek]),
        key(&vek, &[&vek[..9], &vek[9..]], &[]),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
}
