//! The loop of a device process.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;
use thiserror::Error;
use vhost::vhost_user::{BackendReqHandler, Error as ProtocolError};

use crate::Device;
use crate::negotiation::Negotiation;
use crate::poller::{Poller, Token};

/// Why a device stopped serving.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The frontend broke the protocol or asked for something that is not offered.
    #[error("cannot serve the VMM's vhost-user request")]
    Request(#[source] ProtocolError),
    /// The kernel refused to watch descriptors.
    #[error("cannot wait for descriptors")]
    Poll(#[source] Errno),
}

/// Serves one frontend until it closes the socket, which is no error.
pub fn serve<D: Device>(
    device: D,
    socket: UnixStream,
    poller: Arc<Poller>,
) -> Result<(), ServeError> {
    poller
        .watch_readable(Token::REQUESTS, &socket)
        .map_err(ServeError::Poll)?;
    let state = Arc::new(Mutex::new(Negotiation::new(device, Arc::clone(&poller))));
    let mut requests = BackendReqHandler::from_stream(socket, Arc::clone(&state));
    let mut unfinished = false;
    loop {
        let events = poller.wait(!unfinished).map_err(ServeError::Poll)?;
        for (token, ready) in events {
            if token == Token::REQUESTS {
                match requests.handle_request() {
                    Ok(()) => continue,
                    Err(error) if is_end(&error) => return Ok(()),
                    Err(error) => return Err(ServeError::Request(error)),
                }
            }
            // There is one thread: nobody else can have poisoned it.
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            match usize::try_from(token.0) {
                Ok(ring) if ring < D::QUEUES => state.rings.list[ring].drain_kick(),
                _ => state.device.ready(token, ready),
            }
        }
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let Negotiation { device, rings, .. } = &mut *state;
        unfinished = device.work(rings);
        rings.announce();
    }
}

/// A frontend that is gone, even in the middle of a request, has stopped its machine.
fn is_end(error: &ProtocolError) -> bool {
    matches!(
        error,
        ProtocolError::Disconnected
            | ProtocolError::PartialMessage
            | ProtocolError::SocketBroken(_)
    )
}
