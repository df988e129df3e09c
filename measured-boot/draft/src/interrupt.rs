//! Ctrl-C, SIGTERM and a closed terminal while a draft has a name: the draft is removed first, then the
//! signal takes effect.
//!
//! Without a draft on the disk there is nothing to lose, and a signal ends the program at once.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::{flag, low_level};

/// Process-wide, as signals are.
static SIGNALS: LazyLock<Signals> = LazyLock::new(|| Signals {
    end_at_once: Arc::new(AtomicBool::new(true)),
    deferred: Arc::new(AtomicUsize::new(NONE)),
    deferrals: Mutex::new(0),
});

const NONE: usize = 0;

/// Test-only: while this file exists, whoever makes something waits.
static PAUSE: OnceLock<PathBuf> = OnceLock::new();
const POLL: Duration = Duration::from_millis(5);

struct Signals {
    /// What the handler looks at first.
    end_at_once: Arc<AtomicBool>,
    /// The number of the signal that came while it was false, or [`NONE`].
    deferred: Arc<AtomicUsize>,
    /// How many [`Deferral`]s live.
    deferrals: Mutex<usize>,
}

/// Somebody asked to stop.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("interrupted: stopped by a signal before it was done")]
pub struct Interrupted;

impl From<Interrupted> for io::Error {
    fn from(interrupted: Interrupted) -> Self {
        Self::other(interrupted)
    }
}

/// Has this program remove its drafts before SIGINT, SIGQUIT, SIGTERM or SIGHUP ends it. For `main`,
/// once, before any work: a signal that is deferred makes the work fail, and [`end_if_interrupted`] then
/// ends the program. A SIGHUP that the program was told to ignore (nohup) stays ignored.
///
/// # Errors
/// The kernel refuses the handlers, or /proc is not there.
pub fn catch_signals() -> io::Result<()> {
    let hangup = (!ignores_hangup()?).then_some((SIGHUP, 1));
    let stops = [(SIGINT, 2), (SIGQUIT, 3), (SIGTERM, 15)];
    for (signal, number) in stops.into_iter().chain(hangup) {
        flag::register_usize(signal, Arc::clone(&SIGNALS.deferred), number)?;
        flag::register_conditional_default(signal, Arc::clone(&SIGNALS.end_at_once))?;
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

/// Ends the program as the signal would have, if one was deferred; for `main`, when its work has failed.
pub fn end_if_interrupted() {
    if let Ok(signal @ 1..) = i32::try_from(SIGNALS.deferred.load(Ordering::SeqCst)) {
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

/// For each step of the work, so that it ends soon.
///
/// # Errors
/// A signal waits.
pub fn check() -> Result<(), Interrupted> {
    let waits = || SIGNALS.deferred.load(Ordering::SeqCst) != NONE;
    while !waits() && PAUSE.get().is_some_and(|file| file.exists()) {
        std::thread::sleep(POLL);
    }
    if waits() { Err(Interrupted) } else { Ok(()) }
}

/// While one lives, signals wait.
#[derive(Debug)]
pub struct Deferral(());

impl Deferral {
    /// They wait from now on.
    #[must_use]
    pub fn begin() -> Self {
        let mut count = count();
        *count += 1;
        SIGNALS.end_at_once.store(false, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        let mut count = count();
        *count -= 1;
        SIGNALS.end_at_once.store(*count == 0, Ordering::SeqCst);
    }
}

fn count() -> MutexGuard<'static, usize> {
    // The count is right even where its holder panicked.
    let deferrals = SIGNALS.deferrals.lock();
    deferrals.unwrap_or_else(PoisonError::into_inner)
}
