//! The server at the other end of the guest's vsock: echoes pages, tells the time, and looks at every byte.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::scan::Stream;

const PAGE: usize = 4096;

/// What it saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// Connections taken.
    pub connections: AtomicU64,
    /// Bytes received.
    pub bytes: AtomicU64,
    /// Words that were only ever written to private pages.
    pub leaks: AtomicU64,
}

/// Serves every connection on a thread of its own, as long as the process lives.
///
/// # Errors
/// Nothing can listen there.
pub fn serve(port: u16) -> io::Result<Arc<Seen>> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let seen = Arc::new(Seen::default());
    let counted = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let seen = Arc::clone(&counted);
            seen.connections.fetch_add(1, Ordering::Relaxed);
            // A guest that resets its device ends its connection: nobody misses it.
            thread::spawn(move || echo(stream, &seen));
        }
    });
    Ok(seen)
}

/// For every page the milliseconds since the connection began, and the page.
fn echo(mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    let begin = Instant::now();
    stream.set_nodelay(true)?;
    let mut looked = Stream::default();
    let mut bytes = [0; PAGE];
    let mut page = Vec::new();
    loop {
        let count = stream.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        let bytes = &bytes[..count];
        seen.bytes.fetch_add(count as u64, Ordering::Relaxed);
        seen.leaks.fetch_add(looked.leaks(bytes), Ordering::Relaxed);
        page.extend_from_slice(bytes);
        while page.len() >= PAGE {
            let milliseconds = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            let mut answer = milliseconds.to_le_bytes().to_vec();
            answer.extend(page.drain(..PAGE));
            stream.write_all(&answer)?;
        }
    }
}
