//! The control socket that a program of ours is born with.

use std::ffi::c_int;
use std::mem::size_of;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use thiserror::Error;

/// The number of the control socket in a program that [`crate::spawn_confined`] or
/// [`crate::spawn_helper`] started.
pub(crate) const CONTROL: RawFd = 3;

/// There was a control socket when this process began, and nobody has taken it over.
static WAITING: AtomicBool = AtomicBool::new(false);

/// Looked for before `main`: what has the number 3 later may be anybody's.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = look_for_control;

/// Why there is no control socket.
#[derive(Debug, Error)]
pub enum ControlError {
    /// This process began without, or it was taken already.
    #[error(
        "descriptor 3 is no control socket, or was taken already; this program is started by Cloister, not by hand"
    )]
    Missing,
    /// It cannot be kept from programs that this one starts.
    #[error("cannot mark the control socket close-on-exec")]
    CloseOnExec(#[source] Errno),
}

/// Takes over the control socket, descriptor 3. It can be had once.
pub fn inherited_control() -> Result<OwnedFd, ControlError> {
    if !WAITING.swap(false, Ordering::AcqRel) {
        return Err(ControlError::Missing);
    }
    // SAFETY: it was open before any code of this program ran, so that nothing in it was ever given
    // the number 3, and WAITING lets only one caller come here: nobody else owns it.
    let control = unsafe { OwnedFd::from_raw_fd(CONTROL) };
    fcntl_setfd(&control, FdFlags::CLOEXEC).map_err(ControlError::CloseOnExec)?;
    Ok(control)
}

extern "C" fn look_for_control() {
    let mut kind: c_int = 0;
    let mut size = libc::socklen_t::try_from(size_of::<c_int>()).unwrap_or(0);
    // SAFETY: the kernel writes at most `size` bytes to `kind`, which is that long; a number that is
    // not open is an error. Nothing of Rust's runtime is used, which has not begun.
    let result = unsafe {
        libc::getsockopt(
            CONTROL,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut size,
        )
    };
    WAITING.store(
        result == 0 && kind == libc::SOCK_SEQPACKET,
        Ordering::Release,
    );
}
