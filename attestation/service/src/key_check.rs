//! A ring of keys beside the log that says what became of each: what a crash left is finished or undone, and a ring
//! that is not the log's is not used.

use std::path::PathBuf;

use attestation_keyring::{KeyEvent, KeyringError};

use crate::key_log::{KeyRows, is_logged, purpose, word};
use crate::keyring::Ring;

/// The ring is not that of the log.
#[derive(Debug, thiserror::Error)]
#[error(
    "{path} is not the ring of keys that the log speaks of: it has key {key} {here}, the log has it {there}. An older \
     copy was put back, or a newer one was not brought here: copy the file from where `cloister-verifier key` was run last"
)]
pub struct OtherRing {
    /// The ring's file.
    pub path: PathBuf,
    /// A key that differs.
    pub key: String,
    /// Its state in the ring.
    pub here: &'static str,
    /// Its state by the log.
    pub there: &'static str,
}

/// What was done about a step that a crash left half taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Its event is in the log, so it was taken.
    Finished(KeyEvent),
    /// Its event is not, so it was given up.
    Undone(KeyEvent),
}

/// Finishes or undoes a step that a crash left: the log says which. Nobody else may be taking one.
pub fn settle(ring: &Ring, rows: &KeyRows) -> Result<Option<Settled>, KeyringError> {
    let Some(event) = ring.keys().pending() else {
        return Ok(None);
    };
    if is_logged(rows, &event) {
        ring.commit(&event)?;
        return Ok(Some(Settled::Finished(event)));
    }
    ring.abandon(&event)?;
    Ok(Some(Settled::Undone(event)))
}

/// Refuses a ring that has a key which the log does not know, or lacks one, or has one in another state.
pub fn refuse_other(path: PathBuf, ring: &Ring, rows: &KeyRows) -> Result<(), OtherRing> {
    let ours = ring.keys().keys();
    let here = |name: &str| {
        let found = ours.iter().find(|info| info.key.to_string() == name);
        found.map_or("not at all", |info| word(info.state))
    };
    let there = |name: &str| {
        let row = rows.get(name).filter(|row| row.purpose == purpose::SECRETS);
        row.map_or("not at all", |row| word(row.state))
    };
    let logged = rows
        .iter()
        .filter(|(_, row)| row.purpose == purpose::SECRETS)
        .map(|(name, _)| name.clone());
    let mut names = logged.chain(ours.iter().map(|info| info.key.to_string()));
    match names.find(|name| here(name) != there(name)) {
        None => Ok(()),
        Some(key) => Err(OtherRing {
            path,
            here: here(&key),
            there: there(&key),
            key,
        }),
    }
}
