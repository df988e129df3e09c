//! Ctrl-C and SIGTERM: a request to stop, seen by whoever polls for it.

use std::ffi::c_void;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use anyhow::Context as _;
use rustix::event::{EventfdFlags, eventfd};
use vmm_sys_util::signal::register_signal_handler;

static EVENT: OnceLock<OwnedFd> = OnceLock::new();

/// A descriptor that becomes, and stays, readable when the VM is to stop.
#[derive(Clone, Copy)]
pub struct Interrupt(&'static OwnedFd);

impl Interrupt {
    /// From now on SIGINT and SIGTERM are requests.
    ///
    /// # Errors
    /// The kernel takes no handler.
    pub fn catch() -> anyhow::Result<Self> {
        let event = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)
            .context("cannot make an event")?;
        let event = EVENT.get_or_init(|| event);
        for signal in [libc::SIGINT, libc::SIGTERM] {
            register_signal_handler(signal, on_signal)
                .with_context(|| format!("cannot catch signal {signal}"))?;
        }
        // A file that has reached its limit (RLIMIT_FSIZE) is an error of its write, not the end.
        register_signal_handler(libc::SIGXFSZ, ignore).context("cannot catch SIGXFSZ")?;
        Ok(Self(event))
    }

    /// The descriptor to poll.
    pub fn descriptor(self) -> BorrowedFd<'static> {
        self.0.as_fd()
    }
}

extern "C" fn ignore(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {}

/// Does nothing but write(2), which is safe in a signal handler (signal-safety(7)).
extern "C" fn on_signal(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {
    if let Some(event) = EVENT.get() {
        // Full only after 2^64 signals; and there is nobody to tell.
        let _ = rustix::io::write(event, &1u64.to_ne_bytes());
    }
}
