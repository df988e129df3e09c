//! A log ends, and another begins in its place, over the same documents and secrets.

use attestation_ledger::{SigningKey, TreeHead, VerifyingKey};

use crate::connection::{Connection, Value};
use crate::schema::Dialect;
use crate::sequence::{read_log, write_checkpoint, write_tree};
use crate::store::{connect, dialect, open_failed};
use crate::tree::Tree;
use crate::{Location, Reading, Store, StoreError, Writing};

/// The log that begins.
pub struct Successor<'a, E> {
    /// Signs its checkpoints.
    pub key: &'a SigningKey,
    /// Writes its first entries, and what else changes with them.
    pub begin: &'a dyn Fn(&Writing<'_>) -> Result<(), E>,
    /// A generation that no other store has: what was handed out under another one is void.
    pub generation: &'a str,
    /// A word that no earlier one was kept under. In a server's database the log that ended stays in tables of a schema of this
    /// name; in a file it is overwritten, since there whoever calls this works on a copy.
    pub keep_as: &'a str,
}

impl Store {
    /// Ends the log, if it still is the one of `old_key` up to `old`, and begins another: in one transaction, so that there is
    /// always one of them. Used nonces are forgotten with the generation that they were of.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn begin_anew<E: From<StoreError>>(
        location: &Location,
        (old_key, old): (&VerifyingKey, &TreeHead),
        new: &Successor<'_, E>,
    ) -> Result<TreeHead, E> {
        let connection = connect(location).map_err(|source| open_failed(location, source))?;
        let run = |text: &str| connection.run(text).map_err(StoreError::from);
        connection.begin_writing().map_err(StoreError::from)?;
        let begun = begin_anew(connection.as_ref(), location, (old_key, old), new);
        run(if begun.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        begun
    }
}

fn begin_anew<E: From<StoreError>>(
    connection: &dyn Connection,
    location: &Location,
    (old_key, old): (&VerifyingKey, &TreeHead),
    new: &Successor<'_, E>,
) -> Result<TreeHead, E> {
    let place = location.to_string();
    end(connection, location, (old_key, old), new.keep_as)?;
    let mut tree = empty_tree(connection, new)?;
    let writing = Writing::new(connection, &place, 0, None);
    (new.begin)(&writing)?;
    let (leaves, time) = writing.into_added();
    for leaf in leaves {
        tree.push(leaf);
    }
    write_tree(connection, &tree, time, &[], new.key)?;
    let reading = Reading::new(connection, &place, None);
    Ok(crate::verify::verify(&reading, &new.key.verifying_key())?)
}

/// The log that is there is the one that ends, and goes.
fn end(
    connection: &dyn Connection,
    location: &Location,
    (old_key, old): (&VerifyingKey, &TreeHead),
    keep_as: &str,
) -> Result<(), StoreError> {
    let place = location.to_string();
    let (tree, _) = read_log(connection, &place, old_key)?;
    if tree.head() != *old {
        return Err(StoreError::Older {
            place,
            what: "it was written to meanwhile".to_owned(),
        });
    }
    match dialect(location) {
        Dialect::Sqlite => empty_file(connection)?,
        Dialect::Postgres => empty_database(connection, keep_as)?,
    }
    Ok(())
}

/// The log that begins, without an entry.
fn empty_tree<E>(connection: &dyn Connection, new: &Successor<'_, E>) -> Result<Tree, StoreError> {
    connection.execute(
        "UPDATE store SET generation = ?1",
        &[Value::Text(new.generation)],
    )?;
    let empty = Tree::with_border(0, &[]);
    let tree = empty.expect("an empty tree has an empty border");
    write_checkpoint(connection, &tree.head().sign(new.key), &[], None)?;
    Ok(tree)
}

/// The trigger that keeps entries from being removed is taken away for this transaction, and put back as it was.
fn empty_file(connection: &dyn Connection) -> Result<(), StoreError> {
    const TRIGGER: &str = "SELECT sql FROM sqlite_schema
                           WHERE type = 'trigger' AND name = 'entry_is_never_removed'";
    let trigger = connection.one(TRIGGER, &[], |row| Ok(row.text(0)?))?;
    connection.run("DROP TRIGGER IF EXISTS entry_is_never_removed")?;
    connection.run("DELETE FROM entry; DELETE FROM node; DELETE FROM attempt")?;
    Ok(connection.run(&trigger.unwrap_or_default())?)
}

/// Evidence is not thrown away: what the database had of the old log lies in a schema of its own, for whoever drops it.
fn empty_database(connection: &dyn Connection, keep_as: &str) -> Result<(), StoreError> {
    // Letters, digits and underscores alone: nothing else goes into the text of a statement.
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = keep_as.chars().filter(|c| word(*c)).collect();
    connection.run("SET LOCAL statement_timeout = 0")?;
    connection.run(&format!("CREATE SCHEMA {name}"))?;
    for table in ["entry", "node", "checkpoint", "attempt", "blob"] {
        connection.run(&format!("CREATE TABLE {name}.{table} AS TABLE {table}"))?;
    }
    Ok(connection.run(
        "ALTER TABLE entry DISABLE TRIGGER USER;
         DELETE FROM entry; DELETE FROM node; DELETE FROM attempt;
         ALTER TABLE entry ENABLE TRIGGER USER",
    )?)
}
