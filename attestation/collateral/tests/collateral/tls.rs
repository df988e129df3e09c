//! Servers that are encrypted.

use std::sync::Arc;
use std::time::Duration;

use attestation_collateral::{CollateralError, OpenError, Product, VekKind};
use attestation_snp::test_support::Chip;
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use crate::server::{Reply, Server};
use crate::world::{MILAN_LIST, WITHIN, World, world_of};

/// A server's own certificate, which is its authority, too; PEM.
fn server() -> (Server, String) {
    let name = vec!["127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(name).expect("ring makes keys");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has suites")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("the key is the certificate's");
    (Server::encrypted(Arc::new(config)), made.cert.pem())
}

fn world() -> (World, String) {
    let chip = Chip::new(Product::Milan, VekKind::Vcek);
    let mut world = world_of(&chip);
    let (server, pem) = server();
    server.set(MILAN_LIST, Reply::body(chip.crl(true, 5, &[])));
    let address = format!("https://127.0.0.1:{}", server.port);
    world.settings.vendors.amd = address.parse().expect("an address");
    world.server = server;
    (world, pem)
}

fn with_ca(world: &mut World, pem: &str) {
    let path = world.folder.path().join("ca.pem");
    std::fs::write(&path, pem).expect("written");
    world.settings.ca_file = Some(path);
}

#[test]
fn server_that_the_ca_file_vouches_for_is_asked() {
    let (mut world, pem) = world();
    with_ca(&mut world, &pem);
    let notes = world.open().snp_list(Product::Milan, WITHIN);
    assert_eq!(notes, Ok(vec![]));
}

#[test]
fn server_that_nobody_vouches_for_is_not_asked() {
    let (mut world, _) = world();
    let (_, other) = server();
    with_ca(&mut world, &other);
    let error = world
        .open()
        .snp_list(Product::Milan, Duration::from_millis(900));
    let error = error.expect_err("another authority");
    let CollateralError::Unreachable { why, .. } = &error else {
        panic!("{error}");
    };
    assert!(why.contains("certificate"), "{why}");
    assert_eq!(world.server.asked(), Vec::<String>::new());
}

#[test]
fn ca_file_that_holds_none_is_refused() {
    let (mut world, _) = world();
    with_ca(&mut world, "nothing");
    let error = world.try_open().expect_err("no certificate");
    assert!(matches!(error, OpenError::CaFile { .. }), "{error}");
    world.settings.ca_file = Some(world.folder.path().join("gone.pem"));
    let error = world.try_open().expect_err("no file");
    assert!(matches!(error, OpenError::CaFile { .. }), "{error}");
}
