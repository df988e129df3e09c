//! The keys of secrets while the service runs: those that the log speaks of, or nothing is put and nothing released.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use attestation_keyring::{KeyId, KeyState, KeyringError};
use attestation_ledger::KeyEvent;
use serde::Serialize;

use super::registered::Heard;
use super::{Failure, Service, StartError};
use crate::Journal;
use crate::data_dir::{DataDir, names};
use crate::key_check::{self, OtherRing, Settled, refuse_other};
use crate::key_log::{self, KeyRows, Stamp, purpose};
use crate::keyring::{Ring, machine_of};
use crate::problem::Problem;

/// For how long it is not tried again whether the keys can be used: anybody may ask for readiness.
const TRIED_SECONDS: Duration = Duration::from_secs(1);
/// An operator's step is in the log a moment before it is in the ring: so often it is looked again, after this time.
const LOOKS: usize = 5;
const LOOK: Duration = Duration::from_millis(50);

/// When the keys were last tried, and what came of it.
pub(super) type Tried = Option<(Instant, Result<(), Problem>)>;

#[derive(Serialize)]
struct KeyLine {
    key: KeyId,
}

#[derive(Serialize)]
struct Why {
    why: String,
    remedy: &'static str,
}

/// Finishes or undoes what a crash left, and refuses a ring that is not the log's.
pub(super) fn settle(
    dir: &DataDir,
    ring: &Ring,
    rows: &KeyRows,
    journal: &Journal,
) -> Result<(), StartError> {
    match key_check::settle(ring, rows)? {
        Some(Settled::Finished(event)) => journal.info("key-step-finished", &event),
        Some(Settled::Undone(event)) => journal.info("key-step-undone", &event),
        None => {}
    }
    Ok(refuse_other(dir.file(names::KEYRING), ring, rows)?)
}

impl Service {
    /// Logs each key that this machine has, and of which the log does not say so.
    pub(super) fn announce_at_start(&self, heard: &Heard) -> Result<(), StartError> {
        let machine = machine_of(&self.machine).unwrap_or_default();
        let keys = self.keys.ring.keys().keys();
        let living = keys.iter().filter(|info| info.state != KeyState::Destroyed);
        let is_new = |key: &KeyId| !heard.contains(&(key.to_string(), machine.to_owned()));
        let new: Vec<KeyId> = living.map(|info| info.key).filter(is_new).collect();
        self.announce(&new)
            .map_err(|problem| StartError::Announce(problem.to_string()))
    }

    fn announce(&self, keys: &[KeyId]) -> Result<(), Problem> {
        if keys.is_empty() {
            return Ok(());
        }
        self.commit(|writing| {
            let stamp = Stamp {
                time: self.moment(&writing.reading())?,
                by: &self.machine,
            };
            for key in keys {
                let (name, event) = (key.to_string(), KeyEvent::Distributed);
                key_log::log(writing, stamp, &name, purpose::SECRETS, event)?;
            }
            Ok(())
        })?;
        for key in keys {
            self.journal.info("key-distributed", &KeyLine { key: *key });
        }
        Ok(())
    }

    /// Has the ring that the log speaks of: an operator may have taken a step, here or on another machine.
    pub(super) fn follow_ring(&self) -> Result<(), Problem> {
        let mut behind = None;
        for look in 0..LOOKS {
            let rows = self.consult(|reading| Ok(key_log::rows(reading)?))?;
            match self.refuse_other_ring(&rows) {
                Ok(()) => return Ok(()),
                Err(other) => behind = Some(other),
            }
            if look > 0 {
                std::thread::sleep(LOOK);
            }
            let arrived = self.keys.ring.keys().reload();
            let arrived = arrived.map_err(|error| self.keys_problem(&error))?;
            let arrived: Vec<KeyId> = arrived.iter().map(|event| event.key).collect();
            self.announce(&arrived)?;
        }
        match behind {
            Some(other) => Err(self.keys_unavailable(&other)),
            None => Ok(()),
        }
    }

    /// In a transaction, in which no other step is logged.
    pub(super) fn refuse_stale_ring(&self, rows: &KeyRows) -> Result<(), Failure> {
        self.refuse_other_ring(rows)
            .map_err(|other| self.keys_unavailable(&other).into())
    }

    fn refuse_other_ring(&self, rows: &KeyRows) -> Result<(), OtherRing> {
        refuse_other(self.dir.file(names::KEYRING), &self.keys.ring, rows)
    }

    /// Whether secrets could be opened now. Whoever asks again at once hears the same.
    pub(super) fn try_keys(&self) -> Result<(), Problem> {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, outcome)) = &*tried
            && at.elapsed() < TRIED_SECONDS
        {
            return outcome.clone();
        }
        let outcome = self.follow_ring().and_then(|()| {
            let tried = self.keys.ring.keys().try_out();
            tried.map_err(|error| self.keys_problem(&error))
        });
        *tried = Some((Instant::now(), outcome.clone()));
        outcome
    }

    /// A token that does not do its work, a ring without the key: nothing of it is the client's.
    pub(super) fn keys_problem(&self, error: &KeyringError) -> Problem {
        self.keys_unavailable(error)
    }

    fn keys_unavailable(&self, error: &dyn std::error::Error) -> Problem {
        let line = Why {
            why: super::chain(error),
            remedy: "nothing is put or released meanwhile; docs/operator.md, Keys",
        };
        self.journal.error("keys-unavailable", &line);
        Problem::KeysUnavailable
    }
}
