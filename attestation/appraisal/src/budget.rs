//! How much work one evaluation may do.
//!
//! Rego has no recursion (`depth` sees to it, the engine does not) and no unbounded loop, so every policy ends; but a few nested
//! iterations over large claims end late. The engine measures time by a source that its user gives. Ours is no clock: it counts
//! how often the engine asked, which is once every [`STEPS_A_QUESTION`] steps, so that the same evaluation ends at the same step
//! on every machine.

use regorus::utils::limits::{ExecutionTimerConfig, TimeSource, set_time_source};
use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Once;
use std::time::Duration;

/// The engine asks what time it is after this many steps.
const STEPS_A_QUESTION: NonZeroU32 = NonZeroU32::new(64).expect("64 is not zero");

/// How often it may ask.
const QUESTIONS: u64 = 16_384;

/// How many steps one evaluation may take: about a million; the strictest of the shipped policies takes some thousands.
pub(crate) const STEPS: u64 = QUESTIONS * STEPS_A_QUESTION.get() as u64;

/// Counts the questions of one thread: what other threads evaluate does not shorten this one's budget.
struct Questions;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

impl TimeSource for Questions {
    fn now(&self) -> Option<Duration> {
        let asked = ASKED.get().wrapping_add(1);
        ASKED.set(asked);
        Some(Duration::from_nanos(asked))
    }
}

/// The limit of one evaluation, one "nanosecond" a question.
pub(crate) fn limit() -> ExecutionTimerConfig {
    static COUNTED: Once = Once::new();
    // Another source in the same process could only be one that somebody else gave the engine: then theirs counts.
    COUNTED.call_once(|| {
        let _ = set_time_source(&Questions);
    });
    ExecutionTimerConfig {
        limit: Duration::from_nanos(QUESTIONS),
        check_interval: STEPS_A_QUESTION,
    }
}
