//! Launches TDX guests on the upstream kernel's interface, and has their quotes made.
//!
//! None of this has run on TDX hardware.
#![forbid(unsafe_code)]

mod calls;
mod capabilities;
mod courier;
mod desk;
mod fatal;
mod launch;
mod memory;
pub mod qgs;
pub mod quotes;
mod tee;
mod vmcall;

pub use capabilities::Refusal;
pub use courier::{Courier, CourierError, Delivered, QUOTE_PORT};
pub use desk::Desk;
pub use fatal::FatalError;
pub use launch::LaunchError;
pub use tee::{CallInfo, Tdx};
pub use vmcall::{EventNotify, VmCallInfo, VmCallStatus};
