//! Waiting until something ends the VM.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use vmm_channel::Supervisor;
use vmm_launch::RunningVm;

use crate::bus::Stop;
use crate::interrupt::Interrupt;
use crate::trust_domain::Quoting;

/// How the VM ended.
#[derive(Debug)]
pub enum End {
    /// The guest powered itself off.
    PowerOff,
    /// The guest asked for a reset.
    Reset,
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// A device process ended, or failed the guest.
    Device(String),
    /// The supervisor ended.
    Supervisor(String),
    /// The guest, or its processor, ended it and said why.
    Guest(String),
    /// A vCPU cannot go on.
    Vcpu(String),
}

impl End {
    /// Its name in events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::PowerOff => "guest-poweroff",
            Self::Reset => "guest-reset",
            Self::Interrupted => "interrupted",
            Self::Device(_) => "device-exited",
            Self::Supervisor(_) => "supervisor-exited",
            Self::Guest(_) => "guest-terminated",
            Self::Vcpu(_) => "vcpu-failed",
        }
    }

    /// More about it.
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::PowerOff | Self::Reset | Self::Interrupted => None,
            Self::Device(detail)
            | Self::Supervisor(detail)
            | Self::Guest(detail)
            | Self::Vcpu(detail) => Some(detail),
        }
    }
}

/// Waits.
///
/// # Errors
/// The kernel cannot wait.
pub fn wait<T>(
    running: &RunningVm<Stop, T>,
    supervisor: &mut Supervisor,
    interrupt: Interrupt,
    mut quoting: Option<&mut Quoting>,
) -> Result<End, Errno> {
    loop {
        // A child may have ended while another one was being started.
        if supervisor.has_ended() {
            return Ok(child_end(supervisor));
        }
        let [interrupted, child_ended, ..] = wait_once(
            [interrupt.descriptor(), supervisor.as_fd(), running.as_fd()],
            quoting.as_deref(),
        )?;
        if interrupted {
            return Ok(End::Interrupted);
        }
        // What the guest did goes first: a device may well end because the guest did.
        match running.ended() {
            Some(Ok(Stop::PowerOff)) => return Ok(End::PowerOff),
            Some(Ok(Stop::Reset)) => return Ok(End::Reset),
            Some(Ok(Stop::Guest(said))) => return Ok(End::Guest(said)),
            Some(Ok(Stop::Memory(fault))) => return Ok(End::Vcpu(fault)),
            Some(Ok(Stop::Interrupts(error))) => {
                return Ok(End::Vcpu(format!("{:#}", anyhow::Error::from(error))));
            }
            Some(Ok(Stop::Device { slot, error })) => {
                return device_end(supervisor, slot, &error.into());
            }
            Some(Err(error)) => return Ok(End::Vcpu(format!("{:#}", anyhow::Error::from(error)))),
            None if child_ended => return Ok(child_end(supervisor)),
            None => {}
        }
        if let Some(quoting) = &mut quoting {
            quoting.turn();
        }
    }
}

/// Which of these can be read; or none of them, when there is something to do for quotes.
fn wait_once(ends: [BorrowedFd<'_>; 3], quoting: Option<&Quoting>) -> Result<[bool; 3], Errno> {
    let ends = ends.map(|end| PollFd::from_borrowed_fd(end, PollFlags::IN));
    let quotes = quoting.map(Quoting::watched).unwrap_or_default();
    let quotes = quotes
        .into_iter()
        .map(|(descriptor, flags)| PollFd::from_borrowed_fd(descriptor, flags));
    let mut waiting: Vec<_> = ends.into_iter().chain(quotes).collect();
    let patience = quoting.and_then(Quoting::patience);
    let patience = patience.map(Timespec::try_from).transpose();
    let patience = patience.map_err(|_| Errno::INVAL)?;
    retry_on_intr(|| poll(&mut waiting, patience.as_ref()))?;
    let is_ready = |at: usize| !waiting[at].revents().is_empty();
    Ok(std::array::from_fn(is_ready))
}

fn child_end(supervisor: &mut Supervisor) -> End {
    match supervisor.next_ended() {
        Ok(ended) => End::Device(format!("{} {}", ended.kind, ended.status)),
        Err(error) => End::Supervisor(format!(
            "cloister-supervisor ended, and with it every device process ({error})"
        )),
    }
}

/// A device that does not answer has usually ended: the supervisor then knows better why.
fn device_end(
    supervisor: &mut Supervisor,
    slot: usize,
    error: &anyhow::Error,
) -> Result<End, Errno> {
    const A_MOMENT: Duration = Duration::from_millis(500);
    let mut waiting = [PollFd::from_borrowed_fd(supervisor.as_fd(), PollFlags::IN)];
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(A_MOMENT.subsec_nanos()),
    };
    let heard = supervisor.has_ended() || retry_on_intr(|| poll(&mut waiting, Some(&moment)))? > 0;
    Ok(if heard {
        child_end(supervisor)
    } else {
        End::Device(format!("slot {slot}: {error:#}"))
    })
}
