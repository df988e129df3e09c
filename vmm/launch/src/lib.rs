//! Replays a launch plan on a TEE.
//!
//! [`launch`] is the only way to a [`MeasuredLaunch`], and a [`MeasuredLaunch`] the only way to a
//! [`RunningVm`]: a guest whose launch digest is known not to be the predicted one never runs an
//! instruction. Where neither kernel nor firmware tells the digest, [`Told`] says who compares it.

mod launching;
mod running;
mod simulated;
mod staging;
mod tee;
mod told;

pub use launching::{LaunchError, MeasuredLaunch, launch};
pub use running::{Ended, RunningVm, Threads, ThreadsError};
pub use simulated::{Keys, Simulated};
pub use staging::Staging;
pub use tee::{EvidencePath, Guest, PageRun, Parameters, Tee, TeeError};
pub use told::Told;
