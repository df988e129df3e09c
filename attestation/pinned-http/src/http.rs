//! HTTP/1.1 over one connection that is already there.
//!
//! ureq speaks HTTP; its transport is ours, since its own dials TCP and trusts certificate authorities.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Mutex;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Uri, header};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// A release has a few kilobytes; nothing that the protocol answers comes near this.
const BODY_LIMIT: u64 = 1 << 20;
const HEADER_LIMIT: usize = 16 << 10;
const BUFFER_SIZE: usize = 32 << 10;

/// A client of one server over one connection. A connection that breaks is not made again.
pub struct HttpClient {
    agent: Agent,
    server_name: String,
    bearer: Option<String>,
}

/// A request to send; see [`HttpClient::send`].
#[derive(Debug, Default)]
pub struct Request<'a> {
    /// `GET`, `PUT`, `POST`. What is posted is JSON.
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
    /// Every `Set-Cookie` header's text.
    pub set_cookies: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} got no answer")]
pub struct HttpError {
    method: String,
    path: String,
    source: ureq::Error,
}

impl HttpClient {
    /// A client of `server_name` over `stream`, which encrypts and times out by itself.
    pub fn over<S: Read + Write + Send + Sync + 'static>(stream: S, server_name: &str) -> Self {
        let config = Config::builder()
            // No variable of the environment, which a guest's kernel command line may set, has a say.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(HEADER_LIMIT)
            .input_buffer_size(BUFFER_SIZE)
            .output_buffer_size(BUFFER_SIZE)
            .user_agent(concat!("cloister/", env!("CARGO_PKG_VERSION")))
            .build();
        let only = OnlyConnection(Mutex::new(Some(Box::new(stream))));
        Self {
            agent: Agent::with_parts(config, only, NoResolver),
            server_name: server_name.to_owned(),
            bearer: None,
        }
    }

    /// The same client, which sends `token` as its bearer token from now on.
    #[must_use]
    pub fn with_bearer(mut self, token: &str) -> Self {
        self.bearer = Some(format!("Bearer {token}"));
        self
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// [`HttpError`] if the connection breaks, or the answer is not HTTP or too long.
    pub fn send(&self, request: &Request<'_>) -> Result<Answer, HttpError> {
        self.exchange(request).map_err(|source| HttpError {
            method: request.method.to_owned(),
            path: request.path.to_owned(),
            source,
        })
    }

    fn exchange(&self, request: &Request<'_>) -> Result<Answer, ureq::Error> {
        let mut head = ureq::http::Request::builder()
            .method(request.method)
            .uri(format!("https://{}{}", self.server_name, request.path));
        if let Some(bearer) = &self.bearer {
            head = head.header(header::AUTHORIZATION, bearer);
        }
        if let Some(cookie) = request.cookie {
            head = head.header(header::COOKIE, cookie);
        }
        if request.method == "POST" {
            head = head.header(header::CONTENT_TYPE, "application/json");
        }
        Answer::read(match request.body {
            Some(body) => self.agent.run(head.body(body)?)?,
            None => self.agent.run(head.body(())?)?,
        })
    }
}

impl Answer {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let cookies = response.headers().get_all(header::SET_COOKIE);
        Ok(Self {
            status: response.status().as_u16(),
            set_cookies: cookies
                .iter()
                .filter_map(|text| text.to_str().ok())
                .map(str::to_owned)
                .collect(),
            body: response
                .body_mut()
                .with_config()
                .limit(BODY_LIMIT)
                .read_to_vec()?,
        })
    }
}

trait Stream: Read + Write + Send + Sync {}
impl<S: Read + Write + Send + Sync> Stream for S {}

/// Hands out the one connection, once.
struct OnlyConnection(Mutex<Option<Box<dyn Stream>>>);

impl Connector for OnlyConnection {
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

impl fmt::Debug for OnlyConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnlyConnection")
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

#[cfg(test)]
mod tests;
