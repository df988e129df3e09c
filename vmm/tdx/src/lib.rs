//! Launches TDX guests on the upstream kernel's interface, and has their quotes made.
//!
//! None of this has run on TDX hardware.
#![forbid(unsafe_code)]

mod fatal;
pub mod qgs;
pub mod quotes;
mod vmcall;

pub use fatal::FatalError;
pub use vmcall::{EventNotify, VmCallInfo, VmCallStatus};
