//! What stands around a device in its tests: a supervisor's hand, a VMM's vhost-user, and a guest's
//! driver. The device itself is the production program, confined as in production.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod driver;
mod guest;
mod process;

pub use driver::{Buffer, Driver};
pub use guest::{Guest, HIGH};
pub use process::Process;

/// Whether this test can run here; says why not.
pub fn can_confine() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("skipped: needs root");
    }
    root
}
