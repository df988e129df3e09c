//! The backend half of vhost-user in one thread: what every device process shares.
//!
//! A device process is confined before it is told anything ([`enter`]), is then handed its
//! descriptors, and serves one frontend until that closes the socket ([`serve`]). Everything happens
//! in one thread, so that its seccomp profile needs neither clone nor futex.
//!
//! The frontend (the VMM) is trusted to be what started this process; the guest behind the rings is
//! not: see [`Chain`] and [`Rings`] for what it can get wrong.

#![deny(
    clippy::print_stderr,
    reason = "it blocks when nobody reads and panics when nobody is there; `tell` does neither"
)]

mod chain;
mod enter;
#[cfg(feature = "harness")]
pub mod harness;
mod negotiation;
mod poller;
mod ring;
mod rings;
mod serve;

pub use chain::{Chain, ChainError};
pub use enter::{EnterError, enter};
pub use policies_jail::{tell, tell_failure};
pub use poller::{Poller, Ready, Token};
pub use rings::Rings;
pub use serve::{ServeError, serve};

/// VIRTIO_F_VERSION_1 (virtio 1.2, section 6): every device here is a modern one.
pub const VERSION_1: u64 = 1 << 32;

/// A device model behind its rings.
pub trait Device {
    /// How many virtqueues it has.
    const QUEUES: usize;
    /// The longest queue that it takes: a power of two.
    const QUEUE_SIZE: u16;

    /// Its feature bits, with [`VERSION_1`].
    fn features(&self) -> u64;

    /// Its configuration space.
    fn config(&self) -> &[u8];

    /// A descriptor that it registered with the [`Poller`] is ready.
    fn ready(&mut self, token: Token, ready: Ready);

    /// Does whatever can be done now. Called after every event; true if it stopped for fairness and
    /// wants to be called again.
    fn work(&mut self, rings: &mut Rings) -> bool;

    /// The driver reset the device or stopped a queue: forget what belonged to it.
    fn reset(&mut self);
}
