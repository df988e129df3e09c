//! Carries wire messages and file descriptors over a Unix socket.
//!
//! One message is one packet of a `SOCK_SEQPACKET` socket; its descriptors travel beside it by
//! `SCM_RIGHTS`. Whatever is not exactly one whole message with exactly its descriptors is an error,
//! and the other side's end is an error of its own ([`ReceiveError::Closed`]).

mod channel;
mod patience;
mod supervisor;

pub use channel::{Channel, Ends, ReceiveError, Received, SendError};
pub use patience::{Patience, WaitError};
pub use supervisor::{Beginning, Ended, SpawnError, Spawned, Supervisor, SupervisorError};
