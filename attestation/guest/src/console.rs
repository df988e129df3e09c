//! The serial console that pid 1 inherits as its standard output.

use rustix::io::Errno;
use rustix::ioctl::{IntegerSetter, Opcode, ioctl};

/// `TCSBRK` of asm-generic/ioctls.h; with a non-zero argument it only waits, as tcdrain(3) does.
const TCSBRK: Opcode = 0x5409;

/// Waits until the last line has left the UART, since a power-off does not.
///
/// A standard output that is no terminal has nothing to wait for.
pub fn drain_console() {
    loop {
        // SAFETY: TCSBRK takes a plain integer and reads or writes no memory of ours (ioctl_tty(2));
        // any integer is valid, and a descriptor that is no terminal answers ENOTTY.
        let drained = unsafe { ioctl(std::io::stdout(), IntegerSetter::<TCSBRK>::new_usize(1)) };
        if drained != Err(Errno::INTR) {
            return;
        }
    }
}
