//! What a stranger may hold open, and for how long.

use std::thread::available_parallelism;
use std::time::Duration;

use attestation_access::Rate;

/// Limits on connections and requests; [`Limits::default`] is what programs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one client's address: so many a second, and so many at once.
    pub client: Rate,
    /// Clients at once of whom account is kept; some 100 bytes each.
    pub clients: usize,
    /// Connections at once; the next one waits in the kernel's queue.
    pub connections: usize,
    /// Appraisals at once; the next one waits, within its request's time.
    pub appraisals: usize,
    /// A TLS handshake takes no longer.
    pub handshake: Duration,
    /// A request's head arrives within this, which also ends idle connections.
    pub head: Duration,
    /// A request is answered within this, its body's arrival included.
    pub request: Duration,
    /// What was answered is taken within this, once the client is slower than the server.
    pub answer: Duration,
    /// A connection ends after this, whatever it is at.
    pub lifetime: Duration,
    /// At the end of the server, requests under way get this long.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            client: Rate::CLIENT,
            clients: 1 << 16,
            // Each may hold a body of 4 MiB: half a gigabyte in all.
            connections: 128,
            // They compute, and each holds a copy of all reference values.
            appraisals: available_parallelism().map_or(2, |cores| cores.get().max(2)),
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            request: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            // A guest can do all that one session allows over one connection.
            lifetime: Duration::from_secs(300),
            farewell: Duration::from_secs(5),
        }
    }
}
