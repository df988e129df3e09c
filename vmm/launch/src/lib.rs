//! Replays a launch plan on a TEE.
//!
//! [`launch`] is the only way to a [`MeasuredLaunch`], and a [`MeasuredLaunch`] the only way to a
//! [`RunningVm`]: a guest whose reported launch digest is not the predicted one never runs an
//! instruction.

mod launching;
mod running;
mod simulated;
mod tee;

pub use launching::{LaunchError, MeasuredLaunch, launch};
pub use running::{Ended, RunningVm, Threads, ThreadsError};
pub use simulated::{Keys, Simulated};
pub use tee::{EvidencePath, PageRun, Parameters, Tee, TeeError, Visibility};
