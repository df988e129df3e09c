//! A small blocking HTTPS client that talks to exactly one key: for the admin commands and tests.
//!
//! It trusts no certificate authority and no name. The server must prove, in a TLS 1.3 handshake,
//! that it holds the key whose SHA-256 the pins name.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error as TlsError, SignatureScheme,
    StreamOwned,
};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector, Transport,
    TransportAdapter,
};

use crate::entropy;

const TIMEOUT: Duration = Duration::from_secs(60);
const ANSWER_LIMIT: u64 = 16 * 1024 * 1024;

/// Talks to the one server that holds the pinned key.
pub struct Client {
    agent: ureq::Agent,
    base: String,
    bearer: Option<String>,
}

/// A request to send; see [`Client::send`].
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// `GET`, `PUT`, `POST`.
    pub method: &'a str,
    /// Path and query, from the first slash.
    pub path: &'a str,
    /// Sent as `Cookie`, if any.
    pub cookie: Option<&'a str>,
    /// The body; `None` sends none.
    pub body: Option<&'a [u8]>,
}

/// The server's answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// The `Set-Cookie` header, if any.
    pub set_cookie: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// `--url` is not `https://HOST:PORT`.
    #[error("`{0}` is not an address like https://127.0.0.1:8443")]
    Url(String),
    /// The server's name in the pins is no DNS name.
    #[error("`{0}` in the pins is not a server name")]
    ServerName(String),
    /// TLS could not be set up on this side.
    #[error("cannot set up TLS")]
    Tls(#[from] TlsError),
    /// The request failed on the way.
    #[error("no answer from {url}: is the verifier running there, and are these its pins?")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What went wrong.
        source: Box<ureq::Error>,
    },
}

impl Client {
    /// A client for the server at `url` whose TLS public key (SubjectPublicKeyInfo, DER) has this
    /// SHA-256. `server_name` is what is sent as SNI.
    pub fn new(url: &str, server_name: &str, spki_sha256: [u8; 32]) -> Result<Self, ClientError> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("https://") {
            return Err(ClientError::Url(base));
        }
        let name = ServerName::try_from(server_name.to_owned())
            .map_err(|_| ClientError::ServerName(server_name.to_owned()))?;
        let connector = TcpConnector::default().chain(PinnedTls {
            config: Arc::new(client_config(spki_sha256)?),
            name,
        });
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build();
        let agent = ureq::Agent::with_parts(config, connector, DefaultResolver::default());
        Ok(Self {
            agent,
            base,
            bearer: None,
        })
    }

    /// The same client, which sends `token` as its bearer token from now on.
    #[must_use]
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.bearer = Some(format!("Bearer {token}"));
        self
    }

    /// Sends a request and reads the whole answer.
    pub fn send(&self, request: &Request<'_>) -> Result<Answer, ClientError> {
        let url = format!("{}{}", self.base, request.path);
        self.exchange(&url, request)
            .map_err(|source| ClientError::Unreachable {
                url,
                source: Box::new(source),
            })
    }

    fn exchange(&self, url: &str, request: &Request<'_>) -> Result<Answer, ureq::Error> {
        let mut builder = ureq::http::Request::builder()
            .method(request.method)
            .uri(url);
        if let Some(bearer) = &self.bearer {
            builder = builder.header("authorization", bearer);
        }
        if let Some(cookie) = request.cookie {
            builder = builder.header("cookie", cookie);
        }
        let response = match request.body {
            Some(body) => self.agent.run(builder.body(body)?)?,
            None => self.agent.run(builder.body(())?)?,
        };
        read_answer(response)
    }
}

fn read_answer(response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let (head, mut body) = response.into_parts();
    let set_cookie = head
        .headers
        .get("set-cookie")
        .and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: head.status.as_u16(),
        set_cookie: set_cookie.map(str::to_owned),
        body: body.with_config().limit(ANSWER_LIMIT).read_to_vec()?,
    })
}

pub(crate) fn client_config(spki_sha256: [u8; 32]) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = PinnedKey {
        spki_sha256,
        provider: Arc::clone(&provider),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous() // rustls' word for any verifier but its own; ours accepts one key only.
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // Every connection proves possession of the key anew.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Accepts a certificate if and only if it carries the pinned public key.
#[derive(Debug)]
struct PinnedKey {
    spki_sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedKey {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let spki = ParsedCertificate::try_from(certificate)?.subject_public_key_info();
        let digest = entropy::sha256(&spki);
        if digest != self.spki_sha256 {
            return Err(TlsError::General(format!(
                "the server's key is {}, the pinned key is {}",
                hex::encode(digest),
                hex::encode(self.spki_sha256)
            )));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

struct PinnedTls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl fmt::Debug for PinnedTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedTls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<In: Transport> Connector<In> for PinnedTls {
    type Out = TlsTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<TlsTransport>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        let mut connection = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .map_err(|error| ureq::Error::Other(Box::new(error)))?;
        let mut socket = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        socket.set_timeout(details.timeout);
        connection.complete_io(&mut socket)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(TlsTransport {
            buffers,
            stream: StreamOwned::new(connection, socket),
        }))
    }
}

struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
