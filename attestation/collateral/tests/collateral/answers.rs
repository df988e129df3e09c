//! Answers that are none.

use std::time::{Duration, Instant};

use attestation_collateral::{CollateralError, Product, VekKind};
use attestation_snp::test_support::Chip;

use crate::server::Reply;
use crate::world::{MILAN_LIST, WITHIN, World, world_of};

fn milan() -> (Chip, World) {
    let chip = Chip::new(Product::Milan, VekKind::Vcek);
    let world = world_of(&chip);
    (chip, world)
}

/// What the list's question comes to with this reply alone, within a moment.
fn asked_with(reply: Reply, within: Duration) -> CollateralError {
    let (_, world) = milan();
    world.server.set(MILAN_LIST, reply);
    let collateral = world.open();
    let error = collateral.snp_list(Product::Milan, within);
    assert_eq!(collateral.list().len(), 0, "nothing is kept");
    error.expect_err("no answer")
}

/// Less than the first wait after a failure: it is asked once.
const ONCE: Duration = Duration::from_millis(900);

#[test]
fn error_names_vendor_address_and_status() {
    for status in [400, 404, 410] {
        let error = asked_with(Reply::Status(status, vec![]), ONCE);
        let CollateralError::Missing { status: found, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(found, status);
    }
    for status in [401, 403, 500, 502] {
        let error = asked_with(Reply::Status(status, vec![]), ONCE).to_string();
        assert!(error.starts_with("AMD's KDS: http://127.0.0.1:"), "{error}");
        assert!(error.contains(&format!("{MILAN_LIST} answered HTTP {status}")));
    }
}

#[test]
fn redirect_is_not_followed() {
    let (chip, world) = milan();
    let target = format!("{}/elsewhere", world.server.address());
    world
        .server
        .set("/elsewhere", Reply::body(chip.crl(true, 5, &[])));
    let reply = Reply::Status(302, vec![("Location", target)]);
    world.server.set(MILAN_LIST, reply);
    let error = world.open().snp_list(Product::Milan, ONCE);
    error.expect_err("what it leads to is not asked");
    assert_eq!(world.server.asked(), [MILAN_LIST]);
}

#[test]
fn body_that_ends_early_is_no_answer() {
    let (chip, _) = milan();
    let whole = Reply::body(chip.crl(true, 5, &[]));
    let error = asked_with(Reply::Cut(Box::new(whole)), ONCE);
    assert!(matches!(error, CollateralError::Cut { .. }), "{error}");
    let error = asked_with(Reply::Nothing, ONCE);
    assert!(matches!(error, CollateralError::Cut { .. }), "{error}");
}

#[test]
fn body_without_an_end_is_left_at_its_bound() {
    let start = Instant::now();
    let error = asked_with(Reply::Endless, WITHIN / 4);
    assert!(
        error.to_string().contains("more than 2097152 bytes"),
        "{error}"
    );
    assert!(start.elapsed() < WITHIN);
}

#[test]
fn body_larger_than_any_of_its_kind_is_refused() {
    let most = 2 << 20;
    for (length, says) in [
        (most + 1, "more than 2097152 bytes"),
        (most, "cannot be read"),
    ] {
        let error = asked_with(Reply::body(vec![0x30; length]), ONCE).to_string();
        assert!(error.contains(says), "{length}: {error}");
    }
}

#[test]
fn body_that_trickles_is_late_at_the_deadline() {
    let start = Instant::now();
    let error = asked_with(Reply::Trickle(1000), Duration::from_millis(300));
    assert!(matches!(error, CollateralError::TooSlow { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn silence_is_late_at_the_deadline() {
    let (chip, _) = milan();
    let reply = Reply::body(chip.crl(true, 5, &[]));
    let late = Reply::Late(Duration::from_secs(30), Box::new(reply));
    let start = Instant::now();
    let error = asked_with(late, Duration::from_millis(300));
    assert!(matches!(error, CollateralError::TooSlow { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn nobody_who_listens_is_unreachable() {
    let (_, mut world) = milan();
    // Nothing is bound to this port: it is reserved (IANA, tcpmux).
    let nobody = "http://127.0.0.1:1".parse().expect("an address");
    world.settings.vendors.amd = nobody;
    let error = world.open().snp_list(Product::Milan, ONCE);
    let error = error.expect_err("nobody listens");
    assert!(
        matches!(error, CollateralError::Unreachable { .. }),
        "{error}"
    );
}

#[test]
fn wrong_content_is_refused() {
    for body in [&b""[..], b"<html></html>", b"{}", b"\x30\x03\x02\x01\x01"] {
        let error = asked_with(Reply::body(body), ONCE);
        assert!(matches!(error, CollateralError::Unproven { .. }), "{error}");
    }
}

#[test]
fn document_without_its_signers_certificates_is_refused() {
    let (_, world) = crate::world::Intel::new();
    let good = world.server.reply(crate::world::IDENTITY);
    for header in [None, Some("%2"), Some("nothing")] {
        let Reply::Good(mut headers, body) = good.clone() else {
            panic!("it is good");
        };
        match header {
            Some(text) => headers[0].1 = text.to_owned(),
            None => headers.clear(),
        }
        world
            .server
            .set(crate::world::IDENTITY, Reply::Good(headers, body));
        let collateral = world.open();
        let error = collateral.tdx(&crate::world::PLATFORM, WITHIN);
        let error = error.expect_err("nobody signed it");
        assert!(matches!(error, CollateralError::Unproven { .. }), "{error}");
    }
}
