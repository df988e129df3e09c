//! The other end of a connection, as TLS knows it.

use std::net::SocketAddr;

use attestation_evidence::TlsExporter;

/// What is known of a connection before its first request.
#[derive(Debug)]
pub struct Peer {
    /// Its address, or its proxy's.
    pub address: SocketAddr,
    /// Its own certificate, if it showed one that TLS accepted: DER.
    pub certificate: Option<Vec<u8>>,
    /// What only the two ends of this TLS session know, for evidence to bind.
    pub exporter: TlsExporter,
}
