//! The lives of the verifier's own keys in its log, and what of each the store says for a quick look: a row that is
//! no more than what the log says, and is compared with it at each start.

use std::collections::BTreeMap;

use attestation_keyring::{self as keyring, KeyState};
use attestation_ledger::{
    AuditRecord, Entry, EntryError, KeyEvent, RecordVersion, Registered, Registration,
};
use attestation_store::{Kind, Reading, StoreError, Writing};

/// The tenant of what concerns the whole verifier.
const WHOLE: &str = "";

/// What keys are for.
pub mod purpose {
    /// Encrypts data keys of secrets.
    pub const SECRETS: &str = "secrets";
    /// Signs attestation tokens.
    pub const TOKENS: &str = "tokens";
    /// Signs the log.
    pub const LOG: &str = "log";
    /// Proves the verifier to guests.
    pub const TLS: &str = "tls";
}

/// A key, as the log knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// One of [`purpose`].
    pub purpose: String,
    /// How far its life is.
    pub state: KeyState,
}

/// Keys by their names.
pub type KeyRows = BTreeMap<String, KeyRow>;

/// An event cannot be logged.
#[derive(Debug, thiserror::Error)]
pub enum KeyLogError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The entry.
    #[error(transparent)]
    Entry(#[from] EntryError),
}

/// When something befell a key, and who did it.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// Seconds since 1970.
    pub time: u64,
    /// As the entry has it.
    pub by: &'a str,
}

impl KeyRow {
    /// As the store has it.
    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{} {}", self.purpose, word(self.state)).into_bytes()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (purpose, state) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        let mut states = [KeyState::Active, KeyState::Retired, KeyState::Destroyed].into_iter();
        Some(Self {
            purpose: purpose.to_owned(),
            state: states.find(|known| word(*known) == state)?,
        })
    }
}

/// A state's word, in the store and for people.
pub const fn word(state: KeyState) -> &'static str {
    match state {
        KeyState::Active => "active",
        KeyState::Retired => "retired",
        KeyState::Destroyed => "destroyed",
    }
}

/// What an event makes of the keys: those whose rows change.
pub fn apply(rows: &mut KeyRows, name: &str, purpose: &str, event: KeyEvent) {
    let mut is_now = |state| {
        let purpose = purpose.to_owned();
        rows.insert(name.to_owned(), KeyRow { purpose, state });
    };
    match event {
        KeyEvent::Generated => is_now(KeyState::Active),
        KeyEvent::Retired => is_now(KeyState::Retired),
        KeyEvent::Destroyed => is_now(KeyState::Destroyed),
        KeyEvent::Rotated => {
            for row in rows.values_mut() {
                if row.purpose == purpose && row.state == KeyState::Active {
                    row.state = KeyState::Retired;
                }
            }
            apply(rows, name, purpose, KeyEvent::Generated);
        }
        // It changes nothing of the key's own.
        KeyEvent::Distributed | KeyEvent::Rewrapped => {}
    }
}

/// The keys of the verifier.
pub fn rows(reading: &Reading<'_>) -> Result<KeyRows, StoreError> {
    let mut rows = KeyRows::new();
    for document in reading.documents(WHOLE, Kind::Key)? {
        let row = KeyRow::from_bytes(&document.bytes)
            .ok_or_else(|| reading.torn("what it says of a key is damaged"))?;
        rows.insert(document.name, row);
    }
    Ok(rows)
}

/// Logs an event, and answers its index.
pub fn log(
    writing: &Writing<'_>,
    stamp: Stamp<'_>,
    name: &str,
    purpose: &str,
    event: KeyEvent,
) -> Result<u64, KeyLogError> {
    let before = rows(&writing.reading())?;
    let mut after = before.clone();
    apply(&mut after, name, purpose, event);
    for (name, row) in after
        .iter()
        .filter(|(name, row)| before.get(*name) != Some(*row))
    {
        writing.put_document(WHOLE, Kind::Key, name, &row.to_bytes())?;
    }
    let what = Registered::Key {
        purpose: purpose.to_owned(),
        event,
    };
    append(writing, stamp, None, name, what)
}

/// Logs something that was done at the data directory, by nobody whom a request proved.
pub fn append(
    writing: &Writing<'_>,
    stamp: Stamp<'_>,
    tenant: Option<&str>,
    name: &str,
    what: Registered,
) -> Result<u64, KeyLogError> {
    let last = writing.reading().latest_time()?.unwrap_or_default();
    let entry = Entry::new(AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time: stamp.time.max(last),
        tenant: tenant.map(str::to_owned),
        by: stamp.by.to_owned(),
        approved_by: None,
        name: name.to_owned(),
        what,
    }))?;
    Ok(writing.append(&entry)?.index)
}

/// What the log is told of a step of the keyring's.
pub fn event_of(step: keyring::Step) -> KeyEvent {
    match step {
        keyring::Step::Generate => KeyEvent::Generated,
        keyring::Step::Rotate { .. } => KeyEvent::Rotated,
        keyring::Step::Distribute => KeyEvent::Distributed,
        keyring::Step::Retire => KeyEvent::Retired,
        keyring::Step::Destroy { .. } => KeyEvent::Destroyed,
    }
}

/// Whether a prepared step is in the log: each key is made, retired and destroyed once.
pub fn is_logged(rows: &KeyRows, event: &keyring::KeyEvent) -> bool {
    let Some(row) = rows.get(&event.key.to_string()) else {
        return false;
    };
    match event.step {
        keyring::Step::Generate | keyring::Step::Rotate { .. } | keyring::Step::Distribute => true,
        keyring::Step::Retire => row.state != KeyState::Active,
        keyring::Step::Destroy { .. } => row.state == KeyState::Destroyed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states(rows: &KeyRows) -> Vec<(&str, KeyState)> {
        rows.iter()
            .map(|(name, row)| (name.as_str(), row.state))
            .collect()
    }

    #[test]
    fn rotation_retires_the_key_of_its_purpose_alone() {
        let mut rows = KeyRows::new();
        apply(&mut rows, "a", purpose::SECRETS, KeyEvent::Generated);
        apply(&mut rows, "t", purpose::TOKENS, KeyEvent::Generated);
        apply(&mut rows, "b", purpose::SECRETS, KeyEvent::Rotated);
        apply(&mut rows, "b", purpose::SECRETS, KeyEvent::Distributed);
        apply(&mut rows, "a", purpose::SECRETS, KeyEvent::Destroyed);

        let (active, destroyed) = (KeyState::Active, KeyState::Destroyed);
        assert_eq!(
            states(&rows),
            [("a", destroyed), ("b", active), ("t", active)]
        );
        apply(&mut rows, "b", purpose::SECRETS, KeyEvent::Retired);
        assert_eq!(rows["b"].state, KeyState::Retired);
    }

    #[test]
    fn row_is_read_back_as_it_was_written_and_no_other() {
        for state in [KeyState::Active, KeyState::Retired, KeyState::Destroyed] {
            let row = KeyRow {
                purpose: purpose::SECRETS.to_owned(),
                state,
            };
            assert_eq!(KeyRow::from_bytes(&row.to_bytes()), Some(row));
        }
        for other in ["", "secrets", "secrets lost", "secrets active "] {
            assert_eq!(KeyRow::from_bytes(other.as_bytes()), None, "{other}");
        }
    }
}
