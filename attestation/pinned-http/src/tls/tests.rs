//! The one key is accepted, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::os::unix::net::UnixStream;
use std::thread;

use rcgen::{CertificateParams, DnType, KeyPair, PublicKeyData, date_time_ymd};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::*;

const NAME: &str = "cloister-verifier";

fn certificate(
    key: &KeyPair,
    change: impl FnOnce(&mut CertificateParams),
) -> CertificateDer<'static> {
    let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, NAME);
    change(&mut params);
    params.self_signed(key).unwrap().der().clone()
}

fn pin(key: &KeyPair) -> [u8; 32] {
    sha256(&key.subject_public_key_info())
}

/// Shows one certificate and signs with a key that need not belong to it.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A server that shows `certificate`, signs with `signer` and answers one byte, `!`.
fn serve(
    certificate: CertificateDer<'static>,
    signer: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> UnixStream {
    let provider = Arc::new(crypto::ring::default_provider());
    let signer = PrivatePkcs8KeyDer::from(signer.serialize_der()).into();
    let signer = provider.key_provider.load_private_key(signer).unwrap();
    let shows = Shows(Arc::new(CertifiedKey::new(vec![certificate], signer)));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shows));
    let (ours, theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        let connection = ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = StreamOwned::new(connection, theirs);
        // A client that refuses makes this fail, as it should.
        let _ = stream.write_all(b"!");
    });
    ours
}

fn serve_13(certificate: CertificateDer<'static>, signer: &KeyPair) -> UnixStream {
    serve(certificate, signer, &[&rustls::version::TLS13])
}

fn key() -> KeyPair {
    KeyPair::generate().unwrap()
}

#[test]
fn tls_pinned_key_accepted_and_usable() {
    let key = key();
    let server = serve_13(certificate(&key, |_| ()), &key);
    let mut stream = connect(server, NAME, pin(&key)).unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"!");
}

#[test]
fn tls_another_key_refused() {
    let (pinned, another) = (key(), key());
    let server = serve_13(certificate(&another, |_| ()), &another);
    let refused = NotPinned {
        found: pin(&another),
        pinned: pin(&pinned),
    };
    let error = connect(server, NAME, pin(&pinned)).unwrap_err();
    assert!(
        matches!(error, TlsError::NotPinned(error) if error == refused),
        "{error}"
    );
}

#[test]
fn tls_pinned_certificate_without_its_key_refused() {
    let (pinned, thief) = (key(), key());
    let server = serve_13(certificate(&pinned, |_| ()), &thief);
    assert!(matches!(
        connect(server, NAME, pin(&pinned)),
        Err(TlsError::NoPossession)
    ));
}

#[test]
fn tls_expired_certificate_of_pinned_key_accepted() {
    let key = key();
    let expired = certificate(&key, |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    assert!(connect(serve_13(expired, &key), NAME, pin(&key)).is_ok());
}

#[test]
fn tls_other_name_of_pinned_key_accepted() {
    let key = key();
    let renamed = CertificateParams::new(["other.example".to_owned()]).unwrap();
    let renamed = renamed.self_signed(&key).unwrap().der().clone();
    assert!(connect(serve_13(renamed, &key), NAME, pin(&key)).is_ok());
}

#[test]
fn tls_name_that_is_none_refused() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let error = connect(ours, "no name", [0; 32]).unwrap_err();
    assert!(matches!(error, TlsError::ServerName(_)), "{error}");
}

#[test]
fn tls_peer_that_hangs_up_refused() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    assert!(matches!(
        connect(ours, NAME, pin(&key())),
        Err(TlsError::Handshake(_))
    ));
}

#[test]
fn tls_1_2_signatures_and_versions_are_not_offered() {
    let config = client_config([0; 32]).unwrap();
    let name = ServerName::try_from(NAME).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    // RFC 8446 section 4.2.1: supported_versions (43), 3 bytes: a list of 2 bytes, 0x0304 alone.
    let only_13 = [0, 43, 0, 3, 2, 3, 4];
    assert!(hello.windows(only_13.len()).any(|window| window == only_13));
}
