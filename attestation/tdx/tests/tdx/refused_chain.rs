//! Certificates and revocation lists that are not as they have to be.

use crate::support::{Question, refused, refused_after};
use attestation_tdx::test_support::{Keys, NOW, Scene};
use attestation_tdx::{ProvenCollateral, TrustedRoot};
use std::sync::Arc;

#[test]
fn chain_to_another_root_is_refused() {
    let made = Scene::new().make();
    let mut question = Question::of(&made);
    question.collateral = ProvenCollateral::prove(made.collateral, &TrustedRoot::intel());
    let judgement = question.judge();
    let codes: Vec<_> = judgement
        .rejections()
        .map(attestation_verdict::Rejection::code)
        .collect();
    // Four chains end in a root that Intel's is not; its name is the same, so it is its key that did not sign the list.
    assert_eq!(
        codes
            .iter()
            .filter(|code| **code == "root_not_trusted")
            .count(),
        4
    );
    assert!(!judgement.accepted());
}

#[test]
fn chain_whose_pck_another_ca_signed_is_refused() {
    let other = Scene::with_keys(Arc::new(Keys::generate())).make();
    refused_after(
        |made| made.collateral.pck_certificate_chain = splice(made, &other, 0),
        &[
            ("chain", "chain_invalid"),
            ("pck_match", "pck_chain_differs"),
            ("signature", "qe_report_signature_invalid"),
        ],
    );
}

/// The chain of `made` with one certificate of the other.
fn splice(
    made: &attestation_tdx::test_support::Made,
    other: &attestation_tdx::test_support::Made,
    at: usize,
) -> Option<String> {
    let blocks = |chain: &Option<String>| -> Vec<String> {
        let chain = chain.clone().expect("the collateral has it");
        chain
            .split_inclusive("-----END CERTIFICATE-----\n")
            .map(str::to_owned)
            .collect()
    };
    let mut own = blocks(&made.collateral.pck_certificate_chain);
    own[at] = blocks(&other.collateral.pck_certificate_chain)[at].clone();
    Some(own.concat())
}

#[test]
fn signer_that_another_root_signed_is_refused() {
    let other = Scene::with_keys(Arc::new(Keys::generate())).make();
    refused_after(
        |made| {
            made.collateral.tcb_info = other.collateral.tcb_info.clone();
            made.collateral.tcb_info_signature = other.collateral.tcb_info_signature.clone();
            let theirs = &other.collateral.tcb_info_issuer_chain;
            let ours = &made.collateral.tcb_info_issuer_chain;
            let (leaf, _) = theirs.split_at(theirs.find("-----END").expect("PEM") + 26);
            let (_, root) = ours.split_at(ours.find("-----END").expect("PEM") + 26);
            made.collateral.tcb_info_issuer_chain = format!("{leaf}{root}");
        },
        &[("chain", "chain_invalid")],
    );
}

#[test]
fn signer_that_is_an_authority_is_refused() {
    refused(
        |scene| scene.signer.authority = Some(true),
        &[("chain", "chain_invalid"), ("chain", "chain_invalid")],
    );
}

#[test]
fn pck_ca_that_is_no_authority_is_refused() {
    refused(
        |scene| scene.ca.authority = Some(false),
        &[("chain", "chain_invalid")],
    );
}

#[test]
fn certificate_with_another_name_than_intels_is_refused() {
    let name = ("chain", "certificate_name");
    refused(
        |scene| scene.pck.name = "Intel SGX TCB Signing".to_owned(),
        &[name],
    );
    refused(
        |scene| scene.ca.name = "Intel SGX Root CA 2".to_owned(),
        &[name],
    );
    // It signed both documents.
    refused(
        |scene| scene.signer.name = "Intel SGX PCK Certificate".to_owned(),
        &[name, name],
    );
}

#[test]
fn chain_of_another_length_is_refused() {
    let chain = |made: &mut attestation_tdx::test_support::Made, with: fn(&str) -> String| {
        let own = &mut made.collateral.pck_crl_issuer_chain;
        *own = with(own);
    };
    let unreadable = &[("chain", "chain_unreadable")];
    for with in [
        |own: &str| own[..own.find("-----END").expect("PEM") + 26].to_owned(),
        |own: &str| format!("{own}{own}"),
        |own: &str| format!("{own}garbage\n"),
        |_: &str| String::new(),
    ] {
        refused_after(|made| chain(made, with), unreadable);
    }
}

#[test]
fn chain_with_the_root_first_is_refused_whichever_it_is() {
    let reversed = |chain: &str| -> String {
        let mut blocks: Vec<_> = chain
            .split_inclusive("-----END CERTIFICATE-----\n")
            .collect();
        blocks.reverse();
        blocks.concat()
    };
    type Chain = fn(&mut attestation_tdx::Collateral) -> &mut String;
    let chains: [(Chain, &[(&str, &str)]); 4] = [
        (
            |all| &mut all.pck_crl_issuer_chain,
            &[("chain", "chain_unreadable")],
        ),
        (
            |all| &mut all.tcb_info_issuer_chain,
            &[
                ("chain", "chain_unreadable"),
                ("collateral_signatures", "collateral_signature_invalid"),
            ],
        ),
        (
            |all| &mut all.qe_identity_issuer_chain,
            &[
                ("chain", "chain_unreadable"),
                ("collateral_signatures", "collateral_signature_invalid"),
            ],
        ),
        (
            |all| all.pck_certificate_chain.as_mut().expect("it has one"),
            &[
                ("chain", "chain_unreadable"),
                ("pck_match", "pck_chain_differs"),
            ],
        ),
    ];
    for (chain, expected) in chains {
        refused_after(
            |made| {
                let chain = chain(&mut made.collateral);
                *chain = reversed(chain);
            },
            expected,
        );
    }
}

#[test]
fn bytes_in_the_quotes_own_chain_that_are_no_certificate_are_refused() {
    // A text between two certificates, of the quote's unsigned bytes: the lengths around it fit.
    let mut scene = Scene::new();
    scene.pck_in_collateral = true;
    let made = scene.make();
    let text = String::from_utf8_lossy(&made.quote).into_owned();
    let at = made.quote.len() - 28;
    assert!(
        text.ends_with("-----END CERTIFICATE-----\n"),
        "the chain is the quote's end"
    );
    let mut question = Question::of(&made);
    question.quote[at] = b'!';
    question.is_refused_for(&[
        ("chain", "chain_unreadable"),
        ("pck_match", "pck_chain_differs"),
    ]);
}

#[test]
fn revocation_list_with_another_ca_than_the_pcks_is_refused() {
    // A CA of the same name and key, with another serial number.
    let scene = Scene::new();
    let mut again = Scene::with_keys(scene.keys.clone());
    again.root.clone_from(&scene.root);
    let made = scene.make();
    again.ca.serial = 77;
    let other = again.make();
    let mut question = Question::of(&made);
    let root = TrustedRoot::named(&made.root).expect("a certificate");
    let mut collateral = made.collateral.clone();
    let theirs = &other.collateral.pck_crl_issuer_chain;
    let ours = &made.collateral.pck_crl_issuer_chain;
    let leaf = &theirs[..theirs.find("-----END").expect("PEM") + 26];
    let top = &ours[ours.find("-----END").expect("PEM") + 26..];
    collateral.pck_crl_issuer_chain = format!("{leaf}{top}");
    question.collateral = ProvenCollateral::prove(collateral, &root);
    question.is_refused_for(&[("chain", "pck_ca_differs")]);
}

#[test]
fn no_pck_certificate_anywhere_is_refused() {
    refused(
        |scene| {
            scene.pck_in_quote = false;
            scene.pck_in_collateral = false;
        },
        &[("chain", "pck_missing")],
    );
}

#[test]
fn pck_certificate_without_the_sgx_extension_is_refused() {
    refused(
        |scene| scene.sgx.present = false,
        &[("chain", "chain_unreadable")],
    );
}

#[test]
fn expired_certificate_is_refused_whichever_it_is() {
    let expired = &[("dates", "expired")];
    refused(|scene| scene.root.until = NOW - 1, expired);
    refused(|scene| scene.ca.until = NOW - 1, expired);
    refused(|scene| scene.pck.until = NOW - 1, expired);
    // It signed both documents.
    refused(
        |scene| scene.signer.until = NOW - 1,
        &[("dates", "expired"), ("dates", "expired")],
    );
}

#[test]
fn certificate_of_the_future_is_refused_whichever_it_is() {
    let future = ("dates", "not_yet_valid");
    refused(|scene| scene.root.from = NOW + 1, &[future]);
    refused(|scene| scene.ca.from = NOW + 1, &[future]);
    refused(|scene| scene.pck.from = NOW + 1, &[future]);
    refused(|scene| scene.signer.from = NOW + 1, &[future, future]);
}

#[test]
fn revocation_list_out_of_its_time_is_refused() {
    refused(|scene| scene.root_crl.next = NOW, &[("dates", "expired")]);
    refused(|scene| scene.pck_crl.next = NOW, &[("dates", "expired")]);
    refused(
        |scene| scene.root_crl.from = NOW + 1,
        &[("dates", "not_yet_valid")],
    );
    refused(
        |scene| scene.pck_crl.from = NOW + 1,
        &[("dates", "not_yet_valid")],
    );
}

#[test]
fn revoked_certificate_is_refused_whichever_it_is() {
    let revoked = ("revocation", "certificate_revoked");
    refused(|scene| scene.root_crl.revoked.push(1), &[revoked]);
    refused(|scene| scene.root_crl.revoked.push(2), &[revoked]);
    refused(|scene| scene.pck_crl.revoked.push(3), &[revoked]);
    refused(|scene| scene.root_crl.revoked.push(4), &[revoked, revoked]);
}

#[test]
fn revocation_list_by_another_key_is_refused() {
    let other = Scene::with_keys(Arc::new(Keys::generate())).make();
    let signature = ("collateral_signatures", "collateral_signature_invalid");
    refused_after(
        |made| {
            made.collateral
                .root_ca_crl
                .clone_from(&other.collateral.root_ca_crl)
        },
        &[signature],
    );
    refused_after(
        |made| {
            made.collateral
                .pck_crl
                .clone_from(&other.collateral.pck_crl)
        },
        &[signature],
    );
}

#[test]
fn revocation_list_of_another_issuer_is_refused() {
    refused_after(
        |made| made.collateral.pck_crl = made.collateral.root_ca_crl.clone(),
        &[
            ("collateral_signatures", "collateral_signature_invalid"),
            ("revocation", "revocation_list_invalid"),
        ],
    );
}

#[test]
fn revocation_list_that_is_none_is_refused() {
    let invalid = &[("revocation", "revocation_list_invalid")];
    refused_after(|made| made.collateral.root_ca_crl.clear(), invalid);
    refused_after(|made| made.collateral.pck_crl.clear(), invalid);
    refused_after(|made| made.collateral.pck_crl.push(0), invalid);
}
