//! The directory, and what is read back from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use attestation_collateral::{Channel, CollateralError, OpenError, Product, ShelfError, VekKind};
use attestation_snp::test_support::Chip;

use crate::server::Reply;
use crate::world::{Intel, MILAN_LIST, PLATFORM, WITHIN, World, made_question, world_of};

fn filled() -> (Chip, World) {
    let chip = Chip::new(Product::Milan, VekKind::Vcek);
    let world = world_of(&chip);
    let found = world.open().snp(&made_question(Product::Milan), WITHIN);
    found.expect("all is well");
    world.server.asked();
    (chip, world)
}

fn file(world: &World, start: &str) -> PathBuf {
    let mut names = fs::read_dir(world.directory()).expect("a directory");
    let found = names.find_map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path.file_name()?.to_str()?.to_owned();
        name.starts_with(start).then_some(path)
    });
    found.expect("it is kept")
}

fn shelf_error(world: &World) -> ShelfError {
    match world.try_open() {
        Err(OpenError::Shelf(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn directory_is_this_users_alone() {
    let (_, world) = filled();
    let mode = |path| {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(world.directory()), 0o700);
    assert_eq!(mode(&file(&world, "vcek")), 0o600);
    for open in [0o710, 0o704, 0o770] {
        let permissions = fs::Permissions::from_mode(open);
        fs::set_permissions(world.directory(), permissions).expect("it is ours");
        let error = shelf_error(&world);
        assert!(matches!(error, ShelfError::Open { .. }), "{error}");
    }
}

#[test]
fn directory_of_something_else_is_not_begun() {
    let (_, world) = Intel::new();
    fs::create_dir(world.directory()).expect("a directory");
    let permissions = fs::Permissions::from_mode(0o700);
    fs::set_permissions(world.directory(), permissions).expect("it is ours");
    fs::write(world.directory().join("letter.txt"), "dear").expect("written");
    let error = shelf_error(&world);
    assert!(matches!(error, ShelfError::Foreign { .. }), "{error}");
    fs::remove_file(world.directory().join("letter.txt")).expect("removed");
    world.open();
}

#[test]
fn account_that_is_gone_or_damaged_is_not_begun_anew() {
    let (_, world) = filled();
    let seen = world.directory().join("seen.json");
    fs::write(&seen, "{}").expect("written");
    let error = shelf_error(&world);
    assert!(matches!(error, ShelfError::Account { .. }), "{error}");
    fs::remove_file(&seen).expect("removed");
    let error = shelf_error(&world);
    assert!(matches!(error, ShelfError::Account { .. }), "{error}");
}

#[test]
fn directory_is_of_one_channel_and_of_its_roots() {
    let (_, mut world) = Intel::new();
    world.open();
    world.settings.vendors.channel = Channel::Early;
    let error = shelf_error(&world);
    assert!(error.to_string().contains("update=standard"), "{error}");
    world.settings.vendors.channel = Channel::Standard;
    world.open();
    let (_, other) = Intel::new();
    world.settings.intel = other.settings.intel.clone();
    let error = shelf_error(&world);
    assert!(error.to_string().contains("other roots"), "{error}");
}

#[test]
fn early_channel_is_asked_where_it_is_chosen() {
    let (_, mut world) = Intel::new();
    world.settings.vendors.channel = Channel::Early;
    world
        .open()
        .tdx(&PLATFORM, WITHIN)
        .expect_err("not answered");
    let early = |path: &String| path.ends_with("update=early");
    assert!(world.server.asked().iter().any(early));
}

/// Each file, each of them spoiled in every way that somebody could: it is asked for again.
#[test]
fn file_that_was_changed_is_not_believed() {
    let (_, world) = filled();
    for start in ["vcek", "amd-list", "amd-chain"] {
        let path = file(&world, start);
        let good = fs::read_to_string(&path).expect("it is kept");
        let at = good.find("\"body\":\"").expect("it has one") + 40;
        let mut flipped = good.clone().into_bytes();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let spoiled = [
            flipped,
            Vec::new(),
            b"{}".to_vec(),
            good[..good.len() / 2].into(),
            good.replacen("\"version\":1", "\"version\":2", 1)
                .into_bytes(),
            good.replacen('{', "{\"more\":1,", 1).into_bytes(),
        ];
        for bytes in spoiled {
            fs::write(&path, bytes).expect("written");
            let collateral = world.open();
            let left_out = collateral.check().expect("it is read");
            assert!(
                left_out.iter().any(|it| it.file.starts_with(start)),
                "{left_out:?}"
            );
            let found = collateral.snp(&made_question(Product::Milan), WITHIN);
            assert!(
                found
                    .expect("it is asked for again")
                    .proof
                    .proven()
                    .is_some()
            );
            assert_eq!(world.server.asked().len(), 1, "{start}");
            assert_eq!(fs::read_to_string(&path).expect("kept").len(), good.len());
        }
    }
}

#[test]
fn file_under_anothers_name_is_not_believed() {
    let (_, world) = filled();
    let path = file(&world, "amd-list");
    let other = world.directory().join("amd-list.genoa.json");
    fs::rename(&path, &other).expect("renamed");
    let collateral = world.open();
    let left_out = collateral.check().expect("it is read");
    assert!(left_out[0].why.contains("amd-list/milan"), "{left_out:?}");
    assert!(
        collateral
            .list()
            .iter()
            .all(|it| it.subject.to_string() != "amd-list/milan")
    );
}

#[test]
fn older_file_that_was_put_back_is_not_believed() {
    let (chip, world) = filled();
    let path = file(&world, "amd-list");
    let older = fs::read(&path).expect("it is kept");
    world
        .server
        .set(MILAN_LIST, Reply::body(chip.crl(true, 6, &[])));
    world.clock.pass(Duration::from_secs(25 * 3600));
    world
        .open()
        .snp_list(Product::Milan, WITHIN)
        .expect("number 6");
    fs::write(&path, older).expect("written");
    let collateral = world.open();
    let left_out = collateral.check().expect("it is read");
    assert!(left_out[0].why.contains("older than"), "{left_out:?}");
    assert_eq!(collateral.list().len(), 2, "the list is not among them");
}

#[test]
fn what_another_run_has_kept_is_taken_up() {
    let (chip, world) = filled();
    let (first, second) = (world.open(), world.open());
    let list = chip.crl(true, 6, &[]);
    world.server.set(MILAN_LIST, Reply::body(list.clone()));
    world.clock.pass(Duration::from_secs(25 * 3600));
    first.snp_list(Product::Milan, WITHIN).expect("number 6");
    world.server.asked();
    let found = second.snp(&made_question(Product::Milan), WITHIN);
    assert_eq!(found.expect("it is on disk").crls, [list]);
    assert_eq!(world.server.asked(), Vec::<String>::new());
    assert_eq!(second.seen(), first.seen());
}

#[test]
fn refresh_takes_up_what_another_run_has_imported() {
    let (chip, world) = filled();
    let (running, importing) = (world.open(), world.open());
    let list = chip.crl(true, 6, &[]);
    let far = {
        world.server.set(MILAN_LIST, Reply::body(list.clone()));
        let mut far = world.without_network();
        far.settings.offline = false;
        let collateral = far.open();
        collateral
            .snp_list(Product::Milan, WITHIN)
            .expect("number 6");
        collateral.export()
    };
    importing.import(far.as_bytes()).expect("an export");
    world.server.asked();
    let refreshed = running.refresh(WITHIN).expect("the directory is there");
    assert!(refreshed.is_empty(), "nothing is due");
    let found = running.snp(&made_question(Product::Milan), WITHIN);
    assert_eq!(found.expect("it is there").crls, [list]);
    assert_eq!(world.server.asked(), Vec::<String>::new());
}

/// Two runs on one directory: what one has seen, the other does not put an older one in the place of.
#[test]
fn what_another_run_has_seen_is_not_replaced_by_something_older() {
    let (chip, world) = filled();
    let (first, second) = (world.open(), world.open());
    world.clock.pass(Duration::from_secs(25 * 3600));
    world
        .server
        .set(MILAN_LIST, Reply::body(chip.crl(true, 7, &[])));
    first.snp_list(Product::Milan, WITHIN).expect("number 7");
    let path = file(&world, "amd-list");
    fs::remove_file(&path).expect("removed");
    world
        .server
        .set(MILAN_LIST, Reply::body(chip.crl(true, 6, &[])));
    let notes = second.snp_list(Product::Milan, WITHIN).expect("number 5");
    assert!(
        notes[0].says.contains("older than what was seen"),
        "{notes:?}"
    );
    assert!(!path.exists(), "number 6 was not kept");
}

#[test]
fn draft_that_a_killed_run_left_is_removed() {
    let (_, world) = filled();
    let draft = world.directory().join(".draft-abc");
    fs::write(&draft, "half").expect("written");
    world.open();
    assert!(!draft.exists());
}

#[test]
fn directory_that_cannot_be_written_is_an_error_and_nothing_is_handed_out() {
    let (_, world) = Intel::new();
    let collateral = world.open();
    fs::remove_dir_all(world.directory()).expect("removed");
    let error = collateral
        .tdx(&PLATFORM, WITHIN)
        .expect_err("nowhere to keep it");
    assert!(matches!(error, CollateralError::Shelf(_)), "{error}");
}

#[test]
fn time_at_which_it_came_is_not_believed_beyond_now() {
    let (_, world) = filled();
    let path = file(&world, "amd-list");
    let text = fs::read_to_string(&path).expect("it is kept");
    let far = text.replacen("\"fetched\":1795348800", "\"fetched\":9999999999", 1);
    assert_ne!(far, text);
    fs::write(&path, far).expect("written");
    let collateral = world.open();
    world.clock.pass(Duration::from_secs(25 * 3600));
    collateral
        .snp_list(Product::Milan, WITHIN)
        .expect("it is there");
    assert_eq!(world.server.asked(), [MILAN_LIST]);
}
