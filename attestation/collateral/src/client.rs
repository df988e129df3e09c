//! Asks a vendor once: one GET, one answer of a bounded size, no redirects.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Response, Uri, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use crate::connection::{Stream, connect};
use crate::error::OpenError;

/// Intel's chains come in headers, percent-encoded: 4 KiB each.
const HEADER_LIMIT: usize = 32 << 10;
const BUFFER_SIZE: usize = 32 << 10;
/// Where systems keep their certificate authorities: Debian, Red Hat, Alpine, SUSE.
const CA_FILES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/ca-bundle.pem",
];

/// Asks.
pub(crate) struct Client {
    tls: Arc<ClientConfig>,
}

/// What came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    /// `Retry-After`, as it is written.
    pub retry_after: Option<String>,
    /// The header that was asked for, as it is written.
    pub header: Option<String>,
    /// The body of a 200; of another status nothing is read.
    pub body: Vec<u8>,
}

/// Nothing came.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection: the vendor, or the way to it, is down for every question.
    NoConnection(String),
    /// A connection and no whole answer.
    Cut(String),
    /// The time is over.
    Late,
}

impl Client {
    /// With the certificate authorities of this file, or the machine's; with none where `plain` says that none is needed
    /// and no file is named.
    pub(crate) fn new(ca_file: Option<&Path>, plain: bool) -> Result<Self, OpenError> {
        let roots = match (ca_file, plain) {
            (None, true) => RootCertStore::empty(),
            (Some(path), _) => authorities(path)?,
            (None, false) => authorities(&system_file().ok_or(OpenError::NoCaFile)?)?,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .expect("ring has suites of both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            tls: Arc::new(config),
        })
    }

    /// Asks, within this time, for at most `most` bytes; `header` is one that the answer may carry.
    pub(crate) fn get(
        &self,
        address: &str,
        header: Option<&str>,
        most: usize,
        within: Duration,
    ) -> Result<Answer, Failure> {
        let uri: Uri = address
            .parse()
            .map_err(|_| Failure::Cut("not an address".to_owned()))?;
        let until = Instant::now() + within;
        let stream = connect(&uri, &self.tls, until).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Failure::Late,
            _ => Failure::NoConnection(error.to_string()),
        })?;
        let agent = Agent::with_parts(config(), Once(Mutex::new(Some(stream))), NoResolver);
        let response = agent
            .get(&uri)
            .header(header::ACCEPT, "*/*")
            .header(header::CONNECTION, "close")
            .call();
        Answer::read(response.map_err(cut)?, header, most)
    }
}

fn authorities(path: &Path) -> Result<RootCertStore, OpenError> {
    let unusable = |why: String| OpenError::CaFile {
        path: path.to_owned(),
        why,
    };
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    // Systems keep some that rustls cannot read: those vouch for nobody.
    let (usable, _) = roots.add_parsable_certificates(certificates);
    match usable {
        0 => Err(unusable("no certificate in it can be used".to_owned())),
        _ => Ok(roots),
    }
}

fn system_file() -> Option<PathBuf> {
    let files = CA_FILES.iter().map(PathBuf::from);
    files.into_iter().find(|path| path.is_file())
}

fn config() -> Config {
    Config::builder()
        // No variable of the environment has a say.
        .proxy(None)
        .http_status_as_error(false)
        // Whoever answers for a vendor may send us nowhere else.
        .max_redirects(0)
        .max_response_header_size(HEADER_LIMIT)
        .input_buffer_size(BUFFER_SIZE)
        .output_buffer_size(BUFFER_SIZE)
        .user_agent(concat!("cloister/", env!("CARGO_PKG_VERSION")))
        .build()
}

impl Answer {
    fn read(
        mut response: Response<ureq::Body>,
        header: Option<&str>,
        most: usize,
    ) -> Result<Self, Failure> {
        let text = |name: &str| {
            let value = response.headers().get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        let (retry_after, header) = (text("Retry-After"), header.and_then(text));
        let status = response.status().as_u16();
        let body = match status {
            200 => response
                .body_mut()
                .with_config()
                .limit(u64::try_from(most).unwrap_or(u64::MAX))
                .read_to_vec()
                .map_err(cut)?,
            _ => Vec::new(),
        };
        Ok(Self {
            status,
            retry_after,
            header,
            body,
        })
    }
}

fn cut(error: ureq::Error) -> Failure {
    match error {
        ureq::Error::Timeout(_) => Failure::Late,
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => Failure::Late,
        ureq::Error::BodyExceedsLimit(most) => Failure::Cut(format!("more than {most} bytes")),
        other => Failure::Cut(other.to_string()),
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// Hands out the one connection, once.
struct Once(Mutex<Option<Box<dyn Stream>>>);

impl Connector for Once {
    type Out = OneStream;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<OneStream>, ureq::Error> {
        let mut slot = self.0.lock().map_err(|_| ureq::Error::ConnectionFailed)?;
        let stream = slot.take().ok_or(ureq::Error::ConnectionFailed)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(OneStream {
            stream,
            buffers,
            open: true,
        }))
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Once")
    }
}

struct OneStream {
    stream: Box<dyn Stream>,
    buffers: LazyBuffers,
    open: bool,
}

impl Transport for OneStream {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.write_all(&self.buffers.output()[..amount])?;
        Ok(self.stream.flush()?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let received = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(received);
        self.open = received > 0;
        Ok(self.open)
    }

    fn is_open(&mut self) -> bool {
        self.open
    }

    fn is_tls(&self) -> bool {
        true
    }
}

impl fmt::Debug for OneStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneStream")
    }
}

/// There is nothing to resolve: the connection is there.
#[derive(Debug)]
struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
