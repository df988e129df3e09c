//! PostgreSQL's TLS in front of a server that has none: what a bank's database looks like from here.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client asks first: eight bytes, of which the last four are this number (PostgreSQL 15, 55.7 "SSLRequest").
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// How long one side is listened to before it is the other's turn.
const TURN: Duration = Duration::from_millis(2);

/// A port of the loopback that speaks TLS as `localhost`, before a server's Unix socket.
pub struct TlsWire {
    port: u16,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl TlsWire {
    /// Begins to carry; the certificate goes to `roots`.
    pub fn to(socket: &Path, roots: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(roots, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(Mutex::new(Vec::new()));
        let (socket, shared, config) = (socket.to_owned(), Arc::clone(&open), Arc::new(config));
        thread::spawn(move || serve(&listener, &socket, &config, &shared));
        Self { port, open }
    }

    /// The URL of the database, by a name.
    pub fn url(&self, roots: &Path) -> String {
        let (port, roots) = (self.port, roots.display());
        format!("postgres://postgres@localhost:{port}/postgres?sslmode=require&sslrootcert={roots}")
    }

    /// Ends every connection.
    pub fn cut(&self) {
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn serve(
    listener: &TcpListener,
    socket: &PathBuf,
    config: &Arc<ServerConfig>,
    open: &Mutex<Vec<TcpStream>>,
) {
    for stream in listener.incoming().flatten() {
        open.lock().unwrap().push(stream.try_clone().unwrap());
        let (config, server) = (Arc::clone(config), UnixStream::connect(socket).unwrap());
        // A connection that was cut ends its thread.
        thread::spawn(move || carry(stream, server, config).ok());
    }
}

fn carry(
    mut client: TcpStream,
    mut server: UnixStream,
    config: Arc<ServerConfig>,
) -> std::io::Result<()> {
    let mut asked = [0; 8];
    client.read_exact(&mut asked)?;
    assert_eq!(asked, SSL_REQUEST, "the client speaks in the clear");
    client.write_all(b"S")?;
    client.set_nodelay(true)?;
    client.set_read_timeout(Some(TURN))?;
    server.set_read_timeout(Some(TURN))?;
    let tls = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut client = StreamOwned::new(tls, client);
    loop {
        if !pass(&mut client, &mut server)? || !pass(&mut server, &mut client)? {
            return Ok(());
        }
    }
}

/// Carries what has come. False at the end.
fn pass(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<bool> {
    let mut bytes = [0; 16 * 1024];
    match from.read(&mut bytes) {
        Ok(0) => Ok(false),
        Ok(length) => {
            to.write_all(&bytes[..length])?;
            to.flush()?;
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(true),
        Err(error) => Err(error),
    }
}
