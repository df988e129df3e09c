//! Whoever watches a store hears of each commit, and of nothing else.

use std::sync::{Arc, Mutex};

use attestation_store::{Commit, StoreError, Writing};

use crate::both;
use crate::support::Database;

fn commits_are_told_with_their_writers_and_nothing_else_is(database: &mut Database) {
    let store = database.make();
    let told: Arc<Mutex<Vec<Commit>>> = Arc::default();
    let heard = Arc::clone(&told);
    store.watch(Box::new(move |commit| heard.lock().unwrap().push(commit)));

    let written = store.write(|writing: &Writing<'_>| writing.forget_attempts(1).map(|_| ()));
    let failed = store.write(|_: &Writing<'_>| Err::<(), StoreError>(StoreError::Panicked));
    store.try_out().unwrap();
    store.read(|_| Ok::<_, StoreError>(())).unwrap();

    assert!(written.is_ok() && failed.is_err());
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].writers, told[0].entries), (1, 0));
    assert!(!told[0].took.is_zero());
}

both! {
    commits_are_told_with_their_writers_and_nothing_else_is,
}
