//! What became of a transaction that several writers share.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use attestation_ledger::Hash;

use crate::StoreError;

/// What a commit gives to those who took part in it.
#[derive(Debug, Default)]
pub struct Committed {
    /// The signed checkpoint over all of their entries.
    pub checkpoint: String,
    /// The audit paths that were asked for, by the entry's index.
    pub paths: BTreeMap<u64, Vec<Hash>>,
}

type Result = std::result::Result<Arc<Committed>, Arc<StoreError>>;

/// Where writers wait for the commit that they share.
#[derive(Debug, Default)]
pub struct Outcome {
    result: Mutex<Option<Result>>,
    settled: Condvar,
}

impl Outcome {
    /// Says once what became of it, to all who wait.
    pub fn settle(&self, result: Result) {
        let mut place = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        place.get_or_insert(result);
        self.settled.notify_all();
    }

    /// Waits until it is known.
    pub fn wait(&self) -> Result {
        let mut place = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(result) = place.as_ref() {
                return result.clone();
            }
            place = self
                .settled
                .wait(place)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
