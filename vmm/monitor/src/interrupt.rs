//! Ctrl-C and SIGTERM: a request to stop, seen by whoever polls for it.

use std::error::Error;
use std::ffi::c_void;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{EventfdFlags, eventfd};
use vmm_channel::{Patience, WaitError};
use vmm_launch::{LaunchError, TeeError};
use vmm_snp::SnpError;
use vmm_sys_util::signal::register_signal_handler;

static EVENT: OnceLock<OwnedFd> = OnceLock::new();
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// A descriptor that becomes, and stays, readable when the VM is to stop.
#[derive(Clone, Copy)]
pub struct Interrupt(&'static OwnedFd);

impl Interrupt {
    /// From now on SIGINT and SIGTERM are requests. The second one is an order: it ends the process.
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

    /// Patience that ends at once when somebody asks to stop: by [`WaitError::Cancelled`]. Without a time
    /// it has no other end.
    pub fn patience(self, within: Option<Duration>) -> Patience {
        Patience {
            cancel: self.descriptor(),
            within,
        }
    }

    /// The descriptor to poll.
    pub fn descriptor(self) -> BorrowedFd<'static> {
        self.0.as_fd()
    }
}

/// Whether somebody has asked to stop.
pub fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// The same error, or an interruption if somebody has asked to stop and that can be why: a signal that comes
/// while the kernel encrypts pages makes it fail (EINTR, which it tells as EIO), and a TD's launch is then not
/// asked for again. What the firmware refuses it would have refused anyway.
pub fn or_interruption(error: LaunchError) -> anyhow::Error {
    blame(error, is_asked())
}

fn blame(error: LaunchError, is_asked: bool) -> anyhow::Error {
    let by_signal = match &error {
        LaunchError::Tee(TeeError::Step { source, .. }) => {
            let snp = source.downcast_ref::<SnpError>();
            let tdx = source.downcast_ref::<vmm_tdx::LaunchError>();
            snp.is_some_and(SnpError::may_be_a_signal)
                || matches!(tdx, Some(vmm_tdx::LaunchError::Interrupted))
        }
        _ => false,
    };
    match by_signal && is_asked {
        true => anyhow::Error::from(WaitError::Cancelled).context("the launch was interrupted"),
        false => error.into(),
    }
}

/// Whether that is why something did not come to its end.
pub fn is_interruption(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().map(<dyn Error>::downcast_ref::<WaitError>);
    causes.any(|cause| matches!(cause, Some(WaitError::Cancelled)))
}

extern "C" fn ignore(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {}

/// Does nothing but write(2) and abort(3), which are safe in a signal handler (signal-safety(7)).
extern "C" fn on_signal(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {
    if IS_ASKED.swap(true, Ordering::Relaxed) {
        // Asked again: whatever it is that this process waits for. Its supervisor cleans up.
        std::process::abort();
    }
    if let Some(event) = EVENT.get() {
        // Full only after 2^64 signals; and there is nobody to tell.
        let _ = rustix::io::write(event, &1u64.to_ne_bytes());
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::PollFlags;
    use rustix::process::{Signal, getpid, kill_process};
    use vmm_kernel_abi::sev::Command;
    use vmm_kvm::SevError;

    use super::*;

    #[test]
    fn waiting_ends_by_an_answer_by_the_time_and_at_once_by_a_signal() {
        let patience = Interrupt::catch()
            .unwrap()
            .patience(Some(Duration::from_millis(1)));
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let silent = patience.wait_for(ours.as_fd(), PollFlags::IN);
        assert!(matches!(silent, Err(WaitError::Silent(_))));
        assert!(!is_interruption(&silent.unwrap_err().into()));
        drop(theirs);
        patience.wait_for(ours.as_fd(), PollFlags::IN).unwrap();
        kill_process(getpid(), Signal::TERM).unwrap();
        // Another thread may be the one that handles it.
        while patience.wait_for(ours.as_fd(), PollFlags::IN).is_ok() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let stopped = patience.wait_for(ours.as_fd(), PollFlags::IN).unwrap_err();
        assert!(is_interruption(
            &anyhow::Error::from(stopped).context("something")
        ));
    }

    #[test]
    fn step_that_fails_once_somebody_asked_to_stop_is_an_interruption() {
        let step = |source: Box<dyn Error + Send + Sync>| {
            LaunchError::Tee(TeeError::Step {
                tee: "snp",
                step: "shim".to_owned(),
                source,
            })
        };
        let snp = |firmware| {
            Box::new(SnpError::from(SevError::Refused {
                command: Command::LaunchUpdate,
                firmware,
                source: rustix::io::Errno::IO.into(),
            }))
        };
        let tdx = || Box::new(vmm_tdx::LaunchError::Interrupted);
        assert!(is_interruption(&blame(step(snp(0)), true)));
        assert!(is_interruption(&blame(step(tdx()), true)));
        assert!(!is_interruption(&blame(step(snp(0)), false)));
        // BAD_SIGNATURE is the firmware's word, whoever asked to stop meanwhile.
        assert!(!is_interruption(&blame(step(snp(10)), true)));
        assert!(!is_interruption(&blame(step("EIO".into()), true)));
        let refused = TeeError::Refused {
            tee: "simulated",
            reason: "another digest".to_owned(),
        };
        assert!(!is_interruption(&blame(refused.into(), true)));
    }
}
