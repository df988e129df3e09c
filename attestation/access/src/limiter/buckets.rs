//! Buckets, a bounded number of them.

use std::collections::{BTreeMap, BTreeSet};

/// The moments at which buckets are full again, by whose they are.
///
/// Ordered maps, since an attacker can choose neither their shape nor their cost: every step is logarithmic.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    full_at: BTreeMap<K, u64>,
    /// The same, the next one to be full first.
    next: BTreeSet<(u64, K)>,
    capacity: usize,
}

impl<K: Ord + Clone> Buckets<K> {
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            full_at: BTreeMap::new(),
            next: BTreeSet::new(),
            capacity,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.full_at.len()
    }

    /// Whether another one fits.
    pub(super) fn has_room(&self) -> bool {
        self.len() < self.capacity
    }

    /// When this one is full, if it is kept.
    pub(super) fn full_at(&self, key: &K) -> Option<u64> {
        self.full_at.get(key).copied()
    }

    /// Keeps when this one is full. Whoever adds one has asked for room.
    pub(super) fn keep(&mut self, key: K, full_at: u64) {
        if let Some(before) = self.full_at.insert(key.clone(), full_at) {
            self.next.remove(&(before, key.clone()));
        }
        self.next.insert((full_at, key));
    }

    /// Forgets one that is full, if there is one: never another.
    pub(super) fn forget_full(&mut self, now: u64) -> Option<K> {
        let (full_at, _) = self.next.first()?;
        if *full_at > now {
            return None;
        }
        let (_, key) = self.next.pop_first()?;
        self.full_at.remove(&key);
        Some(key)
    }
}
