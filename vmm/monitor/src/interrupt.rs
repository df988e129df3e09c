//! Ctrl-C and SIGTERM: a request to stop, seen by whoever polls for it.

use std::ffi::c_void;
use std::fmt;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use anyhow::{Context as _, bail};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::retry_on_intr;
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

    /// Waits until `descriptor` can be read.
    ///
    /// # Errors
    /// [`Interrupted`] as soon as somebody asks to stop, or nothing comes `within` this time.
    pub fn wait_for(self, descriptor: BorrowedFd<'_>, within: Timespec) -> anyhow::Result<()> {
        let mut waiting = [
            PollFd::from_borrowed_fd(self.descriptor(), PollFlags::IN),
            PollFd::from_borrowed_fd(descriptor, PollFlags::IN),
        ];
        let count = retry_on_intr(|| poll(&mut waiting, Some(&within))).context("cannot wait")?;
        if !waiting[0].revents().is_empty() {
            return Err(Interrupted.into());
        }
        if count == 0 {
            bail!("it did not answer within {} seconds", within.tv_sec);
        }
        Ok(())
    }

    /// Whether nobody has asked to stop yet.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub fn check(self) -> anyhow::Result<()> {
        const AT_ONCE: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut waiting = [PollFd::from_borrowed_fd(self.descriptor(), PollFlags::IN)];
        match retry_on_intr(|| poll(&mut waiting, Some(&AT_ONCE))).context("cannot look")? {
            0 => Ok(()),
            _ => Err(Interrupted.into()),
        }
    }

    /// The descriptor to poll.
    pub fn descriptor(self) -> BorrowedFd<'static> {
        self.0.as_fd()
    }
}

/// Somebody asked to stop before the guest ran.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

extern "C" fn ignore(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {}

/// Does nothing but write(2), which is safe in a signal handler (signal-safety(7)).
extern "C" fn on_signal(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {
    if let Some(event) = EVENT.get() {
        // Full only after 2^64 signals; and there is nobody to tell.
        let _ = rustix::io::write(event, &1u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    const A_MOMENT: Timespec = Timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000,
    };

    #[test]
    fn waiting_ends_by_an_answer_by_the_time_and_at_once_by_a_signal() {
        let interrupt = Interrupt::catch().unwrap();
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let silent = interrupt.wait_for(ours.as_fd(), A_MOMENT).unwrap_err();
        assert!(silent.to_string().contains("did not answer"));
        interrupt.check().unwrap();
        drop(theirs);
        interrupt.wait_for(ours.as_fd(), A_MOMENT).unwrap();
        kill_process(getpid(), Signal::TERM).unwrap();
        // Another thread may be the one that handles it.
        while interrupt.check().is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(interrupt.check().unwrap_err().is::<Interrupted>());
        let stopped = interrupt.wait_for(ours.as_fd(), A_MOMENT).unwrap_err();
        assert!(stopped.is::<Interrupted>());
    }
}
