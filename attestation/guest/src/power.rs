//! The end of pid 1.

use rustix::system::{RebootCommand, reboot};

use crate::drain_console;

/// True where this process is the first of its machine (or of its pid namespace).
#[must_use]
pub fn is_pid_1() -> bool {
    std::process::id() == 1
}

/// Lets the console's last line out, then powers the machine off; a machine without a way to do so is reset.
///
/// Nothing is synced: no file system is ever mounted writable.
pub fn power_off() -> ! {
    drain_console();
    // Both return only when the kernel refused; pid 1 must not exit, or the kernel panics.
    let _ = reboot(RebootCommand::PowerOff);
    let _ = reboot(RebootCommand::Restart);
    loop {
        std::thread::park();
    }
}
