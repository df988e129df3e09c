//! What a database has to be able to do.
//!
//! Statements are written once, in the SQL that SQLite and PostgreSQL share; `?1` is the first of the values. Numbers are
//! signed and have 64 bits in both.

use crate::{DatabaseError, StoreError};

/// A value of a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Number(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A row of an answer; columns count from 0.
pub trait Row {
    fn number(&self, column: usize) -> Result<i64, DatabaseError>;
    fn number_or_null(&self, column: usize) -> Result<Option<i64>, DatabaseError>;
    fn text(&self, column: usize) -> Result<String, DatabaseError>;
    fn bytes(&self, column: usize) -> Result<Vec<u8>, DatabaseError>;
}

/// Takes each row of an answer.
pub type TakeRow<'a> = dyn FnMut(&dyn Row) -> Result<(), StoreError> + 'a;

/// One connection.
pub trait Connection: Send {
    /// Begins a transaction that sees one state, and changes nothing.
    fn begin_reading(&self) -> Result<(), DatabaseError>;
    /// Begins a transaction that no other one writes beside.
    fn begin_writing(&self) -> Result<(), DatabaseError>;
    /// Runs statements without values.
    fn run(&self, script: &str) -> Result<(), DatabaseError>;
    /// Runs a statement and says how many rows it changed.
    fn execute(&self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError>;
    /// Hands over each row of the answer. No other statement runs meanwhile.
    fn each(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
        take: &mut TakeRow<'_>,
    ) -> Result<(), StoreError>;
}

impl dyn Connection + '_ {
    /// All rows.
    pub fn all<T>(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.each(statement, values, &mut |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The one row of an answer that has one at most.
    pub fn one<T>(
        &self,
        statement: &'static str,
        values: &[Value<'_>],
        read: impl Fn(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(statement, values, read)?.pop())
    }
}

/// A count, an index or a time out of the database.
pub fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Number(number))
}

/// A count, an index or a time for the database.
pub fn signed(number: u64) -> i64 {
    // One beyond this is no time or count; saturating fails closed (no such row).
    i64::try_from(number).unwrap_or(i64::MAX)
}
