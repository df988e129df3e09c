//! What an operator does to the keys of secrets, at the data directory, beside a running server or without one.
//!
//! Each step is prepared in the ring, logged, and then taken in the ring (docs/keys.md). A running server hears of it
//! from the store, and reads the ring anew.

use std::cell::Cell;
use std::path::Path;

use attestation_access::TenantName;
use attestation_evidence::ResourcePath;
use attestation_keyring::{
    Home, KeyEvent, KeyId, KeyState, KeyringError, LifeCycleError, Operation,
};
use attestation_ledger::{self as ledger, Registered};
use attestation_store::{Kind, Location, Reading, Store, StoreError, Writing};
use serde::Serialize;

use crate::data_dir::{DataDir, DataDirError, Lock, names};
use crate::fault::{Fault, Moment};
use crate::key_check::{OtherRing, Settled, refuse_other, settle};
use crate::key_log::{self, KeyLogError, Stamp, purpose};
use crate::keyring::{KeySource, Place, Ring, UnsealError, key_of};
use crate::keys::load_log_key;
use crate::service::{
    RegistryError, StartError, check_owner, check_store_files, compare, waiting_secret,
};
use crate::terms::Terms;

/// The keys of secrets of one data directory, with nobody else taking a step.
pub struct KeyDesk {
    dir: DataDir,
    ring: Ring,
    store: Store,
    by: String,
    now: u64,
    faults: Vec<Fault>,
    settled: Option<Settled>,
    _turn: Lock,
}

/// What is asked of the desk.
pub struct Errand {
    /// What the ring opens with.
    pub source: KeySource,
    /// Where the store is.
    pub database: Location,
    /// Who asks.
    pub by: String,
    /// The time, in seconds since 1970.
    pub now: u64,
    /// Test-only pauses.
    pub faults: Vec<Fault>,
}

/// A key of secrets, for a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyLine {
    /// Its name.
    pub key: KeyId,
    /// Its number, from 1.
    pub version: u32,
    /// Its state.
    pub state: KeyState,
    /// Where it lies.
    pub home: Home,
    /// How many secrets are under it.
    pub secrets: u64,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stepped {
    /// The key.
    pub key: KeyId,
    /// The entry of the log that says so.
    pub log_index: u64,
    /// How many secrets were wrapped anew, or were lost.
    pub secrets: u64,
}

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum KeyDeskError {
    /// The data directory, the log, or what is registered.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry.
    #[error(transparent)]
    Log(#[from] KeyLogError),
    /// The keyring.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// A secret does not open.
    #[error(transparent)]
    Unseal(#[from] UnsealError),
    /// The ring is not the log's.
    #[error(transparent)]
    OtherRing(#[from] OtherRing),
    /// Whether the entry is in the log is not known.
    #[error(
        "the log could not be written to its end, so it is not known whether the step is in it: run `cloister-verifier \
         key list` once the store is well, which finishes it or undoes it"
    )]
    Unknown(#[source] Box<Self>),
    /// Somebody put a secret under the key meanwhile.
    #[error("secrets came or went while this was done: nothing was changed, try again")]
    Meanwhile,
}

impl From<DataDirError> for KeyDeskError {
    fn from(error: DataDirError) -> Self {
        Self::Start(error.into())
    }
}

impl From<RegistryError> for KeyDeskError {
    fn from(error: RegistryError) -> Self {
        Self::Start(error.into())
    }
}

/// A sealed secret of the store.
struct Kept {
    tenant: TenantName,
    resource: ResourcePath,
    version: u64,
    terms: Terms,
    sealed: Vec<u8>,
}

impl Kept {
    fn place(&self) -> Place<'_> {
        Place {
            tenant: &self.tenant,
            resource: &self.resource,
            version: self.version,
            terms: &self.terms,
        }
    }
}

impl KeyDesk {
    /// Opens ring and store, verifies the log, and finishes or undoes what a crash left.
    ///
    /// # Errors
    /// The directory is not a verifier's, or not this user's; the log does not verify; the ring does not open or is not
    /// the log's.
    pub fn open(data_dir: &Path, errand: Errand) -> Result<Self, KeyDeskError> {
        let dir = DataDir::open(data_dir)?;
        check_owner(data_dir)?;
        if errand.database.file().is_some() {
            check_store_files(&dir)?;
        }
        let turn = dir.lock_keys()?;
        let by = errand.source.who(&errand.by);
        let ring = errand.source.open_ring(&dir)?;
        let (store, _) = Store::open(&errand.database, load_log_key(&dir)?)?;
        let rows = store.read(|reading| {
            compare(reading)?;
            Ok::<_, KeyDeskError>(key_log::rows(reading)?)
        })?;
        let settled = settle(&ring, &rows)?;
        refuse_other(dir.file(names::KEYRING), &ring, &rows)?;
        Ok(Self {
            dir,
            ring,
            store,
            by,
            now: errand.now,
            faults: errand.faults,
            settled,
            _turn: turn,
        })
    }

    /// What was done about a step that a crash left.
    #[must_use]
    pub fn settled(&self) -> Option<Settled> {
        self.settled
    }

    /// Every key that there is or was.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn list(&self) -> Result<Vec<KeyLine>, KeyDeskError> {
        let kept = self.store.read(secrets)?;
        let line = |info: attestation_keyring::KeyInfo| KeyLine {
            key: info.key,
            version: info.version,
            state: info.state,
            home: info.home,
            secrets: count(&kept, info.key),
        };
        Ok(self.ring.keys().keys().into_iter().map(line).collect())
    }

    /// A new key seals from now on; the one before opens. Where none is active, one is made.
    ///
    /// # Errors
    /// [`KeyDeskError`].
    pub fn rotate(&self) -> Result<Stepped, KeyDeskError> {
        let operation = match self.ring.active() {
            Some(_) => Operation::Rotate,
            None => Operation::Generate,
        };
        self.step(operation, |_| Ok(0))
    }

    /// The active key seals no more, with none in its place: nothing can be put until one is made.
    ///
    /// # Errors
    /// [`KeyDeskError`].
    pub fn retire(&self, key: KeyId) -> Result<Stepped, KeyDeskError> {
        self.step(Operation::Retire(key), |_| Ok(0))
    }

    /// A retired key is gone for ever; `with_secrets`, the secrets that are under it go with it.
    ///
    /// # Errors
    /// [`KeyDeskError`]: without `with_secrets`, a secret is under it.
    pub fn destroy(&self, key: KeyId, with_secrets: bool) -> Result<Stepped, KeyDeskError> {
        let still_wrapped = self.store.read(|reading| under(reading, key))?;
        let operation = Operation::Destroy {
            key,
            still_wrapped,
            with_secrets,
        };
        self.step(operation, |writing| {
            let lost = under(&writing.reading(), key)?;
            if lost != still_wrapped {
                return Err(KeyDeskError::Meanwhile);
            }
            self.shred(writing, key)?;
            Ok(lost)
        })
    }

    /// Wraps every secret that is under another key by the active one.
    ///
    /// # Errors
    /// [`KeyDeskError`].
    pub fn rewrap(&self) -> Result<Option<Stepped>, KeyDeskError> {
        let key = self
            .ring
            .active()
            .ok_or(KeyringError::LifeCycle(LifeCycleError::NoActive))?;
        let mut changes = Vec::new();
        for kept in self.store.read(secrets)? {
            if let Some(sealed) = self.ring.rewrap(kept.place(), &kept.sealed)? {
                changes.push((kept, sealed));
            }
        }
        if changes.is_empty() {
            return Ok(None);
        }
        let stamp = self.stamp();
        self.store.write(|writing| {
            let mut rewrapped = 0;
            for (kept, sealed) in &changes {
                rewrapped += u64::from(reseal(writing, kept, sealed)?);
            }
            let event = ledger::KeyEvent::Rewrapped;
            let name = key.to_string();
            let log_index = key_log::log(writing, stamp, &name, purpose::SECRETS, event)?;
            Ok(Some(Stepped {
                key,
                log_index,
                secrets: rewrapped,
            }))
        })
    }

    /// Prepares, logs with whatever else has to be in the same transaction, and takes a step.
    fn step(
        &self,
        operation: Operation,
        beside: impl FnOnce(&Writing<'_>) -> Result<u64, KeyDeskError>,
    ) -> Result<Stepped, KeyDeskError> {
        let event = self.ring.prepare(operation)?;
        self.pause(Moment::BeforeKeyEntry);
        let is_logged = Cell::new(false);
        let logged = self.store.write(|writing| {
            // Another replica's operator may have been here meanwhile.
            let rows = key_log::rows(&writing.reading())?;
            refuse_other(self.dir.file(names::KEYRING), &self.ring, &rows)?;
            let secrets = beside(writing)?;
            let log_index = self.log(writing, &event)?;
            is_logged.set(true);
            Ok::<_, KeyDeskError>((log_index, secrets))
        });
        let (log_index, secrets) = match logged {
            Ok(logged) => logged,
            Err(error) if is_logged.get() => return Err(KeyDeskError::Unknown(Box::new(error))),
            Err(error) => {
                // If that fails too, whoever opens the ring next does it.
                let _later = self.ring.abandon(&event);
                return Err(error);
            }
        };
        self.pause(Moment::AfterKeyEntry);
        self.ring.commit(&event)?;
        Ok(Stepped {
            key: event.key,
            log_index,
            secrets,
        })
    }

    fn log(&self, writing: &Writing<'_>, event: &KeyEvent) -> Result<u64, KeyLogError> {
        let (name, what) = (event.key.to_string(), key_log::event_of(event.step));
        key_log::log(writing, self.stamp(), &name, purpose::SECRETS, what)
    }

    /// The secrets under a key go, each with its own entry.
    fn shred(&self, writing: &Writing<'_>, key: KeyId) -> Result<(), KeyDeskError> {
        let kept = secrets(&writing.reading())?;
        for kept in kept.iter().filter(|kept| key_of(&kept.sealed) == Some(key)) {
            let (tenant, name) = (kept.tenant.as_str(), kept.resource.as_str());
            writing.destroy_secret(tenant, name, kept.version)?;
            let what = Registered::SecretDestroyed {
                secret_version: kept.version,
            };
            key_log::append(writing, self.stamp(), Some(tenant), name, what)?;
        }
        Ok(())
    }

    fn stamp(&self) -> Stamp<'_> {
        Stamp {
            time: self.now,
            by: &self.by,
        }
    }

    fn pause(&self, moment: Moment) {
        self.faults.iter().for_each(|fault| fault.wait(moment));
    }
}

/// Puts a wrap in the place of the one that was read, if that is still there.
fn reseal(writing: &Writing<'_>, kept: &Kept, sealed: &[u8]) -> Result<bool, StoreError> {
    let (tenant, name) = (kept.tenant.as_str(), kept.resource.as_str());
    match writing.reading().secret(tenant, name)? {
        Some(now) if now.version == kept.version && now.sealed == kept.sealed => {
            writing.reseal_secret(tenant, name, kept.version, sealed)
        }
        _ => Ok(false),
    }
}

/// Every secret that is not destroyed.
fn secrets(reading: &Reading<'_>) -> Result<Vec<Kept>, KeyDeskError> {
    let mut kept = Vec::new();
    reading.each_secret(|tenant, resource, secret| {
        if secret.is_destroyed() {
            return Ok(());
        }
        let damaged = || reading.torn(format!("the secret {resource} is damaged"));
        kept.push(Kept {
            tenant: tenant.parse().map_err(|_| damaged())?,
            resource: resource.parse().map_err(|_| damaged())?,
            version: secret.version,
            terms: Terms::from_bytes(&secret.terms).ok_or_else(damaged)?,
            sealed: secret.sealed,
        });
        Ok(())
    })?;
    Ok(kept)
}

/// How many secrets are under a key, with those that wait for a second person. What waits is approved byte by byte, so it
/// cannot be rewrapped.
fn under(reading: &Reading<'_>, key: KeyId) -> Result<u64, KeyDeskError> {
    let mut waiting: u64 = 0;
    reading.each_document(|_, kind, document| {
        let sealed = match kind == Kind::Change.as_str() {
            true => waiting_secret(&document.bytes),
            false => None,
        };
        waiting += u64::from(sealed.is_some_and(|sealed| key_of(&sealed) == Some(key)));
        Ok(())
    })?;
    Ok(waiting.saturating_add(count(&secrets(reading)?, key)))
}

fn count(kept: &[Kept], key: KeyId) -> u64 {
    let under = kept.iter().filter(|kept| key_of(&kept.sealed) == Some(key));
    u64::try_from(under.count()).unwrap_or(u64::MAX)
}
