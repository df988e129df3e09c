//! What is kept, in memory: proven, bounded, and each with when it is asked for again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::proof::Proven;
use crate::subject::Vcek;
use crate::{Product, Subject};

/// AMD derives a VCEK for any TCB of any chip that exists: whoever knows one chip could have every slot.
pub(crate) const MOST_TCBS: usize = 4;
/// Intel has some dozens of FMSPCs.
pub(crate) const MOST_TCB_INFOS: usize = 512;
/// The last days of a list or document: it is asked for more often.
const LAST_DAYS: u64 = 3 * 86_400;
/// The last days of a certificate, which is good for years.
const LAST_MONTH: u64 = 30 * 86_400;
const DAY: u64 = 86_400;
/// What turned out to need a newer one is asked for no more often than this.
const RECHECK: u64 = 300;

/// One document that is kept.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub proven: Arc<Proven>,
    /// When it was last asked for, with success: a document that came again stays the same.
    pub fetched: u64,
    /// Something kept beside it needs a newer one.
    pub outdated: bool,
    /// A report was signed by its key: nobody made this one up.
    confirmed: bool,
    /// The larger, the later it was used.
    used: u64,
}

/// Everything that is kept.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: HashMap<String, Entry>,
    most_veks: usize,
    uses: u64,
}

impl Cache {
    pub(crate) fn new(most_veks: usize) -> Self {
        Self {
            entries: HashMap::new(),
            most_veks,
            uses: 0,
        }
    }

    /// What is kept of a subject, and in its dates.
    pub(crate) fn find(&mut self, subject: &Subject, now: u64) -> Option<Entry> {
        self.uses += 1;
        let entry = self.entries.get_mut(&subject.to_string())?;
        entry.used = self.uses;
        let good = entry.proven.validity.contains(now);
        good.then(|| entry.clone())
    }

    /// The same, without its counting as a use.
    pub(crate) fn peek(&self, subject: &Subject, now: u64) -> Option<&Arc<Proven>> {
        let entry = self.entries.get(&subject.to_string())?;
        let good = entry.proven.validity.contains(now);
        good.then_some(&entry.proven)
    }

    /// Whether it is kept, in its dates or not: then it is no new name.
    pub(crate) fn knows(&self, subject: &Subject) -> bool {
        self.entries.contains_key(&subject.to_string())
    }

    /// Has those that nobody confirmed make room before it.
    pub(crate) fn confirm(&mut self, subject: &Subject) {
        if let Some(entry) = self.entries.get_mut(&subject.to_string()) {
            entry.confirmed = true;
        }
    }

    /// Has it asked for again soon.
    pub(crate) fn outdate(&mut self, subject: &Subject) {
        if let Some(entry) = self.entries.get_mut(&subject.to_string()) {
            entry.outdated = true;
        }
    }

    /// Everything, by name.
    pub(crate) fn all(&self) -> Vec<&Entry> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_unstable_by_key(|(name, _)| name.as_str());
        all.into_iter().map(|(_, entry)| entry).collect()
    }

    /// Which have to go for this one to be kept.
    pub(crate) fn crowded_out_by(&self, subject: &Subject) -> Vec<Subject> {
        if self.entries.contains_key(&subject.to_string()) {
            return Vec::new();
        }
        let of_chip = |other: &Subject| chip(other).is_some_and(|it| Some(it) == chip(subject));
        let is_vek = |other: &Subject| matches!(other, Subject::Vcek(_));
        let is_info = |other: &Subject| matches!(other, Subject::TcbInfo(_));
        let one = match subject {
            Subject::Vcek(_) => self
                .oldest_beyond(MOST_TCBS, &of_chip)
                .or_else(|| self.oldest_beyond(self.most_veks, &is_vek)),
            Subject::TcbInfo(_) => self.oldest_beyond(MOST_TCB_INFOS, &is_info),
            _ => None,
        };
        one.into_iter().collect()
    }

    /// Where there are as many as there may be: of those that nobody confirmed, or else of all, the one that was not used
    /// for longest.
    fn oldest_beyond(&self, most: usize, is_one: &dyn Fn(&Subject) -> bool) -> Option<Subject> {
        let entries = self.entries.values();
        let all: Vec<_> = entries
            .filter(|entry| is_one(&entry.proven.document.subject))
            .collect();
        if all.len() < most {
            return None;
        }
        let oldest = all
            .into_iter()
            .min_by_key(|entry| (entry.confirmed, entry.used));
        oldest.map(|entry| entry.proven.document.subject.clone())
    }

    /// Keeps it, in the place of those that it crowds out.
    pub(crate) fn put(&mut self, proven: Arc<Proven>) {
        let subject = &proven.document.subject;
        for other in self.crowded_out_by(subject) {
            self.entries.remove(&other.to_string());
        }
        self.uses += 1;
        let before = self.entries.get(&subject.to_string());
        let entry = Entry {
            confirmed: before.is_some_and(|before| before.confirmed),
            fetched: proven.document.fetched,
            outdated: false,
            used: self.uses,
            proven: Arc::clone(&proven),
        };
        self.entries.insert(subject.to_string(), entry);
    }
}

fn chip(subject: &Subject) -> Option<(Product, &[u8])> {
    match subject {
        Subject::Vcek(Vcek {
            product, chip_id, ..
        }) => Some((*product, chip_id)),
        _ => None,
    }
}

impl Entry {
    /// Whether it is time to ask for a newer one, though this one is still good.
    pub(crate) fn is_due(&self, now: u64, every: Duration) -> bool {
        let age = now.saturating_sub(self.fetched);
        let left = self.proven.validity.not_after.saturating_sub(now);
        let every = every.as_secs();
        match self.proven.document.subject {
            Subject::Vcek(_) | Subject::AmdChain(..) => left < LAST_MONTH && age >= DAY,
            _ => {
                age >= every
                    || (left < LAST_DAYS && age >= every / 24)
                    || (self.outdated && age >= RECHECK)
            }
        }
    }
}

#[cfg(test)]
mod tests;
