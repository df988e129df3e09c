//! The tables, and how a store of an earlier version comes by them.
//!
//! Each version has a script for either database, which makes it out of the one before. A store is brought up when it is
//! opened, in one transaction; it is never taken back.

use crate::connection::{Connection, Value};
use crate::error::StoreError;

/// The newest version, and the one that is written and read here.
pub const VERSION: i64 = 3;

/// One step.
pub struct Migration {
    /// The version that it makes.
    pub version: i64,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// Every step, in order. Versions 1 and 2 had no tenants and were never released: a store of theirs is a foreign one.
pub const MIGRATIONS: &[Migration] = &[Migration {
    version: VERSION,
    sqlite: include_str!("../migrations/sqlite/0003.sql"),
    postgres: include_str!("../migrations/postgres/0003.sql"),
}];

/// Which script of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// Says which version the tables have. `generation` changes when a store is restored: challenges of another one are void.
const MAKE_IDENTITY: &str = "CREATE TABLE store (
    one        BIGINT PRIMARY KEY CHECK (one = 1),
    version    BIGINT NOT NULL,
    generation TEXT NOT NULL
)";

/// Makes the tables, in a transaction that is open.
pub fn create(
    connection: &dyn Connection,
    dialect: Dialect,
    migrations: &[Migration],
    generation: &str,
) -> Result<(), StoreError> {
    connection.run(MAKE_IDENTITY)?;
    connection.execute(
        "INSERT INTO store (one, version, generation) VALUES (1, 0, ?1)",
        &[Value::Text(generation)],
    )?;
    bring_up(connection, dialect, migrations, 0)
}

/// Brings the tables up from `found`, in a transaction that is open.
pub fn bring_up(
    connection: &dyn Connection,
    dialect: Dialect,
    migrations: &[Migration],
    found: i64,
) -> Result<(), StoreError> {
    for step in migrations.iter().filter(|step| step.version > found) {
        connection.run(match dialect {
            Dialect::Sqlite => step.sqlite,
            Dialect::Postgres => step.postgres,
        })?;
        connection.execute(
            "UPDATE store SET version = ?1",
            &[Value::Number(step.version)],
        )?;
    }
    Ok(())
}

/// The version that the tables have.
pub fn version(connection: &dyn Connection) -> Result<Option<i64>, StoreError> {
    connection.one("SELECT version FROM store", &[], |row| Ok(row.number(0)?))
}
