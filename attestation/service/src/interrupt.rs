//! Ctrl-C, SIGTERM and a closed terminal while something is being made: the draft of it goes first, then
//! the program.
//!
//! Process-wide, as signals are. Before [`catch_signals`] a signal ends the program at once.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level};

/// The number of the signal that came, or [`NONE`].
static CAUGHT: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
const NONE: usize = 0;

/// Test-only: while this file exists, whoever makes something waits.
static PAUSE: OnceLock<PathBuf> = OnceLock::new();
const POLL: Duration = Duration::from_millis(5);

/// Somebody asked to stop.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("interrupted before it was done")]
pub struct Interrupted;

/// From now on SIGINT, SIGQUIT, SIGTERM and SIGHUP make [`init`](crate::init()) and
/// [`export`](crate::export()) fail and clean up; [`end_if_interrupted`] then ends the program. For
/// `main`, once. A SIGHUP that the program was told to ignore (nohup) stays ignored.
pub fn catch_signals() -> io::Result<()> {
    for (signal, number) in [(SIGINT, 2), (SIGQUIT, 3), (SIGTERM, 15)] {
        flag::register_usize(signal, Arc::clone(&CAUGHT), number)?;
    }
    if !ignores_hangup()? {
        flag::register_usize(SIGHUP, Arc::clone(&CAUGHT), 1)?;
    }
    Ok(())
}

/// Of `SigIgn` in proc_pid_status(5), a mask in hexadecimal digits: its lowest bit is SIGHUP's.
fn ignores_hangup() -> io::Result<bool> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let ignored = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    Ok(ignored.is_some_and(|mask| mask & 1 != 0))
}

/// Ends the program as the signal would have, if one came; for `main`, when its work has failed.
pub fn end_if_interrupted() {
    if let Ok(signal @ 1..) = i32::try_from(CAUGHT.load(Ordering::SeqCst)) {
        // A failure means a signal without a default; the program then ends with the error it has.
        let _ended = low_level::emulate_default_handler(signal);
    }
}

/// **For tests only**: each step of the work waits while `file` exists, so that a test can interrupt or
/// kill the program there.
pub fn pause_while(file: PathBuf) {
    // Once is enough; a second file would be a slip of the test.
    let _first = PAUSE.set(file);
}

/// For each step of the work: fails once a signal came.
pub(crate) fn check() -> Result<(), Interrupted> {
    let caught = || CAUGHT.load(Ordering::SeqCst) != NONE;
    while !caught() && PAUSE.get().is_some_and(|file| file.exists()) {
        std::thread::sleep(POLL);
    }
    if caught() { Err(Interrupted) } else { Ok(()) }
}
