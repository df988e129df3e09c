//! Bringing every vCPU of a VM out of its guest, and keeping it out.
//!
//! A flag alone is seen only when KVM_RUN comes back, which a guest can put off for ever; a signal alone is
//! lost on a thread that is just about to call it. So each vCPU says, before it calls KVM_RUN, that it is in
//! its guest, and looks at the flag after that; whoever stops them sets the flag first, and signals until
//! nobody is in a guest any more.

use std::ffi::c_void;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use rustix::event::{Timespec, poll};
use rustix::process::getpid;
use rustix::thread::gettid;
use thiserror::Error;
use vmm_sys_util::signal::register_signal_handler;

/// Does nothing but end a system call. The sandbox profiles of the VMM name its number.
const KICK: i32 = libc::SIGUSR1;

/// KVM_RUN returns from a signal within microseconds. What does not return after so many signals, one a
/// millisecond, hangs in the kernel.
const KICKS: u32 = 5000;

/// Stops the vCPUs of one VM; a clone is another handle of the same.
#[derive(Clone)]
pub struct Stopper(Arc<Stage>);

struct Stage {
    process: i32,
    is_stopped: AtomicBool,
    seats: Box<[Place]>,
}

#[derive(Default)]
struct Place {
    /// 0 as long as nobody sits there.
    thread: AtomicI32,
    is_in_guest: AtomicBool,
}

/// What the thread of one vCPU runs it under ([`crate::Vcpu::run_until_stopped`]).
pub struct Seat {
    stage: Arc<Stage>,
    at: usize,
}

/// vCPUs that cannot be stopped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("vCPUs {vcpus:?} do not leave the guest: KVM_RUN does not return from a signal")]
pub struct Stuck {
    /// Which.
    pub vcpus: Vec<usize>,
}

impl Stopper {
    /// For so many vCPUs, and for SIGUSR1 to be what brings them out.
    ///
    /// # Errors
    /// The kernel takes no signal handler.
    pub fn new(vcpus: usize) -> io::Result<Self> {
        register_signal_handler(KICK, ignore)?;
        Ok(Self(Arc::new(Stage {
            process: getpid().as_raw_nonzero().get(),
            is_stopped: AtomicBool::new(false),
            seats: std::iter::repeat_with(Place::default).take(vcpus).collect(),
        })))
    }

    /// The seat of a vCPU, for the calling thread. `None`: there are fewer.
    #[must_use]
    pub fn seat(&self, vcpu: usize) -> Option<Seat> {
        let place = self.0.seats.get(vcpu)?;
        let thread = gettid().as_raw_nonzero().get();
        place.thread.store(thread, Ordering::SeqCst);
        Some(Seat {
            stage: Arc::clone(&self.0),
            at: vcpu,
        })
    }

    /// Brings all vCPUs out of the guest. Once this has returned none of them runs another instruction of
    /// it, and no exit of theirs that comes afterwards is answered. The calling thread may be one of theirs.
    ///
    /// # Errors
    /// Some do not come out.
    pub fn stop(&self) -> Result<(), Stuck> {
        const A_MOMENT: Timespec = Timespec {
            tv_sec: 0,
            tv_nsec: 1_000_000,
        };
        self.0.is_stopped.store(true, Ordering::SeqCst);
        for _ in 0..KICKS {
            if self.0.in_guest().is_empty() {
                return Ok(());
            }
            self.0.kick();
            // Interrupted, it is a shorter moment.
            let _ = poll(&mut [], Some(&A_MOMENT));
        }
        let vcpus = self.0.in_guest();
        match vcpus.is_empty() {
            true => Ok(()),
            false => Err(Stuck { vcpus }),
        }
    }
}

impl Stage {
    fn in_guest(&self) -> Vec<usize> {
        let seats = self.seats.iter().enumerate();
        seats
            .filter(|(_, place)| place.is_in_guest.load(Ordering::SeqCst))
            .map(|(at, _)| at)
            .collect()
    }

    fn kick(&self) {
        for at in self.in_guest() {
            let thread = self.seats[at].thread.load(Ordering::SeqCst);
            // SAFETY: tgkill(2) takes three numbers and touches no memory of this process. The signal has
            // a handler, which does nothing.
            let _ = unsafe { libc::syscall(libc::SYS_tgkill, self.process, thread, KICK) };
        }
    }
}

impl Seat {
    /// Says that the vCPU goes into its guest. False: it must not.
    pub(crate) fn enter(&self) -> bool {
        self.place().is_in_guest.store(true, Ordering::SeqCst);
        if self.is_stopped() {
            self.place().is_in_guest.store(false, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// Says that it is out. False: what brought it out is nobody's concern any more.
    pub(crate) fn leave(&self) -> bool {
        self.place().is_in_guest.store(false, Ordering::SeqCst);
        !self.is_stopped()
    }

    fn is_stopped(&self) -> bool {
        self.stage.is_stopped.load(Ordering::SeqCst)
    }

    fn place(&self) -> &Place {
        &self.stage.seats[self.at]
    }
}

extern "C" fn ignore(_number: i32, _info: *mut libc::siginfo_t, _context: *mut c_void) {}

#[cfg(test)]
mod tests;
