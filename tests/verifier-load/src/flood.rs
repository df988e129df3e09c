//! Somebody who asks for challenges and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use attestation_evidence::{Request, Tee, VerifierPins};
use attestation_pinned_http::{TlsStream, connect};
use rustix::net::{AddressFamily, SocketType};

/// Connections at once.
const CONNECTIONS: u32 = 8;
/// Requests that are sent before the first of their answers is read.
const AHEAD: u32 = 25;
/// A verifier that lets its flood wait this long has fallen over.
const PATIENCE: Duration = Duration::from_secs(20);

/// One address that asks for challenges, over and over.
pub struct Flood<'a> {
    /// The verifier that it asks.
    pub pins: &'a VerifierPins,
    /// Where that is.
    pub address: SocketAddr,
    /// The address on loopback that it comes from.
    pub from: Ipv4Addr,
}

/// What came of a flood.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flooded {
    /// Requests that got a challenge.
    pub served: u64,
    /// Requests that were told to come later.
    pub refused: u64,
    /// How long it went on, in seconds.
    pub elapsed: f64,
}

impl Flooded {
    /// Answers a second.
    pub fn rate(&self) -> f64 {
        let answers = u32::try_from(self.served + self.refused);
        answers.map_or(f64::INFINITY, f64::from) / self.elapsed
    }
}

impl Flood<'_> {
    /// Asks so many times a second until `stop`. Its own work has the lowest priority there is: who floods a verifier does so
    /// from another machine.
    ///
    /// # Errors
    /// It is answered in another way than by a challenge or a refusal for its rate.
    pub fn until(&self, stop: &AtomicBool, per_second: u32) -> Result<Flooded> {
        let interval = Duration::from_secs(1) * (CONNECTIONS * AHEAD) / per_second;
        let begun = Instant::now();
        let mut all = thread::scope(|scope| {
            let threads: Vec<_> = (0..CONNECTIONS)
                .map(|_| scope.spawn(|| self.on_one_connection(stop, interval)))
                .collect();
            threads
                .into_iter()
                .try_fold(Flooded::default(), |all, thread| {
                    let one = thread
                        .join()
                        .map_err(|_| anyhow!("a connection panicked"))??;
                    Ok::<_, anyhow::Error>(Flooded {
                        served: all.served + one.served,
                        refused: all.refused + one.refused,
                        elapsed: 0.0,
                    })
                })
        })?;
        all.elapsed = begun.elapsed().as_secs_f64();
        Ok(all)
    }

    fn on_one_connection(&self, stop: &AtomicBool, interval: Duration) -> Result<Flooded> {
        rustix::process::nice(19).context("own priority cannot be lowered")?;
        let mut stream = BufReader::new(self.connect()?);
        let ahead = self.request().repeat(usize::try_from(AHEAD)?);
        let mut found = Flooded::default();
        let mut due = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            stream.get_mut().write_all(ahead.as_bytes())?;
            for _ in 0..AHEAD {
                match status(&mut stream)? {
                    200 => found.served += 1,
                    429 => found.refused += 1,
                    other => bail!("the flood was answered by status {other}"),
                }
            }
            due += interval;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        Ok(found)
    }

    fn connect(&self) -> Result<TlsStream<TcpStream>> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::net::bind(&socket, &SocketAddrV4::new(self.from, 0))?;
        rustix::net::connect(&socket, &self.address)?;
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(connect(
            socket,
            &self.pins.server_name,
            self.pins.tls_spki_sha256,
        )?)
    }

    fn request(&self) -> String {
        let body = Request::new(Tee::Simulated).to_json();
        format!(
            "POST /kbs/v0/auth HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.pins.server_name,
            body.len()
        )
    }
}

/// Reads one answer, whose body has its length in front.
fn status(stream: &mut impl BufRead) -> Result<u16> {
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
    let status = status.with_context(|| format!("no answer begins with {first:?}"))?;
    let mut length = 0;
    loop {
        let header = line(stream)?.to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    std::io::copy(&mut stream.take(length), &mut std::io::sink())?;
    Ok(status)
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    stream.take(8 * 1024).read_line(&mut line)?;
    ensure!(line.ends_with('\n'), "the verifier closed the connection");
    Ok(line.trim_end().to_owned())
}
