//! Certificates.

use super::{Asked, Tdx, after, asked, good, spoilt};
use crate::{Case, Reason};
use attestation_tdx::TrustedRoot;
use attestation_tdx::test_support::{Keys, Made, Scene};
use std::sync::Arc;

const NAME: Reason = ("chain", "certificate_name");
const INVALID: Reason = ("chain", "chain_invalid");
const UNREADABLE: Reason = ("chain", "chain_unreadable");
const ROOT: Reason = ("chain", "root_not_trusted");
const DIFFERS: Reason = ("pck_match", "pck_chain_differs");
const END: &str = "-----END CERTIFICATE-----\n";

pub(super) fn cases() -> Vec<Tdx> {
    vec![
        asked("Intel's own root", ROOT, |a| a.root = TrustedRoot::intel())
            .also(("revocation", "revocation_list_invalid"))
            .also(("collateral_signatures", "collateral_signature_invalid")),
        asked("root of another platform's evidence", ROOT, |a| {
            a.root = other().root
        })
        .also(("collateral_signatures", "collateral_signature_invalid")),
        spoilt("PCK certificate named like the signer's", NAME, |s| {
            s.pck.name = "Intel SGX TCB Signing".to_owned()
        }),
        spoilt("PCK CA with another name", NAME, |s| {
            s.ca.name = "Intel SGX Root CA 2".to_owned()
        }),
        spoilt("signer named like a PCK certificate", NAME, |s| {
            s.signer.name = "Intel SGX PCK Certificate".to_owned()
        }),
        spoilt("signer that is an authority", INVALID, |s| {
            s.signer.authority = Some(true)
        }),
        spoilt("PCK certificate that is an authority", INVALID, |s| {
            s.pck.authority = Some(true)
        }),
        spoilt("PCK CA that is no authority", INVALID, |s| {
            s.ca.authority = Some(false)
        }),
        spoilt("no PCK certificate", ("chain", "pck_missing"), |s| {
            s.pck_in_quote = false;
            s.pck_in_collateral = false;
        })
        .silencing(&[
            "revocation",
            "pck_match",
            "signature",
            "tcb_status",
            "advisories",
            "platform",
        ]),
        spoilt(
            "PCK certificate that says nothing of its platform",
            UNREADABLE,
            |s| s.sgx.present = false,
        )
        .silencing(&["pck_match", "tcb_status", "advisories", "platform"]),
        after("list's chain of one certificate", UNREADABLE, |made| {
            let chain = &mut made.collateral.pck_crl_issuer_chain;
            chain.truncate(chain.find(END).expect("PEM") + END.len());
        })
        .silencing(&["revocation"]),
        after("list's chain twice", UNREADABLE, |made| {
            made.collateral.pck_crl_issuer_chain = made.collateral.pck_crl_issuer_chain.repeat(2)
        })
        .silencing(&["revocation"]),
        after("list's chain with a line after it", UNREADABLE, |made| {
            made.collateral.pck_crl_issuer_chain.push_str("garbage\n")
        })
        .silencing(&["revocation"]),
        after("list's chain with the root first", UNREADABLE, |made| {
            let chain = &mut made.collateral.pck_crl_issuer_chain;
            *chain = chain
                .split_inclusive(END)
                .fold(String::new(), |before, one| format!("{one}{before}"));
        })
        .silencing(&["revocation"]),
        after("no list's chain", UNREADABLE, |made| {
            made.collateral.pck_crl_issuer_chain.clear()
        })
        .silencing(&["revocation"]),
        after(
            "chain of another platform in the collateral",
            INVALID,
            |made| {
                let theirs = other()
                    .made
                    .collateral
                    .pck_certificate_chain
                    .expect("it has one");
                made.collateral.pck_certificate_chain = Some(join(&theirs, &chain_of(made), 1));
            },
        )
        .also(DIFFERS)
        .also(("signature", "qe_report_signature_invalid")),
        Case::new(
            "another certificate of the platform's key in the collateral",
            DIFFERS,
            good,
            || {
                respelled(
                    |scene| scene.pck.serial = 44,
                    |made, theirs| {
                        let own = chain_of(made);
                        made.collateral.pck_certificate_chain = Some(join(
                            &theirs
                                .collateral
                                .pck_certificate_chain
                                .clone()
                                .expect("it has one"),
                            &own,
                            1,
                        ));
                    },
                )
            },
        ),
        Case::new(
            "another certificate of the PCK CA's key beside its list",
            ("chain", "pck_ca_differs"),
            good,
            || {
                respelled(
                    |scene| scene.ca.serial = 77,
                    |made, theirs| {
                        let own = made.collateral.pck_crl_issuer_chain.clone();
                        made.collateral.pck_crl_issuer_chain =
                            join(&theirs.collateral.pck_crl_issuer_chain, &own, 1);
                    },
                )
            },
        ),
    ]
}

fn chain_of(made: &Made) -> String {
    made.collateral
        .pck_certificate_chain
        .clone()
        .expect("it has one")
}

/// The first certificates of one chain, and the others of another.
fn join(first: &str, second: &str, count: usize) -> String {
    let blocks = |chain: &str| {
        chain
            .split_inclusive(END)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (mut joined, second) = (blocks(first), blocks(second));
    joined.truncate(count);
    joined.extend_from_slice(&second[count..]);
    joined.concat()
}

fn other() -> Asked {
    Asked::of(&Scene::with_keys(Arc::new(Keys::generate())))
}

/// With something of the same keys' other certificates.
fn respelled(change: fn(&mut Scene), take: fn(&mut Made, &Made)) -> Asked {
    let scene = Scene::new();
    let mut again = scene.clone();
    change(&mut again);
    let theirs = again.make();
    Asked::of(&scene).with(|asked| take(&mut asked.made, &theirs))
}
