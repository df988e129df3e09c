//! Writers take turns in one transaction, and fail each for itself.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use attestation_store::{Store, StoreError, Writing};

use crate::both;
use crate::support::{Database, append, append_and_check, entry, size};

const WRITERS: usize = 16;

/// Somebody's own reason to fail.
#[derive(Debug)]
enum Refused {
    Mine,
    Store,
}

impl From<StoreError> for Refused {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// Runs `work` in many threads that begin together.
fn together<T: Send>(work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let begin = Barrier::new(WRITERS);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..WRITERS)
            .map(|number| {
                let (begin, work) = (&begin, &work);
                scope.spawn(move || {
                    begin.wait();
                    work(number)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Does something while the turn is somebody's.
fn holding_the_turn(store: &Store, meanwhile: impl FnOnce() + Send) {
    thread::scope(|scope| {
        store
            .write(|writing: &Writing<'_>| {
                writing.append(&entry("first"))?;
                scope.spawn(meanwhile);
                // Those who come now wait for the turn.
                thread::sleep(std::time::Duration::from_millis(100));
                Ok::<_, StoreError>(())
            })
            .unwrap();
    });
}

both! {
    entries_of_many_at_once_are_all_in_the_log_and_proven,
    nonce_that_many_burn_at_once_is_burned_once,
    turn_that_fails_leaves_nothing_and_the_others_everything,
    statement_that_fails_ends_its_own_turn_alone,
    turn_that_panics_ends_those_it_shared_with_and_no_others,
    those_who_wait_share_one_commit,
    reader_sees_what_is_committed_and_holds_nobody_up,
}

fn entries_of_many_at_once_are_all_in_the_log_and_proven(database: &mut Database) {
    let store = database.make();

    let mut indices: Vec<u64> = together(|writer| {
        (0..8)
            .map(|turn| append_and_check(&store, &format!("{writer}-{turn}")).unwrap())
            .collect::<Vec<_>>()
    })
    .concat();

    indices.sort_unstable();
    assert_eq!(indices, (0..8 * WRITERS as u64).collect::<Vec<_>>());
    drop(store);
    assert_eq!(database.try_open().unwrap().1.size, 8 * WRITERS as u64);
}

fn nonce_that_many_burn_at_once_is_burned_once(database: &mut Database) {
    let store = database.make();

    for session in ["a", "b", "c"] {
        let fresh = together(|_| store.write(|writing| writing.burn(session, 100)).unwrap());
        assert_eq!(fresh.into_iter().filter(|fresh| *fresh).count(), 1);
    }
}

fn turn_that_fails_leaves_nothing_and_the_others_everything(database: &mut Database) {
    let store = database.make();

    let kept = together(|writer| {
        store.write(|writing: &Writing<'_>| {
            writing.append(&entry(&writer.to_string()))?;
            writing.put_blob(&[u8::try_from(writer).unwrap()])?;
            if writer % 2 == 1 {
                Err(Refused::Mine)
            } else {
                Ok(())
            }
        })
    });

    for (writer, result) in kept.iter().enumerate() {
        match result {
            Ok(()) => assert_eq!(writer % 2, 0),
            Err(refused) => assert!(matches!(refused, Refused::Mine) && writer % 2 == 1),
        }
        let digest = attestation_ledger::Digest::of(&[u8::try_from(writer).unwrap()]);
        let there = store.read(|reading| reading.has_blob(&digest)).unwrap();
        assert_eq!(there, writer % 2 == 0, "{writer}");
    }
    drop(store);
    assert_eq!(database.try_open().unwrap().1.size, WRITERS as u64 / 2);
}

fn statement_that_fails_ends_its_own_turn_alone(database: &mut Database) {
    let store = database.make();
    store.write(|writing| writing.burn("s", 9)).unwrap();
    store.write(|writing| writing.set_verdict("s", 1)).unwrap();

    let results = together(|writer| {
        if writer % 2 == 1 {
            // The database itself refuses it.
            store.write(|writing| writing.set_verdict("s", 2)).is_ok()
        } else {
            append(&store, &writer.to_string()).is_ok()
        }
    });

    assert_eq!(results.iter().filter(|ok| **ok).count(), WRITERS / 2);
    assert_eq!(size(&store), WRITERS as u64 / 2);
}

fn turn_that_panics_ends_those_it_shared_with_and_no_others(database: &mut Database) {
    let store = database.make();

    let ended = thread::scope(|scope| {
        scope
            .spawn(|| {
                store.write(|writing: &Writing<'_>| {
                    writing.append(&entry("lost")).unwrap();
                    panic!("on purpose");
                    #[expect(unreachable_code, reason = "names the error's type")]
                    Ok::<(), StoreError>(())
                })
            })
            .join()
    });

    assert!(ended.is_err());
    assert_eq!(append_and_check(&store, "after").unwrap(), 0);
    drop(store);
    assert_eq!(database.try_open().unwrap().1.size, 1);
}

fn those_who_wait_share_one_commit(database: &mut Database) {
    let store = database.make();
    let checkpoints = AtomicUsize::new(0);

    holding_the_turn(&store, || {
        let mut seen = together(|writer| {
            let work = |writing: &Writing<'_>| {
                Ok::<_, StoreError>(((), writing.append(&entry(&writer.to_string()))?))
            };
            store.write_and_prove(work).unwrap().1.checkpoint
        });
        seen.sort();
        seen.dedup();
        checkpoints.store(seen.len(), Ordering::SeqCst);
    });

    assert_eq!(size(&store), 1 + WRITERS as u64);
    // A machine that is busy may cut them in two or three; each alone would be sixteen.
    assert!(
        checkpoints.load(Ordering::SeqCst) <= WRITERS / 3,
        "{checkpoints:?}"
    );
}

fn reader_sees_what_is_committed_and_holds_nobody_up(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();

    store
        .read(|reading| {
            assert!(reading.entry(0)?.is_some());
            append(&store, "two").unwrap();
            // One state, however long it is looked at.
            assert!(reading.entry(1)?.is_none());
            Ok::<_, StoreError>(())
        })
        .unwrap();

    assert!(store.read(|reading| reading.entry(1)).unwrap().is_some());
}
