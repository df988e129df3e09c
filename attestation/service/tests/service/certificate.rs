//! The server's certificate, as clients see it that pin no key and are told to trust this file.

use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;

use crate::support::{Place, Verifier};
use attestation_service::names;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Whether a client that trusts the certificate alone takes the server for `name`.
fn is_taken_for(verifier: &Verifier<'_>, name: &str) -> bool {
    let file = verifier.place.data_dir.join(names::TLS_CERTIFICATE);
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(file).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(verifier.url.strip_prefix("https://").unwrap()).unwrap();
    StreamOwned::new(client, socket).write_all(b"\r\n").is_ok()
}

#[test]
fn certificate_is_good_for_each_name_and_address_that_was_given_and_no_other() {
    let place = Place::new();
    let verifier = place.serve();

    for name in ["cloister-verifier", "localhost", "127.0.0.1"] {
        assert!(is_taken_for(&verifier, name), "{name}");
    }
    for name in ["verifier", "127.0.0.2"] {
        assert!(!is_taken_for(&verifier, name), "{name}");
    }
}
