//! One connection to a vendor, all of it within one deadline.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use ureq::http::Uri;

use crate::address::is_loopback;

/// Encrypted, or plain to this machine.
pub(crate) trait Stream: Read + Write + Send + Sync {}
impl<S: Read + Write + Send + Sync> Stream for S {}

/// Connects to the host of an address.
pub(crate) fn connect(
    uri: &Uri,
    tls: &Arc<ClientConfig>,
    until: Instant,
) -> io::Result<Box<dyn Stream>> {
    let host = uri.host().unwrap_or_default();
    let host = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned();
    match uri.scheme_str() {
        Some("https") => {
            let tcp = dial(&host, uri.port_u16().unwrap_or(443), until)?;
            encrypted(host, tcp, tls)
        }
        // Looked at here once more, however the address came.
        Some("http") if is_loopback(uri) => {
            let tcp = dial(&host, uri.port_u16().unwrap_or(80), until)?;
            Ok(Box::new(tcp))
        }
        _ => Err(io::Error::other("neither https:// nor this machine")),
    }
}

fn encrypted(
    host: String,
    mut tcp: PunctualTcp,
    tls: &Arc<ClientConfig>,
) -> io::Result<Box<dyn Stream>> {
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        if connection.complete_io(&mut tcp)? == (0, 0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(Box::new(StreamOwned::new(connection, tcp)))
}

fn dial(host: &str, port: u16, until: Instant) -> io::Result<PunctualTcp> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in resolve(host, port, until)? {
        match TcpStream::connect_timeout(&address, left(until)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(PunctualTcp { stream, until });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The system's resolver takes no deadline: it is asked beside, and left behind where it takes too long.
fn resolve(host: &str, port: u16, until: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (tell, told) = mpsc::channel();
    let name = (host.to_owned(), port);
    std::thread::Builder::new()
        .name("resolve".to_owned())
        .spawn(move || {
            let found = name.to_socket_addrs().map(Iterator::collect);
            // Nobody may wait any more.
            let _unheard = tell.send(found);
        })?;
    told.recv_timeout(left(until)?)
        .unwrap_or_else(|_| Err(timed_out()))
}

/// TCP whose every read and write ends by the deadline: a server that sends a byte a second is late, too.
struct PunctualTcp {
    stream: TcpStream,
    until: Instant,
}

impl Read for PunctualTcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        self.stream.read(buffer).map_err(late)
    }
}

impl Write for PunctualTcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        self.stream.write(bytes).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(timed_out()),
        false => Ok(left),
    }
}

/// The kernel says "would block" of a socket whose time is over.
fn late(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => timed_out(),
        _ => error,
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the time is over")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use rustls::RootCertStore;

    use super::*;

    /// However an address came here: names may mean other machines tomorrow.
    #[test]
    fn plain_http_is_looked_at_where_it_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("ring has suites")
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        let tls = Arc::new(tls);
        let to = |host: &str| {
            let uri: Uri = format!("http://{host}:{port}/")
                .parse()
                .expect("an address");
            connect(&uri, &tls, Instant::now() + Duration::from_secs(5)).is_ok()
        };
        assert!(to("127.0.0.1"));
        assert!(!to("localhost"));
    }
}
