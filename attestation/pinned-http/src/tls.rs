//! TLS 1.3 to exactly one key.
//!
//! The pin is the verifier's identity: the SHA-256 of the key's SubjectPublicKeyInfo. A guest has it in
//! its measured initramfs, so neither the names nor the dates of the certificate around the key add
//! anything: a certificate that has expired or bears another name is accepted with the pinned key
//! (the guest's clock is the host's anyway), and no certificate is accepted with another key. That
//! the peer holds the key is proven by the handshake's signature, which is verified in full.

use std::io::{self, Read, Write};
use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, PeerIncompatible, SignatureScheme,
    StreamOwned,
};

/// An established connection to the pinned verifier.
pub type TlsStream<S> = StreamOwned<ClientConnection, S>;

/// Why there is no connection to the pinned verifier.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The pinned name cannot be asked for.
    #[error("the pinned server_name {0:?} is no server's name")]
    ServerName(String),
    /// Somebody else answered.
    #[error(transparent)]
    NotPinned(NotPinned),
    /// Somebody with the verifier's certificate, but not its key.
    #[error("the verifier does not hold the key of its TLS certificate")]
    NoPossession,
    /// The handshake did not finish for another reason.
    #[error("TLS handshake with the verifier failed")]
    Handshake(#[source] io::Error),
    /// The client could not be set up.
    #[error("cannot set up TLS 1.3")]
    Setup(#[source] rustls::Error),
}

/// Somebody else's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the verifier's TLS key is not the pinned one: it is {}, and {} is pinned", hex::encode(.found), hex::encode(.pinned))]
pub struct NotPinned {
    /// SHA-256 of the SubjectPublicKeyInfo that was shown.
    pub found: [u8; 32],
    /// What it has to be.
    pub pinned: [u8; 32],
}

/// Shakes hands over `stream` and returns once the peer has proven to hold the pinned key: the one whose
/// SubjectPublicKeyInfo (DER) has this SHA-256. `server_name` is what is sent as SNI.
///
/// # Errors
/// [`TlsError`], after which nothing but the handshake was sent.
pub fn connect<S: Read + Write>(
    mut stream: S,
    server_name: &str,
    spki_sha256: [u8; 32],
) -> Result<TlsStream<S>, TlsError> {
    let name = ServerName::try_from(server_name.to_owned())
        .map_err(|_| TlsError::ServerName(server_name.to_owned()))?;
    let config = client_config(spki_sha256)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(TlsError::Setup)?;
    while connection.is_handshaking() {
        let (read, written) = connection.complete_io(&mut stream).map_err(explain)?;
        if (read, written) == (0, 0) {
            return Err(TlsError::Handshake(io::ErrorKind::UnexpectedEof.into()));
        }
    }
    Ok(StreamOwned::new(connection, stream))
}

fn client_config(spki_sha256: [u8; 32]) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = PinnedKey {
        spki_sha256,
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Every connection proves possession of the key anew.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Says in our words what the two refusals that matter mean.
fn explain(error: io::Error) -> TlsError {
    let tls = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::BadSignature)) => {
            TlsError::NoPossession
        }
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(other))) => {
            match other.0.downcast_ref() {
                Some(refused) => TlsError::NotPinned(*refused),
                None => TlsError::Handshake(error),
            }
        }
        _ => TlsError::Handshake(error),
    }
}

/// Accepts a certificate for its key alone.
#[derive(Debug)]
struct PinnedKey {
    spki_sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let found = sha256(&key);
        // Both sides are public: the comparison has nothing to leak.
        if found == self.spki_sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        let refused = NotPinned {
            found,
            pinned: self.spki_sha256,
        };
        Err(CertificateError::Other(OtherError(Arc::new(refused))).into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::ServerDoesNotSupportTls12Or13.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest(&SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
