//! A connection that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Carries bytes between a port of the loopback and a server's socket, until it is cut.
pub struct Wire {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// New connections end at once.
    dead: AtomicBool,
    /// Bytes that still go to the server; then everything is cut, within a message if it comes to that.
    budget: Mutex<Option<usize>>,
    cuts: AtomicUsize,
    open: Mutex<Vec<(TcpStream, UnixStream)>>,
}

impl Wire {
    /// Begins to carry.
    pub fn to(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let (socket, shared) = (socket.to_owned(), Arc::clone(&state));
        thread::spawn(move || serve(&listener, &socket, &shared));
        Self { port, state }
    }

    /// The URL of the server's database over this wire.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Cuts every connection, and all that come, until [`Wire::mend`].
    pub fn cut(&self) {
        self.state.dead.store(true, Ordering::SeqCst);
        self.state.sever();
    }

    /// Cuts every connection once so many more bytes went to the server; new ones are let through.
    pub fn cut_after(&self, bytes: usize) {
        *self.state.budget.lock().unwrap() = Some(bytes);
    }

    /// How often the budget of [`Wire::cut_after`] was used up.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.state.dead.store(false, Ordering::SeqCst);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.cut();
    }
}

impl State {
    fn sever(&self) {
        for (client, server) in self.open.lock().unwrap().drain(..) {
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    /// How many of so many bytes may go on.
    fn allow(&self, wanted: usize) -> usize {
        let mut budget = self.budget.lock().unwrap();
        match budget.as_mut() {
            None => wanted,
            Some(left) if *left > wanted => {
                *left -= wanted;
                wanted
            }
            Some(left) => {
                let rest = *left;
                *budget = None;
                self.cuts.fetch_add(1, Ordering::SeqCst);
                rest
            }
        }
    }
}

fn serve(listener: &TcpListener, socket: &PathBuf, state: &Arc<State>) {
    for client in listener.incoming().flatten() {
        if state.dead.load(Ordering::SeqCst) {
            continue;
        }
        let Ok(server) = UnixStream::connect(socket) else {
            continue;
        };
        let pair = (client.try_clone().unwrap(), server.try_clone().unwrap());
        state.open.lock().unwrap().push(pair);
        let (mut answers, mut answered) =
            (server.try_clone().unwrap(), client.try_clone().unwrap());
        thread::spawn(move || {
            let _ = std::io::copy(&mut answers, &mut answered);
            let _ = answered.shutdown(Shutdown::Both);
        });
        let state = Arc::clone(state);
        thread::spawn(move || ask(client, server, &state));
    }
}

fn ask(mut client: TcpStream, mut server: UnixStream, state: &State) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(count) = client.read(&mut buffer) {
        let allowed = state.allow(count);
        if count == 0 || server.write_all(&buffer[..allowed]).is_err() {
            break;
        }
        if allowed < count {
            state.sever();
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}
