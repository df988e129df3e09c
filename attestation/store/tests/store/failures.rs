//! Databases that are put back, killed, cut off, busy or careless.

use std::thread;
use std::time::{Duration, Instant};

use attestation_store::{Store, StoreError, Trouble, Writing};
use tests_postgres::{Server, Wire};

use crate::both;
use crate::support::{Database, append, append_and_check, entry, key, size};

both! {
    log_that_was_put_back_below_a_running_store_is_not_written_to,
    log_that_went_on_from_an_older_day_is_not_written_to,
}

fn log_that_was_put_back_below_a_running_store_is_not_written_to(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let backup = database.back_up();
    append(&store, "two").unwrap();

    database.put_back(&backup);

    let error = append(&store, "three").unwrap_err();
    assert_eq!(error.trouble(), Trouble::Failed);
    assert!(
        error.to_string().contains("had 2 entries and has 1"),
        "{error}"
    );
}

fn log_that_went_on_from_an_older_day_is_not_written_to(database: &mut Database) {
    let store = database.make();
    append(&store, "one").unwrap();
    let backup = database.back_up();
    append(&store, "two").unwrap();
    database.put_back(&backup);
    let other = database.open();
    for name in ["other two", "other three"] {
        append(&other, name).unwrap();
    }

    let error = append(&store, "three").unwrap_err();

    assert!(
        error.to_string().contains("first 2 entries are not those"),
        "{error}"
    );
}

#[test]
fn store_that_another_program_holds_is_busy_and_then_goes_on() {
    let database = Database::Sqlite(tempfile::tempdir().unwrap());
    let store = database.make();
    let hand = rusqlite::Connection::open(database.location().file().unwrap()).unwrap();
    hand.execute_batch("BEGIN IMMEDIATE").unwrap();

    let error = append(&store, "one").unwrap_err();
    hand.execute_batch("ROLLBACK").unwrap();

    assert_eq!(error.trouble(), Trouble::Busy);
    assert_eq!(append_and_check(&store, "one").unwrap(), 0);
}

/// Keeps trying until the database is back.
fn until_it_works<T>(work: impl Fn() -> Result<T, StoreError>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match work() {
            Ok(value) => return value,
            Err(error) => {
                assert_ne!(error.trouble(), Trouble::Failed, "{error:?}");
                assert!(Instant::now() < deadline, "{error:?}");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

/// Of what was answered nothing is lost; of the rest each is there whole or not at all.
fn assert_whole(database: &Database, answered: &[u64], asked: u64) {
    let (store, head) = database.try_open().unwrap();
    assert!(head.size >= answered.len() as u64 && head.size <= asked);
    for index in answered {
        let proof = store
            .read(|reading| reading.proof(*index, &key().verifying_key()))
            .unwrap();
        assert!(proof.is_some(), "entry {index} is lost");
    }
}

#[test]
fn connection_that_is_cut_anywhere_loses_no_answered_entry() {
    let Some(server) = Server::start() else {
        return;
    };
    let database = Database::Postgres(server);
    drop(database.make());
    let Database::Postgres(server) = &database else {
        unreachable!()
    };
    let wire = Wire::to(&server.socket());
    let (store, _) = Store::open(&wire.url().parse().unwrap(), key()).unwrap();
    let (mut answered, mut asked) = (Vec::new(), 0);

    for bytes in (1..1_400).step_by(31) {
        wire.cut_after(bytes);
        let before = wire.cuts();
        while wire.cuts() == before {
            asked += 1;
            match append_and_check(&store, &asked.to_string()) {
                Ok(index) => answered.push(index),
                Err(error) => assert_eq!(error.trouble(), Trouble::Unreachable, "{error:?}"),
            }
        }
        asked += 1;
        answered.push(until_it_works(|| {
            append_and_check(&store, &asked.to_string())
        }));
    }

    drop(store);
    let unique: std::collections::BTreeSet<_> = answered.iter().collect();
    assert_eq!(unique.len(), answered.len(), "an index was given twice");
    assert_whole(&database, &answered, asked + 1_000);
}

#[test]
fn primary_that_is_killed_under_load_loses_no_answered_entry_and_no_burned_nonce() {
    let Some(server) = Server::start() else {
        return;
    };
    let mut database = Database::Postgres(server);
    let store = database.make();
    let (mut answered, mut burned) = (Vec::new(), Vec::new());

    for round in 0..3 {
        let stop = std::sync::atomic::AtomicBool::new(false);
        let found = thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|writer| {
                    let (store, stop) = (&store, &stop);
                    scope.spawn(move || {
                        let mut found = (Vec::new(), Vec::new());
                        let mut turn = 0;
                        while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                            turn += 1;
                            let name = format!("{round}-{writer}-{turn}");
                            let burn = |writing: &Writing<'_>| writing.burn(&name, 1_000_000);
                            if matches!(store.write(burn), Ok(true)) {
                                found.1.push(name.clone());
                            }
                            found.0.extend(append_and_check(store, &name).ok());
                        }
                        found
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(300));
            let Database::Postgres(server) = &mut database else {
                unreachable!()
            };
            server.kill();
            thread::sleep(Duration::from_millis(50));
            stop.store(true, std::sync::atomic::Ordering::SeqCst);
            let found: Vec<_> = writers
                .into_iter()
                .map(|writer| writer.join().unwrap())
                .collect();
            server.resume();
            found
        });
        for (entries, nonces) in found {
            answered.extend(entries);
            burned.extend(nonces);
        }
        let index = until_it_works(|| append_and_check(&store, &format!("after {round}")));
        answered.push(index);
    }

    assert!(answered.len() > 20, "there was no load");
    for name in &burned {
        assert!(
            !store
                .write(|writing| writing.burn(name, 1_000_000))
                .unwrap(),
            "{name}"
        );
    }
    drop(store);
    assert_whole(&database, &answered, u64::MAX);
}

#[test]
fn replicas_share_one_log_and_race_on_one_nonce() {
    const RACES: usize = 30;
    let Some(server) = Server::start() else {
        return;
    };
    let database = Database::Postgres(server);
    let replicas = [database.make(), database.open()];

    let won: Vec<(usize, u64)> = thread::scope(|scope| {
        let threads = replicas.each_ref().map(|store| {
            scope.spawn(move || {
                let mut won = 0;
                let mut last = 0;
                for race in 0..RACES {
                    let name = race.to_string();
                    let fresh = store
                        .write(|writing| writing.burn(&name, 1_000_000))
                        .unwrap();
                    won += usize::from(fresh);
                    last = append_and_check(store, &name).unwrap();
                }
                (won, last)
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });

    let fresh: usize = won.iter().map(|(won, _)| won).sum();
    assert_eq!(fresh, RACES, "a nonce was burned twice, or never");
    assert_eq!(size(&replicas[0]), 2 * RACES as u64);
    drop(replicas);
    assert_whole(
        &database,
        &(0..2 * RACES as u64).collect::<Vec<_>>(),
        2 * RACES as u64,
    );
}

#[test]
fn server_that_may_lose_what_it_committed_is_refused() {
    for setting in [
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
    ] {
        let Some(server) = Server::start_with(&[setting]) else {
            return;
        };
        let database = Database::Postgres(server);

        let error = Store::create(&database.location(), &key(), "first").unwrap_err();

        let StoreError::Open { source, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(
            source.to_string().contains(&setting.replace('=', " = ")),
            "{source}"
        );
    }
}

#[test]
fn replica_that_stops_in_its_turn_holds_others_up_for_a_time_only() {
    let Some(server) = Server::start() else {
        return;
    };
    let database = Database::Postgres(server);
    let (store, other) = (database.make(), database.open());

    thread::scope(|scope| {
        let (begun, wait) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let _ = store.write(|writing: &Writing<'_>| {
                writing.append(&entry("never"))?;
                begun.send(()).unwrap();
                ended.recv().unwrap();
                Ok::<_, StoreError>(())
            });
        });
        wait.recv().unwrap();
        let error = append(&other, "one").unwrap_err();
        assert_eq!(error.trouble(), Trouble::Busy, "{error:?}");
        end.send(()).unwrap();
    });

    assert!(append_and_check(&other, "one").unwrap() <= 1);
}
