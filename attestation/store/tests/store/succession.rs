//! A log that ends, another in its place, and a store that was put back while nobody served it.

use attestation_ledger::{SigningKey, TreeHead};
use attestation_store::{Location, ReadOnly, Store, StoreError, Successor, Writing};

use crate::both;
use crate::support::{Database, append, append_and_check, entry, key, size};

both! {
    store_that_was_put_back_while_it_was_closed_is_not_opened,
    log_that_went_on_from_an_older_day_while_it_was_closed_is_not_opened,
    log_that_begins_anew_has_its_own_entries_key_and_generation_and_the_same_documents,
    log_that_was_written_to_meanwhile_does_not_end,
    entries_of_a_log_that_began_anew_are_neither_changed_nor_removed,
}

fn head(store: &Store) -> TreeHead {
    store
        .read(|reading| reading.head(&store.log_key()))
        .unwrap()
}

fn refusal(database: &Database, seen: &TreeHead) -> String {
    let Err(error) = Store::open_after(&database.location(), key(), seen) else {
        panic!("the store opened");
    };
    assert!(matches!(error, StoreError::Older { .. }), "{error:?}");
    error.to_string()
}

fn store_that_was_put_back_while_it_was_closed_is_not_opened(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let backup = database.back_up();
    append(&store, "two").unwrap();
    let seen = head(&store);
    drop(store);
    drop(Store::open_after(&database.location(), key(), &seen).unwrap());

    database.put_back(&backup);

    let error = refusal(database, &seen);
    assert!(error.contains("had 2 entries and has 1"), "{error}");
}

fn log_that_went_on_from_an_older_day_while_it_was_closed_is_not_opened(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let backup = database.back_up();
    append(&store, "two").unwrap();
    let seen = head(&store);
    drop(store);
    database.put_back(&backup);
    let other = database.open();
    for name in ["other two", "other three"] {
        append(&other, name).unwrap();
    }
    drop(other);

    let error = refusal(database, &seen);

    assert!(error.contains("first 2 entries are not those"), "{error}");
}

fn new_key() -> SigningKey {
    SigningKey::from_seed("log/2", &[2; 32]).unwrap()
}

fn begin_anew(database: &Database, old: &TreeHead) -> Result<TreeHead, StoreError> {
    let begin = |writing: &Writing<'_>| {
        writing.append(&entry("begun"))?;
        writing.append(&entry("carried")).map(drop)
    };
    let new = Successor {
        key: &new_key(),
        begin: &begin,
        generation: "second",
        keep_as: "before_restore_1",
    };
    let old_key = key().verifying_key();
    Store::begin_anew(&database.location(), (&old_key, old), &new)
}

fn log_that_begins_anew_has_its_own_entries_key_and_generation_and_the_same_documents(
    database: &mut Database,
) {
    let store = database.make();
    for name in ["one", "two", "three"] {
        append(&store, name).unwrap();
    }
    let kind = attestation_store::Kind::Policy;
    store
        .write(|writing: &Writing<'_>| {
            writing.burn("session", 1_000_000)?;
            writing.put_document("acme", kind, "p", b"kept")
        })
        .unwrap();
    let old = head(&store);
    drop(store);

    let begun = begin_anew(database, &old).unwrap();

    assert_eq!(begun.size, 2);
    assert!(Store::open(&database.location(), key()).is_err());
    let (store, head) = Store::open(&database.location(), new_key()).unwrap();
    assert_eq!(head, begun);
    store
        .read(|reading| {
            assert_eq!(reading.generation()?, "second");
            assert!(reading.attempt("session")?.is_none());
            let kept = reading.document("acme", kind, "p")?;
            assert_eq!(kept.as_deref(), Some(b"kept".as_slice()));
            let first = reading.entry(0)?;
            assert_eq!(first.as_deref(), Some(entry("begun").as_bytes()));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(append_and_check(&store, "more").unwrap(), 2);
    if let Database::Postgres(server) = database {
        let kept = server.sql("SELECT count(*) FROM before_restore_1.entry");
        assert_eq!(kept, "3");
    }
}

fn log_that_was_written_to_meanwhile_does_not_end(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let old = head(&store);
    append(&store, "two").unwrap();

    assert!(begin_anew(database, &old).is_err());

    assert_eq!(append_and_check(&store, "three").unwrap(), 2);
}

fn entries_of_a_log_that_began_anew_are_neither_changed_nor_removed(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let old = head(&store);
    drop(store);
    begin_anew(database, &old).unwrap();

    for change in ["UPDATE entry SET time = 1", "DELETE FROM entry"] {
        let tried = || database.tamper(change);
        let refused = std::panic::catch_unwind(std::panic::AssertUnwindSafe(tried));
        assert!(refused.is_err(), "{change}");
    }
}

#[test]
fn file_is_copied_as_it_is_at_one_moment_while_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(tempfile::tempdir().unwrap());
    let store = database.make();
    append(&store, "one").unwrap();
    let copy = folder.path().join("copy");

    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for index in 0..200 {
                append(&store, &index.to_string()).unwrap();
            }
        });
        for round in 0..5 {
            let path = copy.with_extension(round.to_string());
            std::fs::write(&path, "").unwrap();
            let beside = ReadOnly::open(&database.location()).unwrap();
            beside.copy_to(&path).unwrap();
            let (copied, _) = Store::open(&Location::File(path), key()).unwrap();
            assert!(size(&copied) >= 1);
        }
        writer.join().unwrap();
    });
}
