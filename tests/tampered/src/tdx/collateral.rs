//! Collateral: its dates, its lists, its age.

use super::{Asked, Tdx, after, asked, asked_both, spoilt};
use crate::{Case, Reason};
use attestation_tdx::test_support::{FROM, Keys, NEXT, NOW, Scene, UNTIL};
use std::sync::Arc;

const SIGNATURE: Reason = ("collateral_signatures", "collateral_signature_invalid");
const LATE: Reason = ("dates", "expired");
const EARLY: Reason = ("dates", "not_yet_valid");
const REVOKED: Reason = ("revocation", "certificate_revoked");
const LIST: Reason = ("revocation", "revocation_list_invalid");

pub(super) fn cases() -> Vec<Tdx> {
    [signatures(), dates(), lists(), age()]
        .into_iter()
        .flatten()
        .collect()
}

fn signatures() -> Vec<Tdx> {
    vec![
        after(
            "TCB info with a space that was not signed",
            SIGNATURE,
            |made| made.collateral.tcb_info.push(' '),
        ),
        after(
            "QE identity with a space that was not signed",
            SIGNATURE,
            |made| made.collateral.qe_identity.push(' '),
        ),
        after("TCB info with another signature", SIGNATURE, |made| {
            made.collateral.tcb_info_signature[0] ^= 1
        }),
        after("TCB info without a signature", SIGNATURE, |made| {
            made.collateral.tcb_info_signature.clear()
        }),
        after("QE identity with another signature", SIGNATURE, |made| {
            made.collateral.qe_identity_signature[63] ^= 1
        }),
        after(
            "QE identity with the TCB info's signature",
            SIGNATURE,
            |made| {
                made.collateral.qe_identity_signature = made.collateral.tcb_info_signature.clone();
            },
        ),
        after(
            "QE identity with a byte after its signature",
            SIGNATURE,
            |made| made.collateral.qe_identity_signature.push(0),
        ),
        after("root's list by another key", SIGNATURE, |made| {
            made.collateral.root_ca_crl = other().made.collateral.root_ca_crl
        }),
        after("PCK CA's list by another key", SIGNATURE, |made| {
            made.collateral.pck_crl = other().made.collateral.pck_crl
        }),
        after("root's list with another signature", SIGNATURE, |made| {
            *made
                .collateral
                .root_ca_crl
                .last_mut()
                .expect("it has bytes") ^= 1;
        }),
    ]
}

/// Another platform under another root of the same names.
fn other() -> Asked {
    Asked::of(&Scene::with_keys(Arc::new(Keys::generate())))
}

fn dates() -> Vec<Tdx> {
    vec![
        spoilt("root that expired", LATE, |s| s.root.until = NOW - 1),
        spoilt("PCK CA that expired", LATE, |s| s.ca.until = NOW - 1),
        spoilt("PCK certificate that expired", LATE, |s| {
            s.pck.until = NOW - 1
        }),
        spoilt("signer that expired", LATE, |s| s.signer.until = NOW - 1),
        spoilt("root of the next second", EARLY, |s| s.root.from = NOW + 1),
        spoilt("PCK CA of the next second", EARLY, |s| s.ca.from = NOW + 1),
        spoilt("PCK certificate of the next second", EARLY, |s| {
            s.pck.from = NOW + 1
        }),
        spoilt("signer of the next second", EARLY, |s| {
            s.signer.from = NOW + 1
        }),
        spoilt("root's list that expired", LATE, |s| s.root_crl.next = NOW),
        spoilt("PCK CA's list that expired", LATE, |s| s.pck_crl.next = NOW),
        spoilt("root's list of the next second", EARLY, |s| {
            s.root_crl.from = NOW + 1
        }),
        spoilt("PCK CA's list of the next second", EARLY, |s| {
            s.pck_crl.from = NOW + 1
        }),
        spoilt("TCB info that expired", LATE, |s| {
            s.tcb_info["nextUpdate"] = "2026-11-22T11:59:59Z".into()
        }),
        spoilt("QE identity that expired", LATE, |s| {
            s.qe_identity["nextUpdate"] = "2026-11-22T11:59:59Z".into()
        }),
        spoilt("TCB info of the next second", EARLY, |s| {
            s.tcb_info["issueDate"] = "2026-11-22T12:00:01Z".into()
        }),
        spoilt("QE identity of the next second", EARLY, |s| {
            s.qe_identity["issueDate"] = "2026-11-22T12:00:01Z".into()
        }),
        asked("the beginning of time", EARLY, |a| a.now = 0),
        asked("the second before the certificates", EARLY, |a| {
            a.now = FROM - 1
        }),
        asked("the second after the documents", LATE, |a| a.now = NEXT + 1),
        asked("the second after the certificates", LATE, |a| {
            a.now = UNTIL + 1
        }),
        asked("the end of time", LATE, |a| a.now = u64::MAX),
    ]
}

fn lists() -> Vec<Tdx> {
    vec![
        spoilt("revoked root", REVOKED, |s| s.root_crl.revoked.push(1)),
        spoilt("revoked PCK CA", REVOKED, |s| s.root_crl.revoked.push(2)),
        spoilt("revoked PCK certificate", REVOKED, |s| {
            s.pck_crl.revoked.push(3)
        }),
        spoilt("revoked signer", REVOKED, |s| s.root_crl.revoked.push(4)),
        spoilt(
            "PCK certificate among many that are revoked",
            REVOKED,
            |s| s.pck_crl.revoked = vec![9, 300, 3, 70_000, 2],
        ),
        after("no root's list", LIST, |made| {
            made.collateral.root_ca_crl.clear()
        }),
        after("no PCK CA's list", LIST, |made| {
            made.collateral.pck_crl.clear()
        }),
        after("PCK CA's list with a byte after it", LIST, |made| {
            made.collateral.pck_crl.push(0)
        }),
        after("root's list cut short", LIST, |made| {
            made.collateral.root_ca_crl.pop();
        }),
        after("the root's list for the PCK CA's", LIST, |made| {
            made.collateral.pck_crl = made.collateral.root_ca_crl.clone()
        })
        .also(SIGNATURE),
        after("a certificate for the root's list", LIST, |made| {
            made.collateral.root_ca_crl = made.root.clone()
        }),
    ]
}

fn age() -> Vec<Tdx> {
    const OLDER: Reason = ("freshness", "older_than_seen");
    const LOW: Reason = ("freshness", "evaluation_number_too_low");
    let older = |name: &str, newer: fn(&mut Scene)| {
        Case::new(name, OLDER, || seen(|_| ()), move || seen(newer))
    };
    vec![
        older("TCB info older than one that was seen", |s| {
            s.tcb_info["issueDate"] = "2026-11-16T00:00:00Z".into()
        }),
        older("QE identity older than one that was seen", |s| {
            s.qe_identity["issueDate"] = "2026-11-16T00:00:00Z".into()
        }),
        older("root's list older than one that was seen", |s| {
            s.root_crl.number = 8
        }),
        older("PCK CA's list older than one that was seen", |s| {
            s.pck_crl.number = 8
        }),
        older("evaluation older than one that was seen", |s| {
            s.tcb_info["tcbEvaluationDataNumber"] = 18.into();
            s.qe_identity["tcbEvaluationDataNumber"] = 18.into();
        }),
        asked_both(
            "evaluation below the minimum",
            LOW,
            |a| a.limits.min_tcb_evaluation_data_number = 17,
            |a| {
                a.limits.min_tcb_evaluation_data_number = 18;
            },
        ),
        spoilt(
            "TCB info and QE identity of two evaluations",
            ("freshness", "evaluation_numbers_differ"),
            |s| {
                s.qe_identity["tcbEvaluationDataNumber"] = 16.into();
            },
        ),
    ]
}

/// A scene judged after another moment of the same platform.
fn seen(newer: fn(&mut Scene)) -> Asked {
    let scene = Scene::new();
    let mut later = Scene::with_keys(scene.keys.clone());
    newer(&mut later);
    Asked::of(&scene).with(|asked| asked.seen = Some(Asked::of(&later).remembered()))
}
