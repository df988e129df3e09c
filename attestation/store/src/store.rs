//! The store of a server.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use attestation_ledger::{LogProof, SigningKey, TreeHead, VerifyingKey};

use crate::connection::{Connection, Value};
use crate::outcome::Committed;
use crate::postgresql::Postgresql;
use crate::schema::{self, Dialect, MIGRATIONS, Migration, VERSION};
use crate::sequence::{self, Sequence, Watch};
use crate::sqlite::Sqlite;
use crate::verify::{refuse_another, verify};
use crate::{DatabaseError, Location, Logged, Reading, StoreError, Writing};

/// Connections that are kept for readers.
const READERS: usize = 4;

/// The open store of a running server.
pub struct Store {
    place: String,
    location: Location,
    key: SigningKey,
    sequence: Mutex<Sequence>,
    /// Who is about to take a turn. Whoever ends a turn while somebody waits leaves the transaction to that one.
    waiting: AtomicUsize,
    readers: Mutex<Vec<Box<dyn Connection>>>,
}

impl Store {
    /// Makes an empty store whose log is signed from the first moment. `generation` is any text that no other store has.
    pub fn create(
        location: &Location,
        key: &SigningKey,
        generation: &str,
    ) -> Result<(), StoreError> {
        let connection = match location {
            Location::File(path) => Sqlite::create(path).map(boxed),
            Location::Postgres(_) => connect(location),
        };
        let connection = connection.map_err(|source| open_failed(location, source))?;
        in_transaction(connection.as_ref(), || {
            if has_table(connection.as_ref(), location, "store")? {
                return Err(StoreError::Exists {
                    place: location.to_string(),
                });
            }
            let dialect = dialect(location);
            schema::create(connection.as_ref(), dialect, MIGRATIONS, generation)?;
            let empty = TreeHead {
                size: 0,
                root: attestation_ledger::Hash::empty_root(),
            };
            sequence::write_checkpoint(connection.as_ref(), &empty.sign(key), &[], None)
        })
    }

    /// Opens the store of a server that starts: brings it up to this version, verifies the whole log against its signed
    /// checkpoint, and refuses one that does not hold.
    pub fn open(location: &Location, key: SigningKey) -> Result<(Self, TreeHead), StoreError> {
        Self::open_with(location, key, None, MIGRATIONS)
    }

    /// The same of a log that was seen before, up to `seen`: one that does not begin with that is refused.
    pub fn open_after(
        location: &Location,
        key: SigningKey,
        seen: &TreeHead,
    ) -> Result<(Self, TreeHead), StoreError> {
        Self::open_with(location, key, Some(seen), MIGRATIONS)
    }

    fn open_with(
        location: &Location,
        key: SigningKey,
        seen: Option<&TreeHead>,
        migrations: &[Migration],
    ) -> Result<(Self, TreeHead), StoreError> {
        let connection = ours(location)?;
        bring_up(connection.as_ref(), location, migrations)?;
        let place = location.to_string();
        let head = in_reading(connection.as_ref(), || {
            let reading = Reading::new(connection.as_ref(), &place, None);
            let head = verify(&reading, &key.verifying_key())?;
            if let Some(seen) = seen {
                refuse_another(&reading, &head, seen)?;
            }
            Ok(head)
        })?;
        let again = location.clone();
        let connect: sequence::Connect = Box::new(move || connect(&again));
        let store = Self {
            sequence: Mutex::new(Sequence::new(place.clone(), connect, connection, head)),
            place,
            location: location.clone(),
            key,
            waiting: AtomicUsize::new(0),
            readers: Mutex::default(),
        };
        Ok((store, head))
    }

    /// From now on tells of each commit.
    pub fn watch(&self, watch: Watch) {
        self.sequence
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tell(watch);
    }

    /// Runs `work` in a transaction that is on the disk when this returns `Ok`, and leaves no trace of it otherwise.
    ///
    /// Others may work in the same transaction, before and after it: it sees what those before it did. If the commit fails,
    /// all of them fail. What `work` remembers outside of the store is not taken back.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.share(|writing| Ok((work(writing)?, None)))
            .map(|(value, _)| value)
    }

    /// The same, of `work` that appends an entry, with the proof that it is in the log. The proof carries the entry.
    pub fn write_and_prove<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<(T, Logged), E>,
    ) -> Result<(T, LogProof), E> {
        let ((value, logged), committed) = self.share(|writing| -> Result<_, E> {
            let (value, logged) = work(writing)?;
            Ok(((value, logged.clone()), Some(logged)))
        })?;
        let path = committed.paths.get(&logged.index).cloned();
        let proof = LogProof {
            extra: Some(logged.bytes),
            index: logged.index,
            path: path.unwrap_or_default(),
            checkpoint: committed.checkpoint.clone(),
        };
        Ok((value, proof))
    }

    fn share<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<sequence::Turn<T>, E>,
    ) -> Result<(T, Arc<Committed>), E> {
        let mut sequence = self.wait_for_turn();
        let outcome = sequence.join(&self.key.verifying_key())?;
        let result = sequence.turn(work);
        if self.waiting.load(Ordering::SeqCst) == 0 || sequence.is_full() {
            sequence.finish(&self.key);
        }
        drop(sequence);
        let value = result?;
        let committed = outcome.wait().map_err(StoreError::from)?;
        Ok((value, committed))
    }

    fn wait_for_turn(&self) -> MutexGuard<'_, Sequence> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let sequence = self.sequence.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        sequence
    }

    /// Runs `work` over one consistent state of what is committed.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let connection = self.reader()?;
        let result = work(&Reading::new(connection.as_ref(), &self.place, None));
        // A connection that does not take this is not used again.
        if connection.run("COMMIT").is_ok() {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            if readers.len() < READERS {
                readers.push(connection);
            }
        }
        result
    }

    /// A connection with a transaction that is open. One that was kept may have gone meanwhile.
    fn reader(&self) -> Result<Box<dyn Connection>, StoreError> {
        while let Some(kept) = self.kept_reader() {
            if kept.begin_reading().is_ok() {
                return Ok(kept);
            }
        }
        let connection = connect_to_read(&self.location)?;
        connection.begin_reading()?;
        Ok(connection)
    }

    fn kept_reader(&self) -> Option<Box<dyn Connection>> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.pop()
    }

    /// Whether something could be written now.
    pub fn try_out(&self) -> Result<(), StoreError> {
        let mut sequence = self.wait_for_turn();
        let tried = sequence.join(&self.key.verifying_key()).map(|_| ());
        if self.waiting.load(Ordering::SeqCst) == 0 || sequence.is_full() {
            sequence.finish(&self.key);
        }
        tried
    }

    /// The key that the log's checkpoints are checked with.
    pub fn log_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }
}

/// A store that is only read, beside a server or without one.
pub struct ReadOnly {
    place: String,
    connection: Box<dyn Connection>,
}

impl ReadOnly {
    /// Opens the store.
    pub fn open(location: &Location) -> Result<Self, StoreError> {
        let connection =
            connect_to_read(location).map_err(|source| open_failed(location, source))?;
        Ok(Self {
            place: location.to_string(),
            connection,
        })
    }

    /// Writes the store in a file once more, as it is at one moment, to `path`: a file that is there and empty, so that it has
    /// the mode that its maker chose. A database of a server is copied by that server's own means.
    pub fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let path = path.to_string_lossy();
        // SQLite holds it for a change of this file.
        self.connection.run("PRAGMA query_only = off")?;
        let copied = self
            .connection
            .execute("VACUUM INTO ?1", &[Value::Text(&path)]);
        self.connection.run("PRAGMA query_only = on")?;
        copied?;
        Ok(())
    }

    /// Runs `work` over one consistent state of what is committed.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.begin_reading().map_err(StoreError::from)?;
        let result = work(&Reading::new(self.connection.as_ref(), &self.place, None));
        self.connection.run("COMMIT").map_err(StoreError::from)?;
        result
    }
}

fn boxed(connection: impl Connection + 'static) -> Box<dyn Connection> {
    Box::new(connection)
}

pub(crate) fn connect(location: &Location) -> Result<Box<dyn Connection>, DatabaseError> {
    match location {
        Location::File(path) => Sqlite::open(path).map(boxed),
        Location::Postgres(location) => Postgresql::connect(location).map(boxed),
    }
}

fn connect_to_read(location: &Location) -> Result<Box<dyn Connection>, DatabaseError> {
    match location {
        Location::File(path) => Sqlite::open_to_read(path).map(boxed),
        Location::Postgres(_) => connect(location),
    }
}

pub(crate) fn dialect(location: &Location) -> Dialect {
    match location {
        Location::File(_) => Dialect::Sqlite,
        Location::Postgres(_) => Dialect::Postgres,
    }
}

pub(crate) fn open_failed(location: &Location, source: DatabaseError) -> StoreError {
    StoreError::Open {
        place: location.to_string(),
        source,
    }
}

/// A connection to a store of this program's, of whatever version.
fn ours(location: &Location) -> Result<Box<dyn Connection>, StoreError> {
    let opened = match location {
        Location::File(path) => Sqlite::open(path).and_then(|sqlite| {
            let ours = sqlite.is_ours()?;
            Ok((boxed(sqlite), ours))
        }),
        Location::Postgres(_) => connect(location).map(|connection| (connection, true)),
    };
    let (connection, ours) = opened.map_err(|source| open_failed(location, source))?;
    if !ours || !has_table(connection.as_ref(), location, "store")? {
        return Err(StoreError::Foreign {
            place: location.to_string(),
        });
    }
    Ok(connection)
}

fn has_table(
    connection: &dyn Connection,
    location: &Location,
    name: &str,
) -> Result<bool, StoreError> {
    let sql = match location {
        Location::File(_) => "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        Location::Postgres(_) => {
            "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ?1"
        }
    };
    let found = connection.one(sql, &[Value::Text(name)], |_| Ok(()))?;
    Ok(found.is_some())
}

fn bring_up(
    connection: &dyn Connection,
    location: &Location,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let newest = migrations.last().map_or(VERSION, |step| step.version);
    in_transaction(connection, || {
        let found = schema::version(connection)?.unwrap_or_default();
        if found > newest {
            return Err(StoreError::Newer {
                place: location.to_string(),
                found,
                known: newest,
            });
        }
        schema::bring_up(connection, dialect(location), migrations, found)
    })
}

fn in_transaction<T>(
    connection: &dyn Connection,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.run("BEGIN")?;
    let result = work();
    connection.run(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}

fn in_reading<T>(
    connection: &dyn Connection,
    work: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    connection.begin_reading()?;
    let result = work();
    connection.run("COMMIT")?;
    result
}

#[cfg(test)]
mod tests;
