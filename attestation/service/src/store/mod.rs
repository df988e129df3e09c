//! The store: one SQLite file, one writer, full synchronisation.
//!
//! Whatever leaves the service was committed before: [`Store::write`] returns only after SQLite has
//! synced the transaction. The mutex around the connection is the log's sequencer.

mod log;
mod registered;
mod registry;
mod sessions;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use attestation_ledger::{SigningKey, TreeError, TreeHead, VerifyingKey};
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

pub use registry::{SealedSecret, Terms};
pub use sessions::{NewSession, OpenedSession};

/// SQLite's `application_id`: "CLVR".
const APPLICATION: i32 = i32::from_be_bytes(*b"CLVR");
/// Counts what the tables or the records in them ever meant; 2 since a verdict names its manifest.
const SCHEMA_VERSION: i32 = 2;
/// How long a transaction waits while another program writes to the file.
const PATIENCE: Duration = Duration::from_secs(5);
const SCHEMA: &str = include_str!("schema.sql");

/// The open store of a running server.
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite cannot open the file.
    #[error("cannot open the store {path}")]
    Open {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is a database of something else, or of another version.
    #[error(
        "{path} is not a store of this version of cloister-verifier: serve it with the version that \
         made it, or start anew with `cloister-verifier init`"
    )]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// The log in the file is not the one that was signed.
    #[error(
        "the log in {path} does not verify: {what}. Nothing is served from it. Keep the file as \
         evidence and restore a backup, or start anew with `cloister-verifier init`"
    )]
    Torn {
        /// The database file.
        path: PathBuf,
        /// What does not hold.
        what: String,
    },
    /// What is registered is not what the log says was registered.
    #[error(
        "{path}: {row} is not what the log says was registered, so somebody else wrote to the file. \
         Nothing is served from it. Keep it as evidence and restore a backup, or start anew with \
         `cloister-verifier init`"
    )]
    Altered {
        /// The database file.
        path: PathBuf,
        /// Table and name of the row.
        row: String,
    },
    /// A statement failed.
    #[error("the store failed")]
    Sqlite(#[from] rusqlite::Error),
    /// The tree's nodes cannot be read.
    #[error("the log's tree cannot be read")]
    Tree(#[from] TreeError<rusqlite::Error>),
    /// A number in the file is out of range.
    #[error("the store holds a number that cannot be: {0}")]
    Number(i64),
}

impl Store {
    /// Makes an empty store whose log is signed from the first moment.
    pub fn create(path: &Path, key: &SigningKey) -> Result<(), StoreError> {
        let mut connection = open(path, OpenFlags::default())?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
        log::write_empty(&transaction, key)?;
        transaction.commit()?;
        Ok(())
    }

    /// Opens the store of a server that starts: verifies the whole log against its signed
    /// checkpoint, and refuses one that does not hold.
    pub fn open(path: &Path, key: &VerifyingKey) -> Result<(Self, TreeHead), StoreError> {
        let mut connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = connection.transaction()?;
        let head = log::verify(&transaction, path, key)?;
        let reading = Reading {
            transaction: &transaction,
            path,
        };
        registered::compare(&reading)?;
        drop(transaction);
        Ok((
            Self {
                path: path.to_owned(),
                connection: Mutex::new(connection),
            },
            head,
        ))
    }

    /// Opens a store only to read it, beside a server or without one.
    pub fn open_to_read(path: &Path) -> Result<Self, StoreError> {
        // SQLite may have to roll an interrupted commit forward, hence not read-only; no statement
        // that writes is ever run on it.
        let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// Runs `work` in one transaction that is on the disk when this returns `Ok`, and leaves no
    /// trace otherwise.
    pub fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.lock();
        let writing = Writing {
            transaction: connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(StoreError::from)?,
            path: &self.path,
        };
        let result = work(&writing)?;
        writing.transaction.commit().map_err(StoreError::from)?;
        Ok(result)
    }

    /// Runs `work` over one consistent state of the store.
    pub fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Reading<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(StoreError::from)?;
        work(&Reading {
            transaction: &transaction,
            path: &self.path,
        })
    }

    /// The error that says what is wrong with the log in this file.
    pub fn torn(&self, what: impl ToString) -> StoreError {
        log::torn(&self.path, what)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A panic while the lock was held dropped, and so rolled back, its transaction.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoreError {
    /// Whether another program kept the file for itself for too long. Nothing was done then.
    pub fn is_busy(&self) -> bool {
        let Self::Sqlite(error) = self else {
            return false;
        };
        error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
    }
}

/// A transaction under way; what it did is kept only when [`Store::write`] returns `Ok`.
pub struct Writing<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
}

impl Writing<'_> {
    /// The same transaction, to read from.
    pub fn reading(&self) -> Reading<'_> {
        Reading {
            transaction: &self.transaction,
            path: self.path,
        }
    }
}

/// One consistent state of the store.
pub struct Reading<'a> {
    transaction: &'a Transaction<'a>,
    path: &'a Path,
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let creating = flags.contains(OpenFlags::SQLITE_OPEN_CREATE);
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // FULL: a commit is on the disk when it returns. WAL: an export reads beside the writer.
    for (pragma, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
        connection
            .pragma_update(None, pragma, value)
            .map_err(failed)?;
    }
    // What is dropped, such as a secret's older version, is overwritten with zeros.
    for (pragma, value) in [
        ("foreign_keys", true),
        ("trusted_schema", false),
        ("secure_delete", true),
    ] {
        connection
            .pragma_update(None, pragma, value)
            .map_err(failed)?;
    }
    if !creating && identity(&connection).map_err(failed)? != (APPLICATION, SCHEMA_VERSION) {
        return Err(StoreError::Foreign {
            path: path.to_owned(),
        });
    }
    Ok(connection)
}

fn identity(connection: &Connection) -> Result<(i32, i32), rusqlite::Error> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    Ok((number("application_id")?, number("user_version")?))
}

/// SQLite's integers are signed.
fn from_sql(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Number(number))
}

fn to_sql(number: u64) -> i64 {
    // A time or a count beyond this is no time or count; saturating fails closed (no such row).
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
