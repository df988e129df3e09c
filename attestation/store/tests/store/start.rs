//! Which databases are opened.

use attestation_store::{ReadOnly, Store, StoreError, VERSION};

use crate::both;
use crate::support::{Database, append, append_and_check, key};

both! {
    store_is_made_once,
    database_of_something_else_is_foreign,
    store_of_a_later_version_is_refused,
    store_that_a_later_version_brings_up_meanwhile_is_not_written_to,
    store_that_is_only_read_cannot_be_changed_by_who_reads,
}

fn store_is_made_once(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();

    let again = Store::create(&database.location(), &key(), "second").unwrap_err();

    assert!(matches!(again, StoreError::Exists { .. }), "{again}");
    assert_eq!(append_and_check(&store, "two").unwrap(), 1);
}

fn database_of_something_else_is_foreign(database: &mut Database) {
    database.tamper("CREATE TABLE something (x INTEGER)");

    assert!(database.error().contains("is not a store of this version"));
}

fn store_of_a_later_version_is_refused(database: &mut Database) {
    drop(database.make());
    database.tamper(&format!("UPDATE store SET version = {}", VERSION + 1));

    let error = database.error();

    assert!(error.contains("never taken back"), "{error}");
}

fn store_that_a_later_version_brings_up_meanwhile_is_not_written_to(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    database.tamper(&format!("UPDATE store SET version = {}", VERSION + 1));

    let error = append(&store, "two").unwrap_err().to_string();

    assert!(error.contains("never taken back"), "{error}");
}

fn store_that_is_only_read_cannot_be_changed_by_who_reads(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let beside = ReadOnly::open(&database.location()).unwrap();

    let read = |index| {
        beside
            .read(|reading| reading.entry(index))
            .unwrap()
            .is_some()
    };
    assert!(read(0) && !read(1));
    append(&store, "two").unwrap();
    assert!(read(1));
}

#[test]
fn file_that_is_not_there_is_not_made_by_opening_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sqlite");
    let location = attestation_store::Location::File(path.clone());

    assert!(Store::open(&location, key()).is_err());
    assert!(!path.exists());
}
