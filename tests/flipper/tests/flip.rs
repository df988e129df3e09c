//! A guest in a software-protected VM, in the lab: private memory for real, with the monitor, its jail and
//! its device processes as they are.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test and its helpers")]

#[path = "flip/bench.rs"]
mod bench;

use bench::{Bench, Orders};

/// Everything that a well-written guest does, for a minute.
#[test]
fn honest_guest_flips_pages_under_block_and_vsock_io_for_a_minute() {
    let Some(bench) = Bench::boot() else { return };
    let run = bench.run(&Orders::new("honest", 60, 64));
    run.tell();
    run.expect_done();
    for (name, at_least) in [
        ("conversions", 1000),
        ("pages", 10_000),
        ("private-touches", 5000),
        ("zero-checks", 5000),
        ("content-checks", 5000),
        ("read-bytes", 1 << 20),
        ("echo-bytes", 1 << 20),
    ] {
        assert!(run.count(name) >= at_least, "{name}: {}", run.said);
    }
    assert_eq!(run.count("restarts"), 0);
}

/// Whatever a guest converts and asks for: devices fail and come back, and nothing stale is seen.
#[test]
fn hostile_guest_that_flips_at_random_sees_and_shows_nothing_stale() {
    let Some(bench) = Bench::boot() else { return };
    for seed in [1, 2] {
        let run = bench.run(&Orders::new("hostile", 20, 1024).seed(seed));
        run.tell();
        run.expect_done();
        for (name, at_least) in [
            ("conversions", 200),
            ("refused", 20),
            ("stolen", 20),
            ("restarts", 4),
            ("echoes", 20),
            ("reads", 20),
        ] {
            assert!(run.count(name) >= at_least, "{name}: {}", run.said);
        }
    }
}

/// The watcher's own test: without this, that it found nothing would mean nothing.
#[test]
fn guest_that_shows_private_words_is_caught_in_memory_and_in_the_stream() {
    let Some(bench) = Bench::boot() else { return };
    let run = bench.run(&Orders::new("leaky", 3, 64));
    run.tell();
    run.expect_leaks();
}

/// A guest that takes away what it stands on ends by itself: its VMM says so, and the machine goes on.
#[test]
fn guest_that_takes_its_own_memory_away_ends_alone_and_is_told_why() {
    let Some(bench) = Bench::boot() else { return };
    for mode in ["lose-page-tables", "lose-code", "lose-all"] {
        let run = bench.run(&Orders::new(mode, 1, 64));
        run.expect_guest_failed();
        println!("{mode}: {}", run.reason());
    }
    // The same VMM, on the same machine, right after them.
    bench.run(&Orders::new("honest", 1, 64)).expect_done();
}
