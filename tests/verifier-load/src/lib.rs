//! Drives a verifier: a process of its own, guests on loopback, as many and as fast as asked.
//!
//! A [`Guest`] does what a real one does: a TLS connection, challenge, a report signed by a P-384 key over the binding of
//! nonce and session key, the secret, the check of its proof against the pinned log key, decryption. Its [`Tee`] is a
//! software one, which protects nothing.

#![forbid(unsafe_code)]

mod flood;
mod guest;
mod load;
mod process;
mod tee;

pub use flood::{Flood, Flooded};
pub use guest::{Guest, Stage};
pub use load::{Latencies, at_rate, closed_loop};
pub use process::{Limits, Verifier, peak_memory, resident_memory};
pub use tee::Tee;

/// The secret that guests ask for.
pub const RESOURCE: &str = "default/disk/data";
/// What it is.
pub const SECRET: &[u8] = b"{\"key\":\"of 64 bytes, as a disk's is, and the root hash beside it\"}";
/// The launch digest that is accepted.
pub const LAUNCH_DIGEST: [u8; 48] = [0x5A; 48];
