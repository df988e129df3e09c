//! One request over one connection, over in time.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use attestation_access::KeySet;
use attestation_pinned_http::{HttpClient, Request};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{RootCertStore, StreamOwned, crypto};
use thiserror::Error;

use crate::{Address, KeysError};

/// The certificate authorities that issuers are believed by: those of one PEM file, and no others. The system's are in
/// `/etc/ssl/certs/ca-certificates.crt` on Debian.
#[derive(Debug, Clone)]
pub struct TrustedRoots(Arc<ClientConfig>);

/// A file has no certificate authorities.
#[derive(Debug, Error)]
pub enum InvalidRoots {
    /// Not PEM.
    #[error("the trusted certificates are no PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// One that rustls does not take.
    #[error("one of the trusted certificates cannot be used")]
    Certificate(#[source] rustls::Error),
    /// None at all.
    #[error("there are no trusted certificates")]
    None,
}

impl TrustedRoots {
    /// Of a PEM file's content.
    ///
    /// # Errors
    /// There are none in it, or one cannot be used.
    pub fn from_pem(pem: &[u8]) -> Result<Self, InvalidRoots> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(InvalidRoots::Pem)?;
            roots.add(certificate).map_err(InvalidRoots::Certificate)?;
        }
        if roots.is_empty() {
            return Err(InvalidRoots::None);
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(InvalidRoots::Certificate)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }
}

/// Gets a document, of at most [`KeySet::LONGEST`] bytes.
pub(crate) fn get(
    address: &Address,
    roots: &TrustedRoots,
    until: Instant,
) -> Result<Vec<u8>, KeysError> {
    let stream = dial(address, until).map_err(|source| KeysError::Connect {
        address: address.to_string(),
        source,
    })?;
    let client = if address.encrypted {
        let stream = encrypt(stream, address, roots).map_err(|source| KeysError::Tls {
            address: address.to_string(),
            source,
        })?;
        HttpClient::over(stream, &address.authority)
    } else {
        HttpClient::over(stream, &address.authority)
    };
    let path = match address.path.as_str() {
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    };
    let request = Request {
        method: "GET",
        path: &path,
        ..Request::default()
    };
    let answer = client.send(&request).map_err(|source| KeysError::Http {
        address: address.to_string(),
        source,
    })?;
    let address = address.to_string();
    if answer.status != 200 {
        let status = answer.status;
        return Err(KeysError::Status { address, status });
    }
    if answer.body.len() > KeySet::LONGEST {
        return Err(KeysError::TooLong { address });
    }
    Ok(answer.body)
}

fn dial(address: &Address, until: Instant) -> io::Result<InTime> {
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for target in (address.host.as_str(), address.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&target, left(until)?) {
            Ok(stream) => return Ok(InTime { stream, until }),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn encrypt(
    mut stream: InTime,
    address: &Address,
    roots: &TrustedRoots,
) -> io::Result<StreamOwned<ClientConnection, InTime>> {
    let name = ServerName::try_from(address.host.clone()).map_err(io::Error::other)?;
    let config = Arc::clone(&roots.0);
    let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        if connection.complete_io(&mut stream)? == (0, 0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(StreamOwned::new(connection, stream))
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// A connection that ends at one moment, however slowly the other side goes on.
struct InTime {
    stream: TcpStream,
    until: Instant,
}

impl Read for InTime {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(buffer)
    }
}

impl Write for InTime {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
