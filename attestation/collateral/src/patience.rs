//! Whom not to ask for a while: vendors that said so, questions that were asked in vain, and too many new names.

use std::collections::HashMap;
use std::time::Duration;

use crate::error::CollateralError;
use crate::settings::Budget;
use crate::{Subject, Vendor};

/// After the first failure; twice as long after each further one.
const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);
/// Whoever says "retry after 0 seconds" is not asked in the same moment again.
const SHORTEST: Duration = Duration::from_secs(1);
/// The most questions that are remembered as asked in vain: their names are made up by whoever sends evidence.
const MOST_TROUBLES: usize = 4096;

/// Something went wrong, so often, and is not tried again before.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    failures: u32,
    /// Of [`crate::Surroundings::elapsed`].
    pub until: Duration,
    pub error: CollateralError,
}

/// What is waited for.
#[derive(Debug)]
pub(crate) struct Patience {
    remember_missing: Duration,
    vendors: HashMap<Vendor, Trouble>,
    questions: HashMap<String, Trouble>,
    buckets: HashMap<Vendor, Bucket>,
}

impl Patience {
    pub(crate) fn new(budget: Budget, remember_missing: Duration) -> Self {
        let bucket = |vendor| (vendor, Bucket::full(budget));
        Self {
            remember_missing,
            vendors: HashMap::new(),
            questions: HashMap::new(),
            buckets: Vendor::ALL.map(bucket).into(),
        }
    }

    /// What keeps this from being asked now.
    pub(crate) fn trouble(&self, subject: &Subject, elapsed: Duration) -> Option<&Trouble> {
        let own = self.questions.get(&subject.to_string());
        let vendors = self.vendors.get(&subject.vendor());
        let open = [own, vendors].into_iter().flatten();
        let open = open.filter(|trouble| trouble.until > elapsed);
        open.max_by_key(|trouble| trouble.until)
    }

    /// Takes one out of the vendor's budget; how long to wait where nothing is left.
    pub(crate) fn spend(&mut self, vendor: Vendor, elapsed: Duration) -> Result<(), Duration> {
        match self.buckets.get_mut(&vendor) {
            Some(bucket) => bucket.take(elapsed),
            None => Ok(()),
        }
    }

    /// It went well: whoever was in trouble is not any more.
    pub(crate) fn forgive(&mut self, subject: &Subject) {
        self.questions.remove(&subject.to_string());
        self.vendors.remove(&subject.vendor());
    }

    /// It did not.
    pub(crate) fn blame(
        &mut self,
        subject: &Subject,
        error: &CollateralError,
        elapsed: Duration,
        random: u64,
    ) {
        match error {
            CollateralError::Busy { after, .. } => {
                let after = after.map(Duration::from_secs);
                self.blame_vendor(subject.vendor(), error, after, elapsed, random);
            }
            CollateralError::Unreachable { .. } => {
                self.blame_vendor(subject.vendor(), error, None, elapsed, random);
            }
            // The vendor is well, and knows no such thing.
            CollateralError::Missing { .. } => {
                let wait = self.remember_missing;
                self.remember(subject, error, 1, elapsed + wait);
            }
            _ => {
                let before = self.questions.get(&subject.to_string());
                let failures = before.map_or(1, |trouble| trouble.failures.saturating_add(1));
                self.remember(subject, error, failures, elapsed + wait(failures, random));
            }
        }
    }

    fn blame_vendor(
        &mut self,
        vendor: Vendor,
        error: &CollateralError,
        after: Option<Duration>,
        elapsed: Duration,
        random: u64,
    ) {
        let before = self.vendors.get(&vendor);
        let failures = before.map_or(1, |trouble| trouble.failures.saturating_add(1));
        let wait = match after {
            // What it says, and a little more, so that not all who were told come back at once.
            Some(after) => after.max(SHORTEST) + jitter(SHORTEST, random),
            None => wait(failures, random),
        };
        let trouble = Trouble {
            failures,
            until: elapsed + wait,
            error: error.clone(),
        };
        self.vendors.insert(vendor, trouble);
    }

    fn remember(
        &mut self,
        subject: &Subject,
        error: &CollateralError,
        failures: u32,
        until: Duration,
    ) {
        if self.questions.len() >= MOST_TROUBLES {
            self.forget_one();
        }
        let trouble = Trouble {
            failures,
            until,
            error: error.clone(),
        };
        self.questions.insert(subject.to_string(), trouble);
    }

    /// The one that would be over first.
    fn forget_one(&mut self) {
        let first = self.questions.iter();
        let first = first.min_by_key(|(_, trouble)| trouble.until);
        if let Some(name) = first.map(|(name, _)| name.clone()) {
            self.questions.remove(&name);
        }
    }
}

/// Twice as long after each failure, and of that half for certain and half by chance.
fn wait(failures: u32, random: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let whole = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    whole / 2 + jitter(whole / 2, random)
}

/// Between nothing and so much.
fn jitter(most: Duration, random: u64) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % most.saturating_add(1))
}

/// Fills by one after each interval, up to a burst.
#[derive(Debug)]
struct Bucket {
    budget: Budget,
    left: u32,
    /// When the last one was filled in.
    filled: Duration,
}

impl Bucket {
    const fn full(budget: Budget) -> Self {
        Self {
            budget,
            left: budget.burst,
            filled: Duration::ZERO,
        }
    }

    fn take(&mut self, elapsed: Duration) -> Result<(), Duration> {
        let every = self.budget.every.max(Duration::from_millis(1));
        let passed = elapsed.saturating_sub(self.filled);
        let more = u32::try_from(passed.as_nanos() / every.as_nanos()).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(more);
        if left >= self.budget.burst {
            self.left = self.budget.burst;
            self.filled = elapsed;
        } else {
            self.left = left;
            self.filled += every.saturating_mul(more);
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err((self.filled + every).saturating_sub(elapsed)),
        }
    }
}

#[cfg(test)]
mod tests;
