//! The socket: TLS 1.3, limits on what a stranger may hold open, an orderly end.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use attestation_evidence::{TLS_EXPORTER_LABEL, TlsExporter};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::data_dir::{DataDir, DataDirError, names};
use crate::peer::Peer;
use crate::punctual::Punctual;
use crate::{Journal, Limits};

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken.
    #[error("{address} is in use by another process: stop it, or give another --listen address")]
    AddressInUse {
        /// The address as given.
        address: SocketAddr,
    },
    /// The address cannot be bound for another reason.
    #[error("cannot listen on {address} (--listen)")]
    Listen {
        /// The address as given.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The address of the metrics cannot be bound.
    #[error("cannot listen on {address} (`metrics` of verifier.toml)")]
    Metrics {
        /// The address as given.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// The TLS key or certificate cannot be read.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// The authorities of client certificates.
    #[error("the `client_ca` of the access file cannot be used: {0}")]
    ClientCa(String),
    /// The TLS key does not fit the certificate.
    #[error("{path} cannot be used as this server's TLS key with the certificate beside it")]
    Tls {
        /// The key's file.
        path: PathBuf,
        /// What TLS said.
        source: rustls::Error,
    },
}

/// A bound socket, ready to serve.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
    limits: Limits,
    journal: Journal,
}

impl Server {
    /// Binds `address` with the TLS identity in the data directory.
    pub async fn bind(
        address: SocketAddr,
        data_dir: &Path,
        limits: Limits,
        journal: Journal,
    ) -> Result<Self, ServeError> {
        Self::bind_for(address, data_dir, limits, journal, None).await
    }

    /// The same, which takes certificates of clients for whom one of these authorities (PEM) vouches. Guests have none.
    pub async fn bind_for(
        address: SocketAddr,
        data_dir: &Path,
        limits: Limits,
        journal: Journal,
        client_ca: Option<&[u8]>,
    ) -> Result<Self, ServeError> {
        let dir = DataDir::open(data_dir)?;
        let tls = TlsAcceptor::from(Arc::new(tls_config(&dir, client_ca)?));
        let listen = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::AddressInUse { address },
            _ => ServeError::Listen { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        Ok(Self {
            listener,
            address,
            tls,
            limits,
            journal,
        })
    }

    /// Where it listens; tells the port when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready, then lets requests under way finish.
    pub async fn run(self, app: Router, stop: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = accept(&self.listener, &slots) => accepted,
                () = &mut stop => break,
            };
            let Ok((stream, address, slot)) = accepted else {
                // Out of descriptors, most likely: give connections time to end.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let (tls, app, watcher) = (self.tls.clone(), app.clone(), graceful.watcher());
            let (limits, journal) = (self.limits, self.journal.clone());
            tokio::spawn(async move {
                let _slot = slot;
                if let Err(reason) = serve_one((stream, address), tls, app, watcher, limits).await {
                    journal.info("connection-refused", &Refused { reason });
                }
            });
        }
        drop(self.listener);
        let _ = tokio::time::timeout(self.limits.farewell, graceful.shutdown()).await;
    }
}

#[derive(Serialize)]
struct Refused {
    reason: String,
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, slot))
}

/// One connection from handshake to close. Only a failed handshake is worth a line: everything
/// after it is answered, or is the peer's going away.
async fn serve_one(
    (stream, address): (TcpStream, SocketAddr),
    tls: TlsAcceptor,
    app: Router,
    watcher: hyper_util::server::graceful::Watcher,
    limits: Limits,
) -> Result<(), String> {
    // Small answers are waited for; without it each costs a delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let stream = tokio::time::timeout(limits.handshake, tls.accept(stream))
        .await
        .map_err(|_| "TLS handshake took too long".to_owned())?
        .map_err(|error| format!("TLS handshake failed: {error}"))?;
    let (_, session) = stream.get_ref();
    let certificates = session.peer_certificates().unwrap_or_default();
    let exporter = session
        .export_keying_material(
            [0; TlsExporter::LENGTH],
            TLS_EXPORTER_LABEL.as_bytes(),
            None,
        )
        .map_err(|error| format!("TLS exports no value: {error}"))?;
    let peer = Arc::new(Peer {
        address,
        certificate: certificates.first().map(|own| own.to_vec()),
        exporter: TlsExporter::from_bytes(exporter),
    });
    let service = app.map_request(move |request: Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Arc::clone(&peer));
        request
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .serve_connection(
            TokioIo::new(Punctual::new(stream, limits.answer)),
            TowerToHyperService::new(service),
        );
    // A commit under way goes on when the connection is dropped: only its answer is lost.
    let _ = tokio::time::timeout(limits.lifetime, watcher.watch(connection)).await;
    Ok(())
}

fn tls_config(dir: &DataDir, client_ca: Option<&[u8]>) -> Result<ServerConfig, ServeError> {
    let key = dir.read_private(names::TLS_KEY)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| dir.malformed(names::TLS_KEY, "PEM private key"))?;
    let certificate = dir.read_private(names::TLS_CERTIFICATE)?;
    let certificate = CertificateDer::from_pem_slice(&certificate)
        .map_err(|_| dir.malformed(names::TLS_CERTIFICATE, "PEM certificate"))?;
    let tls = |source| ServeError::Tls {
        path: dir.file(names::TLS_KEY),
        source,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(tls)?;
    let config = match client_ca {
        None => config.with_no_client_auth(),
        Some(pem) => config.with_client_cert_verifier(client_verifier(pem, provider)?),
    };
    config.with_single_cert(vec![certificate], key).map_err(tls)
}

/// Whoever shows a certificate has to show a good one; whoever shows none is let in, to be nobody in particular.
fn client_verifier(
    pem: &[u8],
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, ServeError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| ServeError::ClientCa(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| ServeError::ClientCa(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build()
        .map_err(|error| ServeError::ClientCa(error.to_string()))
}
