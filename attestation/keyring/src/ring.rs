//! A ring of key-encryption keys and the steps of their lives, as a value: what is done with it gives
//! the ring after, and whoever holds it writes that down before it is used.

mod format;

pub use format::RingFormatError;

use crate::envelope::FileKey;
use crate::{Home, KeyEvent, KeyId, KeyInfo, KeyState, Operation, Step};

/// NIST SP 800-38D section 8.3 allows 2^32 encryptions under one AES-GCM key with random IVs. This many
/// are for one ring file, so that sixteen replicas with a copy each stay below it together.
pub const MOST_TOKEN_WRAPS: u64 = 1 << 28;
/// How many of them are set aside at once, so that not every wrap writes the file.
pub(crate) const RESERVED_AT_ONCE: u64 = 1 << 16;
/// How many keys a ring may ever have had.
pub(crate) const MOST_KEYS: usize = 4096;

/// Why a step in a key's life cannot be taken. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeCycleError {
    /// Another step is under way.
    #[error("another step is prepared for key {0}: commit it or abandon it first")]
    Pending(KeyId),
    /// No step, or another one, is under way.
    #[error("this step is not the one that is prepared")]
    NotPrepared,
    /// There is an active key already.
    #[error("key {0} is active already: rotate instead")]
    HasActive(KeyId),
    /// There is none to take over from.
    #[error("no key is active: generate one instead")]
    NoActive,
    /// No such key.
    #[error("the ring has no key {0}")]
    Unknown(KeyId),
    /// The key is not active.
    #[error("key {0} is not active")]
    NotActive(KeyId),
    /// An active key is retired before it is destroyed.
    #[error("key {0} is active: rotate or retire it before it is destroyed")]
    StillActive(KeyId),
    /// It is gone already.
    #[error("key {0} is destroyed already")]
    AlreadyDestroyed(KeyId),
    /// Secrets would be lost.
    #[error(
        "{still_wrapped} secrets are still under key {key}: rewrap them first, or destroy them with it \
         on purpose"
    )]
    StillWrapped {
        /// The key.
        key: KeyId,
        /// How many.
        still_wrapped: u64,
    },
    /// Too many keys.
    #[error("the ring has had {MOST_KEYS} keys and takes no more: begin a new one")]
    Full,
    /// Too many wraps.
    #[error("key {0} has encrypted as often as AES-GCM may: rotate")]
    WornOut(KeyId),
}

#[derive(Clone)]
pub(crate) struct Ring {
    pub(crate) generation: u64,
    pub(crate) home: Home,
    /// In the order of their versions, which are 1, 2, 3, …
    pub(crate) entries: Vec<Entry>,
    pub(crate) pending: Option<Pending>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) id: KeyId,
    pub(crate) state: KeyState,
    /// The key itself, if its home is the file and it is not destroyed.
    pub(crate) key: Option<FileKey>,
    /// How many wraps a token's key may have done so far.
    pub(crate) reserved: u64,
}

/// A step that is written down and not yet taken.
#[derive(Clone)]
pub(crate) struct Pending {
    /// The generation in which it was prepared.
    pub(crate) generation: u64,
    pub(crate) what: Prepared,
}

#[derive(Clone)]
pub(crate) enum Prepared {
    /// The key becomes active, whichever was so before is retired.
    New(Entry),
    Retire(KeyId),
    Destroy {
        key: KeyId,
        secrets_lost: u64,
    },
}

impl Ring {
    pub(crate) const fn new(home: Home) -> Self {
        Self {
            generation: 1,
            home,
            entries: Vec::new(),
            pending: None,
        }
    }

    pub(crate) fn entry(&self, key: KeyId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == key)
    }

    pub(crate) fn active(&self) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.state == KeyState::Active)
    }

    pub(crate) fn infos(&self) -> Vec<KeyInfo> {
        let numbered = (1..).zip(&self.entries);
        let info = |(version, entry): (u32, &Entry)| KeyInfo {
            key: entry.id,
            version,
            state: entry.state,
            home: self.home,
        };
        numbered.map(info).collect()
    }

    /// The ring with this step prepared. `fresh` makes the key of a step that needs one.
    pub(crate) fn prepare<E: From<LifeCycleError>>(
        &self,
        operation: Operation,
        fresh: impl FnOnce() -> Result<Entry, E>,
    ) -> Result<Self, E> {
        if let Some(event) = self.event() {
            return Err(LifeCycleError::Pending(event.key).into());
        }
        self.allows(operation)?;
        let what = match operation {
            Operation::Generate | Operation::Rotate => Prepared::New(fresh()?),
            Operation::Retire(key) => Prepared::Retire(key),
            Operation::Destroy {
                key, still_wrapped, ..
            } => Prepared::Destroy {
                key,
                secrets_lost: still_wrapped,
            },
        };
        let mut next = self.next();
        next.pending = Some(Pending {
            generation: next.generation,
            what,
        });
        Ok(next)
    }

    fn allows(&self, operation: Operation) -> Result<(), LifeCycleError> {
        let active = self.active().map(|entry| entry.id);
        match (operation, active) {
            (Operation::Generate, Some(active)) => Err(LifeCycleError::HasActive(active)),
            (Operation::Rotate, None) => Err(LifeCycleError::NoActive),
            (Operation::Generate | Operation::Rotate, _) if self.entries.len() >= MOST_KEYS => {
                Err(LifeCycleError::Full)
            }
            (Operation::Generate | Operation::Rotate, _) => Ok(()),
            (Operation::Retire(key), _) => match self.state(key)? {
                KeyState::Active => Ok(()),
                _ => Err(LifeCycleError::NotActive(key)),
            },
            (
                Operation::Destroy {
                    key,
                    still_wrapped,
                    with_secrets,
                },
                _,
            ) => match self.state(key)? {
                KeyState::Active => Err(LifeCycleError::StillActive(key)),
                KeyState::Destroyed => Err(LifeCycleError::AlreadyDestroyed(key)),
                KeyState::Retired if still_wrapped > 0 && !with_secrets => {
                    Err(LifeCycleError::StillWrapped { key, still_wrapped })
                }
                KeyState::Retired => Ok(()),
            },
        }
    }

    fn state(&self, key: KeyId) -> Result<KeyState, LifeCycleError> {
        let entry = self.entry(key).ok_or(LifeCycleError::Unknown(key))?;
        Ok(entry.state)
    }

    /// The step that is prepared, as the log is told of it.
    pub(crate) fn event(&self) -> Option<KeyEvent> {
        let pending = self.pending.as_ref()?;
        let (key, step) = match &pending.what {
            Prepared::New(entry) => {
                let step = self.active().map_or(Step::Generate, |active| Step::Rotate {
                    replaces: active.id,
                });
                (entry.id, step)
            }
            Prepared::Retire(key) => (*key, Step::Retire),
            Prepared::Destroy { key, secrets_lost } => {
                let secrets_lost = *secrets_lost;
                (*key, Step::Destroy { secrets_lost })
            }
        };
        Some(KeyEvent {
            generation: pending.generation,
            key,
            version: self.version(key),
            home: self.home,
            step,
        })
    }

    /// Of a key that is not among the entries: the next one's.
    fn version(&self, key: KeyId) -> u32 {
        let place = self.entries.iter().position(|entry| entry.id == key);
        let place = place.unwrap_or(self.entries.len());
        u32::try_from(place).map_or(u32::MAX, |place| place.saturating_add(1))
    }

    /// The prepared step, if `event` is it.
    pub(crate) fn prepared(&self, event: &KeyEvent) -> Result<&Prepared, LifeCycleError> {
        match &self.pending {
            Some(pending) if self.event().as_ref() == Some(event) => Ok(&pending.what),
            _ => Err(LifeCycleError::NotPrepared),
        }
    }

    /// The ring with the prepared step taken.
    pub(crate) fn commit(&self, event: &KeyEvent) -> Result<Self, LifeCycleError> {
        let prepared = self.prepared(event)?.clone();
        let mut next = self.next();
        next.pending = None;
        let mut set = |key: KeyId, state: KeyState| {
            for entry in next.entries.iter_mut().filter(|entry| entry.id == key) {
                entry.state = state;
                if state == KeyState::Destroyed {
                    entry.key = None;
                }
            }
        };
        match prepared {
            Prepared::New(entry) => {
                if let Some(before) = self.active() {
                    set(before.id, KeyState::Retired);
                }
                next.entries.push(entry);
            }
            Prepared::Retire(key) => set(key, KeyState::Retired),
            Prepared::Destroy { key, .. } => set(key, KeyState::Destroyed),
        }
        Ok(next)
    }

    /// The ring with the prepared step given up.
    pub(crate) fn abandon(&self, event: &KeyEvent) -> Result<Self, LifeCycleError> {
        self.prepared(event)?;
        let mut next = self.next();
        next.pending = None;
        Ok(next)
    }

    /// The ring with more wraps set aside for its active key.
    pub(crate) fn reserve(&self, key: KeyId) -> Result<Self, LifeCycleError> {
        let mut next = self.next();
        let entry = next.entries.iter_mut().find(|entry| entry.id == key);
        let entry = entry.ok_or(LifeCycleError::Unknown(key))?;
        entry.reserved = entry.reserved.saturating_add(RESERVED_AT_ONCE);
        if entry.reserved > MOST_TOKEN_WRAPS {
            return Err(LifeCycleError::WornOut(key));
        }
        Ok(next)
    }

    fn next(&self) -> Self {
        let mut next = self.clone();
        next.generation = next
            .generation
            .checked_add(1)
            .expect("nobody writes a file 2^64 times");
        next
    }
}

#[cfg(test)]
mod tests;
