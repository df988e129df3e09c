//! Whoever watches a store hears of each commit, and of nothing else.

use std::sync::{Arc, Mutex};

use attestation_store::{Commit, StoreError, Writing};

use crate::both;
use crate::support::{Database, append};

fn commits_are_told_with_their_writers_and_nothing_else_is(database: &mut Database) {
    let store = database.make();
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let heard = Arc::clone(&told);
    store.watch(Box::new(move |commit: Commit<'_>| {
        let note = commit.checkpoint.map(str::to_owned);
        let told = (commit.writers, commit.entries, note, commit.took);
        heard.lock().unwrap().push(told);
    }));

    let written = store.write(|writing: &Writing<'_>| writing.forget_attempts(1).map(|_| ()));
    let failed = store.write(|_: &Writing<'_>| Err::<(), StoreError>(StoreError::Panicked));
    store.try_out().unwrap();
    store.read(|_| Ok::<_, StoreError>(())).unwrap();

    assert!(written.is_ok() && failed.is_err());
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let (writers, entries, note, took) = told[0].clone();
    assert_eq!((writers, entries, note), (1, 0, None));
    assert!(!took.is_zero());
}

fn commit_of_an_entry_is_told_with_the_checkpoint_that_covers_it(database: &mut Database) {
    let store = database.make();
    let told: Arc<Mutex<Option<String>>> = Arc::default();
    let heard = Arc::clone(&told);
    store.watch(Box::new(move |commit: Commit<'_>| {
        *heard.lock().unwrap() = commit.checkpoint.map(str::to_owned);
    }));

    append(&store, "one").unwrap();

    let note = told.lock().unwrap().clone().unwrap();
    assert_eq!(store.read(|reading| reading.checkpoint()).unwrap(), note);
}

both! {
    commit_of_an_entry_is_told_with_the_checkpoint_that_covers_it,
    commits_are_told_with_their_writers_and_nothing_else_is,
}
