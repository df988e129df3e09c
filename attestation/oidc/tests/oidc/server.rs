//! An issuer that answers what it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What is answered to a path: head and body, as they go over the wire.
type Answer = Box<dyn Fn(&str) -> Vec<u8> + Send + Sync>;

struct Shared {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
    ends: AtomicBool,
    /// Milliseconds before each byte of an answer.
    drips: AtomicU64,
}

pub struct Server {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A document with status 200.
pub fn document(body: &str) -> Vec<u8> {
    with_status("200 OK", body)
}

pub fn with_status(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

impl Server {
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// With a certificate for these names, and the PEM of who vouches for it: itself.
    pub fn encrypted(names: &[&str]) -> (Self, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        (Self::start(Some(Arc::new(config))), made.cert.pem())
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Mutex::new(Box::new(|_| with_status("404 Not Found", ""))),
            asked: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
            drips: AtomicU64::new(0),
        });
        let inside = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if inside.ends.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away in the middle is the client's test.
                let _ = match &tls {
                    None => serve(stream.unwrap(), &inside),
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).unwrap();
                        serve(StreamOwned::new(session, stream.unwrap()), &inside)
                    }
                };
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub fn answers(&self, answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) {
        *self.shared.answer.lock().unwrap() = Box::new(answer);
    }

    /// From now on, each byte takes so long.
    pub fn drips(&self, milliseconds: u64) {
        self.shared.drips.store(milliseconds, Ordering::SeqCst);
    }

    /// Requests so far.
    pub fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }
}

fn serve(stream: impl Read + Write, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut path = String::new();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if path.is_empty() {
            path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        }
        line.clear();
    }
    shared.asked.fetch_add(1, Ordering::SeqCst);
    let answer = shared.answer.lock().unwrap()(&path);
    let stream = reader.get_mut();
    match shared.drips.load(Ordering::SeqCst) {
        0 => stream.write_all(&answer)?,
        pause => {
            for byte in answer {
                stream.write_all(&[byte])?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(pause));
            }
        }
    }
    stream.flush()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
