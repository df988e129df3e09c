//! When vendors are not asked.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use attestation_collateral::{
    Collateral, CollateralError, Product, Refreshed, SnpQuestion, VekKind,
};
use attestation_snp::test_support::Chip;

use crate::server::Reply;
use crate::world::{MILAN_LIST, WITHIN, World, made_question, milan_question, vcek_path, world_of};

const SECOND: Duration = Duration::from_secs(1);

fn milan() -> (Chip, World) {
    let chip = Chip::new(Product::Milan, VekKind::Vcek);
    let world = world_of(&chip);
    (chip, world)
}

fn busy(status: u16, after: Option<&str>) -> Reply {
    let after = after.map(|after| ("Retry-After", after.to_owned()));
    Reply::Status(status, after.into_iter().collect())
}

#[test]
fn retry_after_in_seconds_is_waited_for() {
    for status in [429, 503] {
        let (_, world) = milan();
        world.server.set(MILAN_LIST, busy(status, Some("7")));
        world.clock.random.store(250, Ordering::SeqCst);
        let collateral = world.open();
        let error = collateral.snp_list(Product::Milan, SECOND * 16);
        let error = error.expect_err("it stays busy");
        assert!(
            matches!(error, CollateralError::Busy { after: Some(7), .. }),
            "{error}"
        );
        // What it says and a part of a second by chance, twice; a third time is beyond the deadline.
        let once = Duration::from_millis(7250);
        assert_eq!(world.clock.waited(), [once, once]);
        assert_eq!(world.server.asked().len(), 3);
    }
}

#[test]
fn retry_after_as_a_date_is_waited_for() {
    let (chip, world) = milan();
    // Ten seconds after the world's time.
    let reply = busy(429, Some("Sun, 22 Nov 2026 12:00:10 GMT"));
    world.server.set(MILAN_LIST, reply);
    let collateral = world.open();
    let error = collateral.snp_list(Product::Milan, SECOND * 5);
    error.expect_err("ten seconds are beyond the deadline");
    assert!(world.clock.waited().is_empty());
    world
        .server
        .set(MILAN_LIST, Reply::body(chip.crl(true, 5, &[])));
    assert_eq!(collateral.snp_list(Product::Milan, SECOND * 11), Ok(vec![]));
    assert_eq!(world.clock.waited(), [SECOND * 10]);
}

#[test]
fn without_retry_after_each_wait_is_twice_as_long_and_half_by_chance() {
    for (random, expected) in [
        (0, [1000, 2000, 4000, 8000]),
        (400, [1400, 2400, 4400, 8400]),
        // More than the first half: what is over begins anew.
        (1001 + 5, [1005, 3006, 5006, 9006]),
    ] {
        for status in [429, 500] {
            let (_, world) = milan();
            world.server.set(MILAN_LIST, busy(status, None));
            world.clock.random.store(random, Ordering::SeqCst);
            let error = world.open().snp_list(Product::Milan, SECOND * 25);
            error.expect_err("it stays so");
            let waited: Vec<_> = world
                .clock
                .waited()
                .iter()
                .map(Duration::as_millis)
                .collect();
            assert_eq!(waited[..4], expected, "{status}");
        }
    }
}

#[test]
fn vendor_that_is_busy_is_not_asked_for_anything_else() {
    let (_, world) = milan();
    world.server.set(MILAN_LIST, busy(429, Some("60")));
    let collateral = world.open();
    collateral
        .snp_list(Product::Milan, SECOND)
        .expect_err("busy");
    world.server.asked();
    for _ in 0..3 {
        let error = collateral.snp(&made_question(Product::Milan), SECOND * 30);
        let error = error.expect_err("not asked");
        let CollateralError::BackingOff {
            seconds: 60,
            because,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert!(because.contains("HTTP 429"), "{because}");
    }
    assert_eq!(world.server.asked(), Vec::<String>::new());
    world.clock.pass(SECOND * 61);
    world.server.always(Some(Reply::Status(404, vec![])));
    let error = collateral.snp(&made_question(Product::Milan), SECOND);
    error.expect_err("asked, and not there");
    assert_eq!(world.server.asked().len(), 1);
}

/// One name that goes wrong is one name: whoever sends evidence could silence the vendor for everybody.
#[test]
fn question_that_fails_keeps_no_other_from_being_asked() {
    let (_, world) = milan();
    world
        .server
        .set(&vcek_path(Product::Milan), Reply::Status(500, vec![]));
    let collateral = world.open();
    let question = made_question(Product::Milan);
    collateral.snp(&question, SECOND / 2).expect_err("500");
    collateral.snp(&question, SECOND / 2).expect_err("not yet");
    assert_eq!(collateral.snp_list(Product::Milan, SECOND / 2), Ok(vec![]));
    let path = vcek_path(Product::Milan);
    let times = world
        .server
        .asked()
        .iter()
        .filter(|it| **it == path)
        .count();
    assert_eq!(times, 1);
}

#[test]
fn what_is_kept_is_served_while_the_vendor_is_down_and_the_answer_says_so() {
    let (_, world) = milan();
    let collateral = world.open();
    let question = made_question(Product::Milan);
    collateral.snp(&question, WITHIN).expect("all is well");
    world.server.always(Some(busy(503, None)));
    world.clock.pass(Duration::from_secs(25 * 3600));
    world.server.asked();
    for _ in 0..3 {
        let found = collateral
            .snp(&question, WITHIN)
            .expect("it is in its dates");
        let [note] = found.notes.as_slice() else {
            panic!("{:?}", found.notes);
        };
        assert!(note.says.starts_with("kept, in its dates"), "{note}");
        assert!(note.says.contains("HTTP 503"), "{note}");
    }
    assert_eq!(world.server.asked().len(), 1, "and asked no more often");
    assert!(world.clock.waited().is_empty());
}

#[test]
fn what_is_due_waits_no_longer_than_the_settings_say() {
    let (chip, mut world) = milan();
    world.settings.refresh_patience = Duration::from_millis(200);
    let collateral = world.open();
    collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("all is well");
    let reply = Reply::body(chip.crl(true, 6, &[]));
    let late = Reply::Late(SECOND * 30, Box::new(reply));
    world.server.set(MILAN_LIST, late);
    world.clock.pass(Duration::from_secs(25 * 3600));
    let start = Instant::now();
    let notes = collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("it is kept");
    assert_eq!(notes.len(), 1);
    assert!(start.elapsed() < SECOND * 5);
}

fn refreshed(collateral: &Collateral) -> Vec<Refreshed> {
    collateral.refresh(WITHIN).expect("the directory is there")
}

#[test]
fn refresh_asks_for_what_is_due_and_nothing_else() {
    let (chip, world) = milan();
    let collateral = world.open();
    collateral
        .snp(&made_question(Product::Milan), WITHIN)
        .expect("all is well");
    world.server.asked();
    assert!(refreshed(&collateral).is_empty());
    world.clock.pass(Duration::from_secs(23 * 3600));
    assert!(refreshed(&collateral).is_empty());
    world.clock.pass(Duration::from_secs(2 * 3600));
    let list = chip.crl(true, 6, &[]);
    world.server.set(MILAN_LIST, Reply::body(list));
    let new = refreshed(&collateral);
    assert_eq!(new.len(), 1);
    assert_eq!(new[0].stays, None);
    assert_eq!(world.server.asked(), [MILAN_LIST]);
    assert!(refreshed(&collateral).is_empty(), "it is new");
    let number = collateral.seen().to_json();
    assert!(number.contains("\"number\":\"6\""), "{number}");
}

#[test]
fn last_days_of_a_list_have_it_asked_for_ahead_of_time() {
    let (_, mut world) = milan();
    world.settings.refresh_every = Duration::from_secs(100 * 86_400);
    let collateral = world.open();
    collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("all is well");
    // It ends with the year: 39 days.
    world.clock.pass(Duration::from_secs(36 * 86_400));
    assert!(refreshed(&collateral).is_empty());
    world.clock.pass(Duration::from_secs(86_400));
    assert_eq!(refreshed(&collateral).len(), 1);
}

#[test]
fn one_question_at_a_time_is_asked_and_the_others_wait_for_it() {
    let (chip, world) = milan();
    let reply = Reply::body(chip.crl(true, 5, &[]));
    let late = Reply::Late(Duration::from_millis(300), Box::new(reply));
    world.server.set(MILAN_LIST, late);
    let collateral = world.open();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let notes = collateral.snp_list(Product::Milan, WITHIN);
                assert_eq!(notes, Ok(vec![]));
            });
        }
    });
    assert_eq!(world.server.asked(), [MILAN_LIST]);
    assert_eq!(world.server.most_at_once(), 1);
}

#[test]
fn others_learn_of_a_failure_and_do_not_ask_again() {
    let (_, world) = milan();
    let late = Reply::Late(
        Duration::from_millis(300),
        Box::new(Reply::Status(404, vec![])),
    );
    world.server.set(MILAN_LIST, late);
    let collateral = world.open();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let error = collateral.snp_list(Product::Milan, WITHIN);
                error.expect_err("there is none");
            });
        }
    });
    assert_eq!(world.server.asked(), [MILAN_LIST]);
}

#[test]
fn whoever_waits_for_anothers_answer_waits_within_their_own_deadline() {
    let (chip, world) = milan();
    let reply = Reply::body(chip.crl(true, 5, &[]));
    let late = Reply::Late(Duration::from_millis(1500), Box::new(reply));
    world.server.set(MILAN_LIST, late);
    let collateral = world.open();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            collateral
                .snp_list(Product::Milan, WITHIN)
                .expect("it comes")
        });
        std::thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        let second = scope.spawn(|| collateral.snp_list(Product::Milan, SECOND));
        std::thread::sleep(Duration::from_millis(100));
        world.clock.pass(SECOND);
        let error = second.join().expect("it ends").expect_err("too late");
        assert!(matches!(error, CollateralError::Waited { .. }), "{error}");
        assert!(start.elapsed() < SECOND);
    });
}

/// Chips that do not exist, as whoever sends evidence makes them up.
fn chips(question: &SnpQuestion) -> impl Iterator<Item = SnpQuestion> {
    let question = question.clone();
    (0..=u64::MAX).map(move |number| {
        let mut question = question.clone();
        question.product = Some(Product::Milan);
        question.chip_id[..8].copy_from_slice(&number.to_le_bytes());
        question
    })
}

#[test]
fn flood_of_unknown_chips_is_bounded_and_keeps_nobody_else_out() {
    let (Some(world), Some(known)) = (World::real(), milan_question()) else {
        return;
    };
    let collateral = world.open();
    collateral.snp(&known, WITHIN).expect("it is there");
    world.server.asked();
    let mut budget = 0;
    for question in chips(&known).take(100) {
        let error = collateral.snp(&question, SECOND).expect_err("no such chip");
        budget += usize::from(matches!(error, CollateralError::Budget { seconds: 60, .. }));
    }
    // One of the ten was the known chip's.
    assert_eq!(world.server.asked().len(), 9);
    assert_eq!(budget, 91);
    collateral.snp(&known, WITHIN).expect("it is still kept");
    world.clock.pass(Duration::from_secs(25 * 3600));
    let notes = collateral.snp_list(Product::Milan, WITHIN);
    assert_eq!(notes, Ok(vec![]), "lists are nobody's to make up");
    assert_eq!(world.server.asked(), [MILAN_LIST]);
}

#[test]
fn budget_comes_back_one_at_a_time_and_no_more_than_a_burst() {
    let (Some(world), Some(known)) = (World::real(), milan_question()) else {
        return;
    };
    let collateral = world.open();
    let mut unknown = chips(&known);
    let mut ask = |times: usize| {
        for question in unknown.by_ref().take(times) {
            collateral.snp(&question, SECOND).expect_err("no such chip");
        }
        world.server.asked().len()
    };
    assert_eq!(ask(15), 10);
    world.clock.pass(Duration::from_secs(59));
    assert_eq!(ask(5), 0);
    world.clock.pass(SECOND);
    assert_eq!(ask(5), 1);
    world.clock.pass(Duration::from_secs(150));
    assert_eq!(ask(5), 2);
    world.clock.pass(Duration::from_secs(30));
    assert_eq!(ask(5), 1, "half a minute was left over");
    world.clock.pass(Duration::from_secs(86_400));
    assert_eq!(ask(15), 10);
}

/// What was kept is no new name, though it is out of its dates by now.
#[test]
fn platform_that_was_known_is_asked_for_in_spite_of_a_flood() {
    let (mut intel, world) = crate::world::Intel::new();
    let collateral = world.open();
    let known = crate::world::PLATFORM;
    collateral.tdx(&known, WITHIN).expect("all is well");
    intel.scene.root_crl.next += 30 * 86_400;
    intel.scene.pck_crl.next += 30 * 86_400;
    for document in [&mut intel.scene.tcb_info, &mut intel.scene.qe_identity] {
        document["nextUpdate"] = serde_json::json!("2027-01-15T00:00:00Z");
    }
    intel.answer(&world);
    world.clock.pass(Duration::from_secs(30 * 86_400));
    for number in 0..30 {
        let fmspc = [number, 1, 2, 3, 4, 5];
        let unknown = attestation_collateral::TdxQuestion { fmspc, ..known };
        collateral
            .tdx(&unknown, SECOND)
            .expect_err("no such platform");
    }
    collateral.tdx(&known, WITHIN).expect("it is asked for");
}

#[test]
fn flood_of_unknown_platforms_is_bounded() {
    let (_, world) = crate::world::Intel::new();
    let collateral = world.open();
    collateral
        .tdx(&crate::world::PLATFORM, WITHIN)
        .expect("all is well");
    world.server.asked();
    for number in 0..30 {
        let question = attestation_collateral::TdxQuestion {
            fmspc: [number, 1, 2, 3, 4, 5],
            ..crate::world::PLATFORM
        };
        collateral
            .tdx(&question, SECOND)
            .expect_err("no such platform");
    }
    assert_eq!(world.server.asked().len(), 9);
    collateral
        .tdx(&crate::world::PLATFORM, SECOND)
        .expect("it is kept");
}
