//! Revocation lists.

use super::{Snp, both, milan, scene};
use crate::{Case, Reason};
use attestation_certificates::{Certificate, Crl, Observation, Seen};
use attestation_snp::Product;
use attestation_snp::VekKind;
use attestation_snp::test_support::{Certificates, NOT_AFTER, Scene};
use rcgen::date_time_ymd;

const CHECK: &str = "revocation";
const MISSING: Reason = (CHECK, "crl_missing");
const REVOKED: Reason = (CHECK, "certificate_revoked");
const KNOWN: Reason = (CHECK, "certificate_known_revoked");
const BAD: Reason = (CHECK, "crl");

pub(super) fn cases() -> Vec<Snp> {
    vec![
        scene("no list where one is required", MISSING, |s| {
            s.with_limits(|l| l.require_crl = true)
        }),
        scene(
            "the ASK's list where the root's is required",
            MISSING,
            |s| {
                s.with(|s| {
                    s.crls.push(s.chip.crl(false, 5, &[]));
                    s.limits.require_crl = true;
                })
            },
        ),
        both("revoked ASK", REVOKED, listed, |s| list(s, true, 6, &[2])),
        both("revoked ARK", REVOKED, listed, |s| list(s, true, 6, &[1])),
        both("revoked VEK", REVOKED, listed, |s| list(s, false, 6, &[0])),
        both("ASK among many that are revoked", REVOKED, listed, |s| {
            list(s, true, 6, &[9, 7, 2, 200])
        }),
        both("list of another key", BAD, listed, |s| {
            s.with(|s| s.crls.push(milan().chip.crl(true, 6, &[])))
        }),
        both("list of another product's root", BAD, listed, |s| {
            s.with(|s| {
                s.crls
                    .push(Scene::new(Product::Genoa).chip.crl(true, 6, &[]))
            })
        }),
        both("list with another signature", BAD, listed, |s| {
            s.with(|s| *s.crls[0].last_mut().expect("it has bytes") ^= 1)
        }),
        Case::new(
            "list by a root that may not sign lists",
            BAD,
            || listed(milan()),
            || {
                let mut certificates = Certificates::of(Product::Milan, VekKind::Vcek);
                certificates.ark.key_usages.truncate(1);
                certificates.ark_as_issuer.key_usages.truncate(2);
                listed(Scene::of(certificates))
            },
        ),
        Case::new(
            "list of next year",
            (CHECK, "crl_not_yet_valid"),
            old,
            || {
                old().with(|s| {
                    s.crls.push(s.chip.crl(true, 5, &[]));
                    s.limits.require_crl = false;
                })
            },
        )
        .silencing(&[]),
        Case::new(
            "list whose time is over",
            (CHECK, "crl_expired"),
            late,
            || late().with(|s| s.crls.push(s.chip.crl(true, 5, &[]))),
        ),
        Case::new(
            "list older than one that was seen",
            (CHECK, "crl_older_than_seen"),
            || seen(5),
            || seen(9),
        ),
        Case::new(
            "list without anything newer than a number beyond 64 bits",
            (CHECK, "crl_older_than_seen"),
            || seen(0),
            || seen(u64::MAX),
        ),
        both(
            "list left out of whose root one was seen",
            (CHECK, "crl_left_out"),
            |s| remembering(listed(s)),
            |s| s.with(|s| s.crls.clear()),
        ),
        both(
            "list of another trusted root, with another signature",
            BAD,
            genoas,
            |s| s.with(|s| *s.crls[1].last_mut().expect("it has bytes") ^= 1),
        ),
        both("ASK that is known to be revoked", KNOWN, listed, |s| {
            let others = Scene::new(Product::Genoa).anchors;
            s.with(|s| s.anchors = s.anchors.clone().and(others, &[2]))
        }),
    ]
}

/// Genoa's root is trusted beside Milan's, and its list is there too.
fn genoas(scene: Scene) -> Scene {
    let genoa = Scene::new(Product::Genoa);
    listed(scene).with(|scene| {
        scene.crls.push(genoa.chip.crl(true, 5, &[]));
        scene.anchors = scene.anchors.clone().and(genoa.anchors, &[]);
    })
}

/// With its lists seen before.
fn remembering(scene: Scene) -> Scene {
    let root = Certificate::read(&scene.chip.ark).expect("it was just made");
    let lists = scene.crls.iter();
    let lists = lists.map(|list| Crl::read(list).expect("it was just made"));
    let seen = lists.map(|list| Observation::of_crl(&list, &root));
    let seen = Seen::default().with(seen).expect("they are few");
    scene.with(|scene| scene.seen = Some(seen))
}

fn list(scene: Scene, by_root: bool, number: u64, revoked: &[u8]) -> Scene {
    scene.with(|scene| scene.crls.push(scene.chip.crl(by_root, number, revoked)))
}

fn listed(scene: Scene) -> Scene {
    list(scene, true, 5, &[])
}

/// A list with number 5, where one of this number was seen before.
fn seen(number: u64) -> Scene {
    listed(milan()).with(|scene| {
        let list = Crl::read(&scene.chip.crl(true, number, &[])).expect("it was just made");
        let root = Certificate::read(&scene.chip.ark).expect("it was just made");
        let newest = Seen::default().with([Observation::of_crl(&list, &root)]);
        scene.seen = Some(newest.expect("one is not too many"));
    })
}

/// 2025-06-01T00:00:00Z, with certificates that are valid then.
fn old() -> Scene {
    let mut certificates = Certificates::of(Product::Milan, VekKind::Vcek);
    for params in [
        &mut certificates.ark,
        &mut certificates.issuer,
        &mut certificates.vek,
    ] {
        params.not_before = date_time_ymd(2025, 1, 1);
    }
    Scene::of(certificates).with(|scene| {
        scene.references = None;
        scene.now = 1_748_736_000;
    })
}

fn late() -> Scene {
    milan().with(|scene| {
        scene.references = None;
        scene.now = NOT_AFTER;
    })
}
