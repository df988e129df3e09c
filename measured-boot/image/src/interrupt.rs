//! Ctrl-C and SIGTERM while a draft has a name: the draft is removed first, then the signal takes effect.
//!
//! Without a draft on the disk there is nothing to lose, and a signal ends the program at once.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

/// Process-wide, as signals are.
static SIGNALS: LazyLock<Signals> = LazyLock::new(|| Signals {
    end_at_once: Arc::new(AtomicBool::new(true)),
    deferred: Arc::new(AtomicUsize::new(NONE)),
    deferrals: Mutex::new(0),
});

const NONE: usize = 0;

struct Signals {
    /// What the handler looks at first.
    end_at_once: Arc<AtomicBool>,
    /// The number of the signal that came while it was false, or [`NONE`].
    deferred: Arc<AtomicUsize>,
    /// How many [`Deferral`]s live.
    deferrals: Mutex<usize>,
}

/// Has this program remove its drafts before SIGINT or SIGTERM ends it. For `main`, once, before any
/// work: a signal that is deferred makes the work fail, and [`end_if_interrupted`] then ends the program.
///
/// # Errors
///
/// The kernel refuses the handlers.
pub fn defer_signals() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        let number = usize::try_from(signal).expect("signals have positive numbers");
        flag::register_usize(signal, Arc::clone(&SIGNALS.deferred), number)?;
        flag::register_conditional_default(signal, Arc::clone(&SIGNALS.end_at_once))?;
    }
    Ok(())
}

/// Ends the program as the signal would have, if one was deferred; for `main`, when its work has failed.
pub fn end_if_interrupted() {
    if let Some(signal) = deferred() {
        // A failure means a signal without a default; the program then ends with the error it has.
        let _ended = low_level::emulate_default_handler(signal);
    }
}

fn deferred() -> Option<i32> {
    match SIGNALS.deferred.load(Ordering::SeqCst) {
        NONE => None,
        number => i32::try_from(number).ok(),
    }
}

/// While one lives, signals wait.
#[derive(Debug)]
pub(crate) struct Deferral(());

impl Deferral {
    pub(crate) fn begin() -> Self {
        let mut count = Self::count();
        *count += 1;
        SIGNALS.end_at_once.store(false, Ordering::SeqCst);
        Self(())
    }

    /// Fails where a signal waits: for each step of long work, so that it ends soon.
    pub(crate) fn check(&self) -> io::Result<()> {
        match deferred() {
            None => Ok(()),
            Some(_) => Err(io::Error::other("stopped by a signal")),
        }
    }

    fn count() -> std::sync::MutexGuard<'static, usize> {
        // The count is right even where its holder panicked.
        SIGNALS
            .deferrals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        let mut count = Self::count();
        *count -= 1;
        SIGNALS.end_at_once.store(*count == 0, Ordering::SeqCst);
    }
}
