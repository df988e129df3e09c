//! HTTP/1.1 over one connection that is already there.
//!
//! ureq speaks HTTP; its transport is ours, since its own dials TCP and trusts certificate authorities.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Mutex;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{StatusCode, Uri, header};
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
}

/// An answer, whatever its status.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Every `Set-Cookie` header's text.
    pub set_cookies: Vec<String>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} got no answer")]
pub struct HttpError {
    method: &'static str,
    path: String,
    source: ureq::Error,
}

impl HttpClient {
    /// A client of `server_name` over `stream`, which encrypts and times out by itself.
    pub fn over<S: Read + Write + Send + Sync + 'static>(stream: S, server_name: &str) -> Self {
        let config = Config::builder()
            // No variable of the environment, which the kernel's command line may set, has a say.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_response_header_size(HEADER_LIMIT)
            .input_buffer_size(BUFFER_SIZE)
            .output_buffer_size(BUFFER_SIZE)
            .user_agent(concat!("cloister-agent/", env!("CARGO_PKG_VERSION")))
            .build();
        let only = OnlyConnection(Mutex::new(Some(Box::new(stream))));
        Self {
            agent: Agent::with_parts(config, only, NoResolver),
            server_name: server_name.to_owned(),
        }
    }

    /// Posts a JSON document.
    pub fn post(&self, path: &str, cookie: Option<&str>, json: &str) -> Result<Answer, HttpError> {
        let mut request = self
            .agent
            .post(self.url(path))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let failed = |source| HttpError {
            method: "POST",
            path: path.to_owned(),
            source,
        };
        request.send(json).and_then(Answer::read).map_err(failed)
    }

    /// Gets a document.
    pub fn get(&self, path: &str, cookie: &str) -> Result<Answer, HttpError> {
        let request = self
            .agent
            .get(self.url(path))
            .header(header::COOKIE, cookie);
        let failed = |source| HttpError {
            method: "GET",
            path: path.to_owned(),
            source,
        };
        request.call().and_then(Answer::read).map_err(failed)
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.server_name)
    }
}

impl Answer {
    fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let cookies = response.headers().get_all(header::SET_COOKIE);
        Ok(Self {
            status: response.status(),
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
