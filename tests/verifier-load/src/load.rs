//! Many guests.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::{Guest, Stage};

/// How long handshakes took, from when each was due.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    /// Seconds, sorted.
    pub seconds: Vec<f64>,
    /// How long all of it took, in seconds.
    pub elapsed: f64,
}

impl Latencies {
    /// Handshakes a second.
    pub fn rate(&self) -> f64 {
        let count = u32::try_from(self.seconds.len()).map_or(f64::INFINITY, f64::from);
        count / self.elapsed
    }

    /// The latency that such a share of handshakes had at most, in seconds: 0.99 is p99.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.seconds.len().saturating_sub(1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length is an index"
        )]
        let index = (u32::try_from(last).map_or(0.0, f64::from) * share).round() as usize;
        self.seconds.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// So many guests at once, each new one as soon as one is done, until `count` are.
///
/// # Errors
/// One of them does not get its secret.
pub fn closed_loop(guest: &Guest<'_>, at_once: usize, count: u64) -> Result<Latencies> {
    let next = AtomicU64::new(0);
    run(at_once, || {
        if next.fetch_add(1, Ordering::Relaxed) >= count {
            return Ok(None);
        }
        let due = Instant::now();
        guest.handshake().map_err(failed)?;
        Ok(Some(due))
    })
}

/// `count` guests, one every `interval`, whether those before them are done or not: a guest that has to wait for a thread
/// waits, and that counts.
///
/// # Errors
/// One of them does not get its secret.
pub fn at_rate(
    guest: &Guest<'_>,
    at_once: usize,
    interval: Duration,
    count: u64,
) -> Result<Latencies> {
    let next = AtomicU64::new(0);
    let begun = Instant::now();
    run(at_once, || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(None);
        }
        let due = begun + interval.mul_f64(u32::try_from(number).map_or(0.0, f64::from));
        thread::sleep(due.saturating_duration_since(Instant::now()));
        guest.handshake().map_err(failed)?;
        Ok(Some(due))
    })
}

fn failed((stage, error): (Stage, anyhow::Error)) -> anyhow::Error {
    anyhow!("a guest failed at {stage:?}: {error:#}")
}

/// Repeats `one` in so many threads until it answers nothing.
fn run(at_once: usize, one: impl Fn() -> Result<Option<Instant>> + Sync) -> Result<Latencies> {
    let all = Mutex::new(Latencies::default());
    let begun = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..at_once)
            .map(|_| {
                scope.spawn(|| -> Result<()> {
                    let mut own = Vec::new();
                    while let Some(due) = one()? {
                        own.push(due.elapsed().as_secs_f64());
                    }
                    let mut all = all.lock().map_err(|_| anyhow!("another guest panicked"))?;
                    all.seconds.append(&mut own);
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.map_err(|_| anyhow!("a guest panicked"))?
        })
    })?;
    let mut all = all.into_inner().map_err(|_| anyhow!("a guest panicked"))?;
    all.elapsed = begun.elapsed().as_secs_f64();
    all.seconds.sort_by(f64::total_cmp);
    Ok(all)
}
