//! A vendor's service on this machine: it answers by path, as well or as badly as a test wants.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200, with these headers and this body.
    Good(Vec<(&'static str, String)>, Vec<u8>),
    /// Another status, with these headers and no body.
    Status(u16, Vec<(&'static str, String)>),
    /// The good one after a while.
    Late(Duration, Box<Reply>),
    /// A body of so many bytes a millisecond apart.
    Trickle(usize),
    /// The good one's head, and half of its body.
    Cut(Box<Reply>),
    /// A body that has no end.
    Endless,
    /// No answer at all.
    Nothing,
}

/// What it does and what it was asked.
#[derive(Default)]
struct Memory {
    replies: BTreeMap<String, Reply>,
    /// What every question gets, whatever its path.
    always: Option<Reply>,
    asked: Vec<String>,
    at_once: usize,
    most_at_once: usize,
}

/// A service. It ends with the test's process.
#[derive(Clone)]
pub struct Server {
    memory: Arc<Mutex<Memory>>,
    pub port: u16,
}

impl Server {
    pub fn plain() -> Self {
        Self::start(None)
    }

    pub fn encrypted(config: Arc<ServerConfig>) -> Self {
        Self::start(Some(config))
    }

    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = TcpListener::bind(any).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let server = Self { memory, port };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (own, tls) = (own.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => own.serve(stream),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("it is complete");
                        own.serve(StreamOwned::new(connection, stream));
                    }
                });
            }
        });
        server
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, path: &str, reply: Reply) {
        self.memory().replies.insert(path.to_owned(), reply);
    }

    /// Every question gets this from now on; `None`: each its own.
    pub fn always(&self, reply: Option<Reply>) {
        self.memory().always = reply;
    }

    pub fn reply(&self, path: &str) -> Reply {
        let memory = self.memory();
        memory.replies.get(path).expect("it was set").clone()
    }

    /// The paths that it was asked for since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.memory().asked)
    }

    pub fn most_at_once(&self) -> usize {
        self.memory().most_at_once
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().expect("no thread panicked with it")
    }

    fn serve(&self, stream: impl Read + Write) {
        let mut reader = BufReader::new(stream);
        let Some(path) = path_of(&mut reader) else {
            return;
        };
        let reply = {
            let mut memory = self.memory();
            memory.asked.push(path.clone());
            memory.at_once += 1;
            memory.most_at_once = memory.most_at_once.max(memory.at_once);
            let reply = memory.always.clone();
            let reply = reply.or_else(|| memory.replies.get(&path).cloned());
            reply.unwrap_or(Reply::Status(404, Vec::new()))
        };
        // Whoever asked may be gone.
        let _gone = send(reader.get_mut(), &reply);
        let _gone = reader.get_mut().flush();
        self.memory().at_once -= 1;
    }
}

impl Reply {
    /// This good one with another body.
    pub fn with_body(&self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        match self {
            Self::Good(headers, body) => Self::Good(headers.clone(), change(body)),
            other => panic!("{other:?} has no body"),
        }
    }

    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Good(Vec::new(), body.into())
    }
}

fn path_of(reader: &mut impl BufRead) -> Option<String> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let path = first.strip_prefix("GET ")?.split(' ').next()?.to_owned();
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    Some(path)
}

fn send(stream: &mut impl Write, reply: &Reply) -> std::io::Result<()> {
    match reply {
        Reply::Good(headers, body) => {
            head(stream, 200, headers, Some(body.len()))?;
            stream.write_all(body)
        }
        Reply::Status(status, headers) => head(stream, *status, headers, Some(0)),
        Reply::Late(after, reply) => {
            std::thread::sleep(*after);
            send(stream, reply)
        }
        Reply::Trickle(length) => {
            head(stream, 200, &[], Some(*length))?;
            for _ in 0..*length {
                std::thread::sleep(Duration::from_millis(20));
                stream.write_all(b"0")?;
                stream.flush()?;
            }
            Ok(())
        }
        Reply::Cut(reply) => match &**reply {
            Reply::Good(headers, body) => {
                head(stream, 200, headers, Some(body.len()))?;
                stream.write_all(&body[..body.len() / 2])
            }
            other => send(stream, other),
        },
        Reply::Endless => {
            head(stream, 200, &[], None)?;
            loop {
                stream.write_all(&[b'0'; 4096])?;
            }
        }
        Reply::Nothing => Ok(()),
    }
}

fn head(
    stream: &mut impl Write,
    status: u16,
    headers: &[(&'static str, String)],
    length: Option<usize>,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())
}
