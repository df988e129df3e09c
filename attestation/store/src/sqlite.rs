//! SQLite: one file, one process, full synchronisation.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{OpenFlags, ToSql, params_from_iter};

use crate::connection::{Connection, Row, TakeRow, Value};
use crate::{DatabaseError, StoreError};

/// SQLite's `application_id`: "CLVR".
const APPLICATION: i32 = i32::from_be_bytes(*b"CLVR");
/// How long a transaction waits while another program writes to the file.
const PATIENCE: Duration = Duration::from_secs(5);
/// Statements that are kept compiled.
const CACHED_STATEMENTS: usize = 64;

/// Pages of 4 KiB that a reader holds.
const READER_PAGES: i64 = 64;

pub struct Sqlite(rusqlite::Connection);

impl Sqlite {
    /// Makes the file, or opens an empty one.
    pub fn create(path: &Path) -> Result<Self, DatabaseError> {
        let made = Self::connect(path, OpenFlags::default())?;
        made.0.pragma_update(None, "application_id", APPLICATION)?;
        Ok(made)
    }

    /// Opens a file that is there.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens a file and never changes what is in it. (SQLite may have to roll an interrupted commit forward, hence not
    /// read-only.)
    pub fn open_to_read(path: &Path) -> Result<Self, DatabaseError> {
        let opened = Self::open(path)?;
        opened.0.pragma_update(None, "query_only", true)?;
        // Each commit makes what a reader holds worthless: more would only fill up over days.
        opened.0.pragma_update(None, "cache_size", READER_PAGES)?;
        Ok(opened)
    }

    /// Whether the file says that it is this project's.
    pub fn is_ours(&self) -> Result<bool, DatabaseError> {
        let found: i32 = self
            .0
            .pragma_query_value(None, "application_id", |row| row.get(0))?;
        Ok(found == APPLICATION)
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<Self, DatabaseError> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = rusqlite::Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        // FULL: a commit is on the disk when it returns. WAL: others read beside the writer.
        for (pragma, value) in [("journal_mode", "WAL"), ("synchronous", "FULL")] {
            connection.pragma_update(None, pragma, value)?;
        }
        // No file but those beside the store: a process that may open no other would fail once a savepoint outgrows memory.
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        // What is dropped, such as a destroyed secret, is overwritten with zeros.
        for (pragma, value) in [
            ("foreign_keys", true),
            ("trusted_schema", false),
            ("secure_delete", true),
        ] {
            connection.pragma_update(None, pragma, value)?;
        }
        Ok(Self(connection))
    }
}

impl Connection for Sqlite {
    fn begin_reading(&self) -> Result<(), DatabaseError> {
        self.run("BEGIN")
    }

    fn begin_writing(&self) -> Result<(), DatabaseError> {
        self.run("BEGIN IMMEDIATE")
    }

    fn run(&self, script: &str) -> Result<(), DatabaseError> {
        Ok(self.0.execute_batch(script)?)
    }

    fn execute(&self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let mut statement = self.0.prepare_cached(statement)?;
        let changed = statement.execute(params_from_iter(values))?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }

    fn each(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
        take: &mut TakeRow<'_>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::from(DatabaseError::from(error));
        let mut statement = self.0.prepare_cached(statement).map_err(failed)?;
        let mut rows = statement.query(params_from_iter(values)).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(row)?;
        }
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Number(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl Row for rusqlite::Row<'_> {
    fn number(&self, column: usize) -> Result<i64, DatabaseError> {
        Ok(self.get(column)?)
    }

    fn number_or_null(&self, column: usize) -> Result<Option<i64>, DatabaseError> {
        Ok(self.get(column)?)
    }

    fn text(&self, column: usize) -> Result<String, DatabaseError> {
        Ok(self.get(column)?)
    }

    fn bytes(&self, column: usize) -> Result<Vec<u8>, DatabaseError> {
        Ok(self.get(column)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_beside_the_store() {
        const MEMORY: i64 = 2;
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::create(&folder.path().join("store")).unwrap();

        let found: i64 = sqlite
            .0
            .pragma_query_value(None, "temp_store", |row| row.get(0))
            .unwrap();

        assert_eq!(found, MEMORY);
    }

    #[test]
    fn commit_is_synced_before_it_returns() {
        const FULL: i64 = 2;
        let folder = tempfile::tempdir().unwrap();
        let sqlite = Sqlite::create(&folder.path().join("store")).unwrap();

        let found = |name| {
            sqlite
                .0
                .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
        };

        assert_eq!(found("synchronous").unwrap(), FULL);
        assert_eq!(found("secure_delete").unwrap(), 1);
    }
}
