//! A small blocking client of a verifier over TCP: for the admin commands and tests.

use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use attestation_pinned_http::{Answer, HttpClient, HttpError, Request, TlsError, connect};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Talks to the one server that holds the pinned key, over a new connection for every request.
pub struct Client {
    /// `HOST:PORT`.
    address: String,
    server_name: String,
    spki_sha256: [u8; 32],
    bearer: Option<String>,
}

/// The request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// `--url` is not `https://HOST:PORT`.
    #[error("`{0}` is not an address like https://127.0.0.1:8443")]
    Url(String),
    /// Nobody answers there.
    #[error("no connection to https://{address}: is the verifier running there?")]
    Connection {
        /// Where.
        address: String,
        /// What went wrong.
        source: io::Error,
    },
    /// Somebody answers who is not proven to be the server of these pins.
    #[error("no TLS with https://{address}: are these the pins of the verifier there?")]
    Tls {
        /// Where.
        address: String,
        /// What went wrong.
        source: TlsError,
    },
    /// The request failed on the way.
    #[error("the verifier at https://{address} did not answer")]
    Http {
        /// Where.
        address: String,
        /// What went wrong.
        source: HttpError,
    },
}

impl Client {
    /// A client for the server at `url` whose TLS public key (SubjectPublicKeyInfo, DER) has this
    /// SHA-256. `server_name` is what is sent as SNI.
    ///
    /// # Errors
    /// [`ClientError::Url`], if `url` is not `https://HOST:PORT`.
    pub fn new(url: &str, server_name: &str, spki_sha256: [u8; 32]) -> Result<Self, ClientError> {
        let address = address(url).ok_or_else(|| ClientError::Url(url.to_owned()))?;
        Ok(Self {
            address: address.to_owned(),
            server_name: server_name.to_owned(),
            spki_sha256,
            bearer: None,
        })
    }

    /// The same client, which sends `token` as its bearer token from now on.
    #[must_use]
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.bearer = Some(token.to_owned());
        self
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`ClientError`] says how far it got.
    pub fn send(&self, request: &Request<'_>) -> Result<Answer, ClientError> {
        let address = || self.address.clone();
        let socket = self.dial().map_err(|source| ClientError::Connection {
            address: address(),
            source,
        })?;
        let stream = connect(socket, &self.server_name, self.spki_sha256).map_err(|source| {
            ClientError::Tls {
                address: address(),
                source,
            }
        })?;
        let mut http = HttpClient::over(stream, &self.server_name);
        if let Some(token) = &self.bearer {
            http = http.with_bearer(token);
        }
        http.send(request).map_err(|source| ClientError::Http {
            address: address(),
            source,
        })
    }

    /// The first of the host's addresses that takes the connection.
    fn dial(&self) -> io::Result<TcpStream> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in self.address.to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, TIMEOUT) {
                Ok(socket) => {
                    socket.set_nodelay(true)?;
                    socket.set_read_timeout(Some(TIMEOUT))?;
                    socket.set_write_timeout(Some(TIMEOUT))?;
                    return Ok(socket);
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }
}

/// `HOST:PORT` of `https://HOST:PORT`.
fn address(url: &str) -> Option<&str> {
    let address = url.strip_prefix("https://")?.trim_end_matches('/');
    let (host, port) = address.rsplit_once(':')?;
    let plain = !host.is_empty() && !host.contains(['/', '@', '?', '#']);
    (plain && port.parse::<u16>().is_ok()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_of_a_host_and_a_port_is_an_address() {
        for (url, expected) in [
            ("https://127.0.0.1:8443", "127.0.0.1:8443"),
            ("https://[::1]:8443/", "[::1]:8443"),
            ("https://verifier.example:443", "verifier.example:443"),
        ] {
            assert_eq!(address(url), Some(expected));
        }
    }

    #[test]
    fn url_of_anything_else_is_refused() {
        for url in [
            "http://127.0.0.1:8443",
            "127.0.0.1:8443",
            "https://verifier.example",
            "https://:8443",
            "https://host:port",
            "https://host:8443/path",
            "https://host/path:8443",
            "https://user@host:8443",
        ] {
            assert_eq!(address(url), None, "{url}");
        }
    }
}
