//! The log: what is appended is proven, what was changed is not served.

use attestation_ledger::{Hash, verify_consistency, verify_inclusion};
use attestation_store::{StoreError, Writing};

use crate::both;
use crate::support::{Database, append, append_and_check, entry, entry_at, entry_of, key, size};

both! {
    entry_is_proven_by_its_own_commit,
    log_goes_on_after_it_was_opened_again,
    entry_of_any_age_is_proven_by_the_newest_checkpoint,
    older_log_is_shown_to_be_the_beginning_of_the_newer,
    entries_of_a_tenant_are_its_own,
    time_is_the_last_entrys_and_within_a_turn_its_own,
    log_that_was_changed_is_not_opened,
    log_of_another_key_is_not_opened,
    tree_that_was_changed_below_a_running_store_is_never_signed,
    entries_are_neither_changed_nor_removed,
}

fn entry_is_proven_by_its_own_commit(database: &mut Database) {
    let store = database.make();

    for index in 0..20 {
        assert_eq!(append_and_check(&store, &index.to_string()).unwrap(), index);
    }

    assert_eq!(size(&store), 20);
}

fn log_goes_on_after_it_was_opened_again(database: &mut Database) {
    let store = database.make();
    for index in 0..5 {
        append(&store, &index.to_string()).unwrap();
    }
    drop(store);

    let store = database.open();

    assert_eq!(append_and_check(&store, "again").unwrap(), 5);
}

fn entry_of_any_age_is_proven_by_the_newest_checkpoint(database: &mut Database) {
    let store = database.make();
    for index in 0..11 {
        append(&store, &index.to_string()).unwrap();
    }
    let key = key().verifying_key();

    store
        .read(|reading| {
            let head = reading.head(&key)?;
            for index in 0..11 {
                let proof = reading.proof(index, &key)?.unwrap();
                let leaf = Hash::leaf(entry(&index.to_string()).as_bytes());
                verify_inclusion(&leaf, index, &proof.path, &head).unwrap();
                proof.verified_entry(&key).unwrap();
            }
            assert!(reading.proof(11, &key)?.is_none());
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

fn older_log_is_shown_to_be_the_beginning_of_the_newer(database: &mut Database) {
    let store = database.make();
    let key = key().verifying_key();
    let mut heads = Vec::new();
    for index in 0..9 {
        append(&store, &index.to_string()).unwrap();
        heads.push(store.read(|reading| reading.head(&key)).unwrap());
    }

    for old in &heads {
        let new = heads.last().unwrap();
        let path = store
            .read(|reading| reading.consistency(old.size, new.size))
            .unwrap();
        verify_consistency(old, new, &path).unwrap();
    }
}

fn entries_of_a_tenant_are_its_own(database: &mut Database) {
    let store = database.make();
    for (tenant, name) in [
        (Some("a"), "1"),
        (Some("b"), "2"),
        (Some("a"), "3"),
        (Some("a"), "4"),
        (None, "5"),
    ] {
        let entry = entry_of(tenant, name, 1_000);
        store.write(|writing| writing.append(&entry)).unwrap();
    }

    let indices = |tenant: &str, from, most| -> Vec<u64> {
        let found = store
            .read(|reading| reading.entries_of(tenant, from, most))
            .unwrap();
        found.into_iter().map(|(index, _)| index).collect()
    };

    assert_eq!(indices("a", 0, 10), [0, 2, 3]);
    assert_eq!(indices("a", 1, 1), [2]);
    assert_eq!(indices("b", 0, 10), [1]);
    assert_eq!(indices("c", 0, 10), [0; 0]);
    assert_eq!(indices("", 0, 10), [4]);
}

fn time_is_the_last_entrys_and_within_a_turn_its_own(database: &mut Database) {
    let store = database.make();
    assert_eq!(store.read(|reading| reading.latest_time()).unwrap(), None);

    store
        .write(|writing: &Writing<'_>| {
            writing.append(&entry_at("one", 7))?;
            assert_eq!(writing.reading().latest_time()?, Some(7));
            assert_eq!(store.read(|reading| reading.latest_time())?, None);
            Ok::<_, StoreError>(())
        })
        .unwrap();

    assert_eq!(
        store.read(|reading| reading.latest_time()).unwrap(),
        Some(7)
    );
    drop(store);
    let store = database.open();
    store
        .write(|writing: &Writing<'_>| {
            assert_eq!(writing.reading().latest_time()?, Some(7));
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

fn log_that_was_changed_is_not_opened(database: &mut Database) {
    let store = database.make();
    for index in 0..6 {
        append(&store, &index.to_string()).unwrap();
    }
    drop(store);
    let untouched = database.back_up();

    for (change, why) in [
        (
            "UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE idx = 1) WHERE idx = 2;",
            "an entry was changed",
        ),
        (
            "UPDATE entry SET time = 5 WHERE idx = 2;",
            "entry 2 has another time",
        ),
        (
            "UPDATE entry SET tenant = 'b' WHERE idx = 2;",
            "entry 2 has another tenant",
        ),
        ("DELETE FROM entry WHERE idx = 2;", "entry 2 is missing"),
        (
            "DELETE FROM entry WHERE idx = 5;",
            "5 entries and the signed checkpoint covers 6",
        ),
        (
            "INSERT INTO entry (idx, tenant, time, bytes) SELECT 6, tenant, time, bytes FROM entry WHERE idx = 5;",
            "7 entries and the signed",
        ),
        (
            "UPDATE node SET hash = (SELECT hash FROM node WHERE level = 0 AND idx = 0) WHERE level = 0 AND idx = 1;",
            "node 0/1 is wrong",
        ),
        (
            "DELETE FROM node WHERE level = 1 AND idx = 0;",
            "1 of its tree's nodes are missing",
        ),
        (
            "UPDATE checkpoint SET time = 5;",
            "the time beside its checkpoint",
        ),
        (
            "UPDATE checkpoint SET border = (SELECT hash FROM node WHERE level = 2 AND idx = 0);",
            "right border",
        ),
        (
            "UPDATE checkpoint SET note = replace(note, '6', '5');",
            "signature",
        ),
        ("DELETE FROM checkpoint;", "no checkpoint"),
    ] {
        database.force(change);
        let error = database.error();
        assert!(error.contains(why), "{change}: {error}");
        database.put_back(&untouched);
        drop(database.open());
    }
}

fn log_of_another_key_is_not_opened(database: &mut Database) {
    drop(database.make());
    let other = attestation_ledger::SigningKey::from_seed("log", &[2; 32]).unwrap();

    assert!(attestation_store::Store::open(&database.location(), other).is_err());
}

fn tree_that_was_changed_below_a_running_store_is_never_signed(database: &mut Database) {
    let store = database.make();
    for index in 0..2 {
        append(&store, &index.to_string()).unwrap();
    }

    database.tamper(
        "UPDATE checkpoint SET border = (SELECT hash FROM node WHERE level = 0 AND idx = 0)",
    );

    let error = append(&store, "more").unwrap_err().to_string();
    assert!(error.contains("right border"), "{error}");
}

fn entries_are_neither_changed_nor_removed(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    drop(store);
    for change in ["UPDATE entry SET time = 1", "DELETE FROM entry"] {
        assert!(refuses(database, change), "{change}");
    }
}

fn refuses(database: &Database, sql: &str) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| database.tamper(sql))).is_err()
}
