use super::*;
use crate::StoreError;

/// A step beyond the newest, as a later version has one.
const LATER: Migration = Migration {
    version: VERSION + 1,
    sqlite: "ALTER TABLE secret ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",
    postgres: "ALTER TABLE secret ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",
};

/// One that does part of its work and then fails.
const BROKEN: Migration = Migration {
    version: VERSION + 1,
    sqlite: "CREATE TABLE half (x INTEGER); INSERT INTO nowhere VALUES (1)",
    postgres: "CREATE TABLE half (x INTEGER); INSERT INTO nowhere VALUES (1)",
};

fn key() -> SigningKey {
    SigningKey::from_seed("log", &[1; 32]).unwrap()
}

fn found(location: &Location, table: &str) -> (i64, bool) {
    let connection = ours(location).unwrap();
    let version = schema::version(connection.as_ref()).unwrap().unwrap();
    let there = has_table(connection.as_ref(), location, table).unwrap();
    (version, there)
}

fn is_brought_up_and_never_taken_back(location: &Location) {
    Store::create(location, &key(), "first").unwrap();
    let (store, _) = Store::open(location, key()).unwrap();
    store
        .write(|writing| writing.put_document("a", crate::Kind::Policy, "p", b"kept"))
        .unwrap();
    drop(store);

    // Half of a step is none.
    let broken = Store::open_with(location, key(), None, &[BROKEN]);
    assert!(matches!(broken, Err(StoreError::Database(_))));
    assert_eq!(found(location, "half"), (VERSION, false));

    let (store, _) = Store::open_with(location, key(), None, &[LATER]).unwrap();
    let kept = store.read(|reading| reading.document("a", crate::Kind::Policy, "p"));
    assert_eq!(kept.unwrap().as_deref(), Some(b"kept".as_slice()));
    assert_eq!(found(location, "secret"), (VERSION + 1, true));
    drop(store);

    let back = Store::open(location, key());
    assert!(matches!(back, Err(StoreError::Newer { .. })));
    assert_eq!(found(location, "secret"), (VERSION + 1, true));
}

#[test]
fn sqlite_store_is_brought_up_whole_or_not_at_all_and_never_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    is_brought_up_and_never_taken_back(&Location::File(folder.path().join("store.sqlite")));
}

#[test]
fn postgres_store_is_brought_up_whole_or_not_at_all_and_never_taken_back() {
    if let Some(server) = tests_postgres::Server::start() {
        is_brought_up_and_never_taken_back(&server.url().parse().unwrap());
    }
}
