//! Makes a verifier's data directory of a backup, or of another data directory whose store was put back to an older day.
//!
//! Two things have to be so afterwards. No nonce is good twice: challenges are of a new key and of a new generation. And no log has two
//! histories: either something outside of the store shows that nothing was lost, and the log goes on; or it ends, and another one is
//! begun under a key of its own, whose first entry says which one it follows and what was known of that.

mod carry;
mod known;

use std::path::PathBuf;

use attestation_audit::CLOCK_TOLERANCE_SECONDS;
use attestation_evidence::VerifierPins;
use attestation_ledger::{
    AuditRecord, Entry, EntryError, Hash, KeyError, KeyEvent, RecordVersion, Registered,
    Registration, SigningKey, Succession, SuccessionError, TreeHead, VerifyingKey,
};
use attestation_store::{Location, ReadOnly, Store, StoreError, Successor, Writing};
use zeroize::Zeroizing;

use crate::backup::archive::{self, ArchiveError};
use crate::backup::{BackupError, copy};
use crate::config::{Config, ConfigError, Database};
use crate::data_dir::{DataDir, DataDirError, Lock, names};
use crate::entropy::{self, NoEntropy};
use crate::export::{ExportError, write_bundle};
use crate::init::{InitError, log_key_name, random_line};
use crate::key_log::{self, KeyLogError, Stamp, purpose};
use crate::keys::load_log_key;
use crate::mark::marked;
use crate::rfc3339;
use crate::service::StartError;
use crate::service::registered::{self, RegistryError};
use crate::service::start::check_pins;
use known::Known;

pub use known::Loss;

/// Who registers what is carried over, and says why.
const BY: &str = "restore";

/// What `cloister-verifier restore` is told.
#[derive(Debug)]
pub struct Order {
    /// A backup, or a data directory that nobody serves from.
    pub from: PathBuf,
    /// The directory to make.
    pub data_dir: PathBuf,
    /// The database that was restored, where it is another one than the configuration of the backup names.
    pub database: Option<Database>,
    /// A checkpoint of the log that somebody outside has kept.
    pub last_checkpoint: Option<String>,
    /// What becomes of the log.
    pub way: Way,
    /// Why, for the log.
    pub why: String,
    /// Seconds since 1970.
    pub now: u64,
}

/// What becomes of a log.
#[derive(Debug)]
pub enum Way {
    /// It goes on: the last checkpoint shows that nothing was lost.
    Continue,
    /// It ends, and its evidence bundle is written to this new directory; another is begun.
    BeginAnew {
        /// The directory to make.
        old_log: PathBuf,
    },
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// The log's key, as a vkey.
    pub log_key: String,
    /// The key of the log that ended.
    pub predecessor: Option<String>,
    /// Entries of the log that was restored.
    pub entries: u64,
    /// How many entries are known to be lost.
    pub lost: u64,
    /// How many registrations were carried over.
    pub carried: u64,
    /// Files that have to be brought before the verifier serves.
    pub without: Vec<String>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says it itself")]
pub enum RestoreError {
    #[error(transparent)]
    Files(#[from] DataDirError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Copy(#[from] BackupError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyLogError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Pins(#[from] StartError),
    #[error(transparent)]
    Loss(#[from] Loss),
    #[error("the old log cannot be written to a bundle")]
    Export(#[from] ExportError),
    #[error("no log can be begun")]
    Key(#[from] KeyError),
    #[error("no log can be begun")]
    Succession(#[from] SuccessionError),
    #[error("no log can be begun")]
    Entry(#[from] EntryError),
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    #[error(transparent)]
    Make(#[from] InitError),
    #[error(
        "the clock says {}, before the log's last entry, which is of {}: set the clock of this machine right first",
        rfc3339(*clock), rfc3339(*last)
    )]
    Clock { clock: u64, last: u64 },
    #[error("the backup has its store in it: leave out --database")]
    HasStore,
    #[error(
        "{data_dir} is made and has the keys, and the database is as it was: {source}. Nothing serves from both: remove the \
         directory, mend the cause, and restore again"
    )]
    Half {
        data_dir: PathBuf,
        source: Box<RestoreError>,
    },
}

/// A verifier whose files lie in a draft, before anything becomes of its log.
struct Found {
    location: Location,
    key: SigningKey,
    head: TreeHead,
    latest: u64,
    known: Known,
    carried: Vec<Registration>,
}

/// The second half: what is done to the store.
struct Rest {
    location: Location,
    old: (SigningKey, TreeHead),
    /// The key of the log that begins; none where the old one goes on.
    new: Option<SigningKey>,
    first: First,
    generation: Zeroizing<String>,
}

/// What is written first.
struct First {
    entries: Vec<Entry>,
    /// Seconds since 1970.
    time: u64,
}

/// Restores a verifier into the new directory of `order`, whole or not at all.
///
/// # Errors
/// [`RestoreError`]. Where the store is a database, and only that could not be changed at the end, the error says so.
pub fn restore(order: &Order) -> Result<Restored, RestoreError> {
    let mut done = None;
    let mut rest = None;
    let dir = DataDir::create::<RestoreError>(&order.data_dir, |dir| {
        let (found, without, _lock) = fill(order, dir)?;
        refuse_clock(order.now, found.latest)?;
        let (restored, work) = prepare(order, dir, found)?;
        // A file is changed before the directory has its name, a database after: never is there a log without its key.
        match work.location.file().is_some() {
            true => work.finish()?,
            false => rest = Some(work),
        }
        done = Some(Restored {
            without,
            ..restored
        });
        Ok(())
    })?;
    if let Some(rest) = rest {
        rest.finish().map_err(|source| RestoreError::Half {
            data_dir: dir.path().to_owned(),
            source: Box::new(source),
        })?;
    }
    Ok(done.expect("the directory was filled"))
}

fn fill(order: &Order, dir: &DataDir) -> Result<(Found, Vec<String>, Option<Lock>), RestoreError> {
    let mut notes = Vec::new();
    notes.extend(order.last_checkpoint.clone());
    let (without, lock, whole) = match order.from.is_dir() {
        true => {
            let old = DataDir::open(&order.from)?;
            let lock = old.lock()?;
            let key = load_log_key(&old)?.verifying_key();
            let copied = copy(&old, &key, dir.path())?;
            archive::take_over(&copied.files, dir)?;
            // One that is not there says nothing; one that is damaged has to be looked at by a person.
            if old.file(names::MARK).exists() {
                notes.push(crate::mark::read(&old, &key)?.checkpoint);
            }
            (Vec::new(), Some(lock), None)
        }
        false => {
            let manifest = archive::unpack(&order.from, dir)?;
            notes.push(manifest.checkpoint.clone());
            let in_it = manifest.database.is_none().then_some(manifest.checkpoint);
            (manifest.without, None, in_it)
        }
    };
    let found = examine(order, dir, &notes, whole.as_deref())?;
    Ok((found, without, lock))
}

/// What was put into the draft is a verifier: keys that belong together, a log that holds, rows that are what it says.
fn examine(
    order: &Order,
    dir: &DataDir,
    notes: &[String],
    whole: Option<&str>,
) -> Result<Found, RestoreError> {
    let location = location(order, dir)?;
    let key = load_log_key(dir)?;
    check_pins(dir, &key.verifying_key())?;
    let again = load_log_key(dir)?;
    let (store, head) = Store::open(&location, again)?;
    store.read(|reading| {
        registered::compare(reading)?;
        if whole.is_some_and(|whole| reading.checkpoint().ok().as_deref() != Some(whole)) {
            return Err(reading.torn("its checkpoint is not the backup's").into());
        }
        Ok(Found {
            location: location.clone(),
            latest: reading.latest_time()?.unwrap_or_default(),
            known: Known::of(reading, &key.verifying_key(), &head, notes)?,
            carried: carry::registrations(reading)?,
            key,
            head,
        })
    })
}

fn location(order: &Order, dir: &DataDir) -> Result<Location, RestoreError> {
    let mut config = Config::load(dir.path(), None)?;
    if let Some(database) = &order.database {
        if dir.file(names::STORE).exists() {
            return Err(RestoreError::HasStore);
        }
        config.database = database.clone();
        dir.replace_private(names::CONFIG, config.explained().as_bytes())?;
    }
    Ok(config.location(dir.path())?)
}

/// The log's times go on from its last entry.
fn refuse_clock(clock: u64, last: u64) -> Result<(), RestoreError> {
    match clock.saturating_add(CLOCK_TOLERANCE_SECONDS) < last {
        true => Err(RestoreError::Clock { clock, last }),
        false => Ok(()),
    }
}

fn prepare(order: &Order, dir: &DataDir, found: Found) -> Result<(Restored, Rest), RestoreError> {
    dir.replace_private(names::CHALLENGE_KEY, random_line()?.as_bytes())?;
    let now = order.now.max(found.latest);
    let predecessor = found.key.verifying_key();
    let lost = found.known.lost();
    let mut restored = Restored {
        log_key: predecessor.to_string(),
        predecessor: None,
        entries: found.head.size,
        lost,
        carried: 0,
        without: Vec::new(),
    };
    let (new, entries) = match &order.way {
        Way::Continue => {
            let checkpoint = found
                .known
                .proof_of_no_loss(order.last_checkpoint.as_deref())?;
            dir.write_private(names::MARK, &marked(&checkpoint))?;
            let what = Registered::LogContinued {
                checkpoint,
                why: order.why.clone(),
            };
            let entry = entry(now, predecessor.name(), what)?;
            (None, vec![entry])
        }
        Way::BeginAnew { old_log } => {
            let read = ReadOnly::open(&found.location)?;
            write_bundle(&read, &predecessor, old_log)?;
            let key = new_key(dir, predecessor.name())?;
            restored.carried = u64::try_from(found.carried.len()).unwrap_or(u64::MAX);
            restored.predecessor = Some(predecessor.to_string());
            restored.log_key = key.verifying_key().to_string();
            let entries = begin(order, dir, &found, &key, now)?;
            (Some(key), entries)
        }
    };
    let rest = Rest {
        location: found.location,
        old: (found.key, found.head),
        new,
        first: First { entries, time: now },
        generation: random_line()?,
    };
    Ok((restored, rest))
}

/// The first entries of the log that begins; its public word is written beside the pins.
fn begin(
    order: &Order,
    dir: &DataDir,
    found: &Found,
    key: &SigningKey,
    now: u64,
) -> Result<Vec<Entry>, RestoreError> {
    let successor = key.verifying_key();
    let succession = Succession {
        predecessor: found.key.verifying_key(),
        successor: successor.clone(),
        from: found.head,
        time: now,
    };
    let note = succession.sign(&found.key)?;
    // Of a log that had been begun in another's place itself, the word before stays in its bundle.
    dir.replace_public(names::SUCCESSION, note.as_bytes())?;
    let what = Registered::LogBegun {
        succession: note,
        newest: found.known.newest().to_owned(),
        carried: u64::try_from(found.carried.len()).unwrap_or(u64::MAX),
        why: order.why.clone(),
    };
    let mut entries = vec![entry(now, successor.name(), what)?];
    for registration in &found.carried {
        entries.push(carry::again(registration, now)?);
    }
    Ok(entries)
}

fn entry(time: u64, origin: &str, what: Registered) -> Result<Entry, EntryError> {
    Entry::new(AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time,
        tenant: None,
        by: BY.to_owned(),
        approved_by: None,
        name: origin.to_owned(),
        what,
    }))
}

/// The key of the log that follows `name`, in the place of the old one; with the pins that say so, and a mark of the empty log.
fn new_key(dir: &DataDir, name: &str) -> Result<SigningKey, RestoreError> {
    let name = carry::next_name(name);
    let seed = Zeroizing::new(entropy::random()?);
    let text = SigningKey::to_text(&name, &seed)?;
    dir.replace_private(names::LOG_KEY, format!("{}\n", text.as_str()).as_bytes())?;
    let key = SigningKey::from_seed(&name, &seed)?;
    let malformed = || dir.malformed(names::PINS, "file of a verifier's pins");
    let text = std::fs::read(dir.file(names::PINS)).map_err(|_| malformed())?;
    let mut pins = VerifierPins::from_json(&text).map_err(|_| malformed())?;
    pins.log_key = key.verifying_key().to_string();
    dir.replace_public(names::PINS, format!("{}\n", pins.to_json()).as_bytes())?;
    let empty = TreeHead {
        size: 0,
        root: Hash::empty_root(),
    };
    dir.write_private(names::MARK, &marked(&empty.sign(&key)))?;
    Ok(key)
}

impl Rest {
    fn finish(self) -> Result<(), RestoreError> {
        let (old, head) = self.old;
        let (first, generation) = (self.first, self.generation.trim_end());
        let Some(key) = self.new else {
            let (store, now) = Store::open(&self.location, old)?;
            if now != head {
                let what = "it was written to meanwhile".to_owned();
                let place = self.location.to_string();
                return Err(StoreError::Older { place, what }.into());
            }
            return store.write(|writing: &Writing<'_>| {
                writing.set_generation(generation)?;
                Ok(first.append(writing)?)
            });
        };
        let keep_as = format!("log_until_{}_{}", head.size, carry::word(generation));
        let new = Successor {
            key: &key,
            begin: &|writing: &Writing<'_>| first.begin(writing, &key.verifying_key()),
            generation,
            keep_as: &keep_as,
        };
        Store::begin_anew(&self.location, (&old.verifying_key(), &head), &new)?;
        Ok(())
    }
}

impl First {
    fn append(&self, writing: &Writing<'_>) -> Result<(), StoreError> {
        let mut entries = self.entries.iter();
        entries.try_for_each(|entry| writing.append(entry).map(drop))
    }

    /// The keys' lives go on in the log that begins, whose own key takes the place of the old log's.
    fn begin(&self, writing: &Writing<'_>, key: &VerifyingKey) -> Result<(), RestoreError> {
        self.append(writing)?;
        let stamp = Stamp {
            time: self.time,
            by: BY,
        };
        let name = log_key_name(&key.to_string());
        key_log::log(writing, stamp, &name, purpose::LOG, KeyEvent::Rotated)?;
        Ok(())
    }
}
