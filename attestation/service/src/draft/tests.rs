use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn names(place: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(place).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

/// What a maker of `bundle` leaves that was killed: a draft with a file in it.
fn abandoned(place: &Path, name: &str) -> PathBuf {
    let path = place.join(name);
    DirBuilder::new().mode(0o700).create(&path).unwrap();
    fs::write(path.join(MARK), "bundle").unwrap();
    fs::create_dir(path.join(MADE)).unwrap();
    fs::write(path.join(MADE).join("file"), "").unwrap();
    path
}

fn removed(place: &Path) -> Vec<PathBuf> {
    remove_abandoned_drafts(&place.join("bundle")).unwrap()
}

#[test]
fn draft_of_a_living_maker_stays_until_it_is_dropped() {
    let place = tempfile::tempdir().unwrap();
    let draft = Draft::begin(&place.path().join("bundle"), 0o700).unwrap();
    fs::write(draft.path().join("file"), "").unwrap();

    assert_eq!(removed(place.path()), [""; 0].map(PathBuf::from));

    assert!(draft.path().join("file").exists());
    drop(draft);
    assert_eq!(names(place.path()), [""; 0]);
}

#[test]
fn published_directory_has_what_was_made_and_its_mode_and_nothing_else_stays() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("bundle");
    let draft = Draft::begin(&target, 0o710).unwrap();
    fs::write(draft.path().join("file"), "").unwrap();

    draft.publish(&target).unwrap();

    assert_eq!(names(place.path()), ["bundle"]);
    assert_eq!(names(&target), ["file"]);
    let mode = fs::metadata(&target).unwrap().permissions().mode() & 0o777;
    assert!([0o700, 0o710].contains(&mode), "{mode:o}");
}

#[test]
fn draft_without_a_maker_is_removed_with_all_in_it_and_named() {
    let place = tempfile::tempdir().unwrap();
    for name in ["bundle.making-1", "bundle.making-1-2"] {
        let abandoned = abandoned(place.path(), name);
        assert_eq!(removed(place.path()), [abandoned]);
        assert_eq!(names(place.path()), [""; 0]);
    }
}

#[test]
fn removal_that_was_killed_is_taken_up_again() {
    let place = tempfile::tempdir().unwrap();
    let abandoned = abandoned(place.path(), "bundle.making-1");
    fs::remove_dir_all(abandoned.join(MADE)).unwrap();
    assert_eq!(removed(place.path()), [abandoned]);
}

/// Whoever may rename in the place can give any directory of ours a draft's name.
#[test]
fn directory_that_only_has_a_drafts_name_stays() {
    type Change = fn(&Path);
    let changes: [Change; 6] = [
        |draft| fs::remove_file(draft.join(MARK)).unwrap(),
        |draft| fs::write(draft.join(MARK), "bund").unwrap(),
        |draft| fs::write(draft.join(MARK), "bundles").unwrap(),
        |draft| {
            fs::rename(draft.join(MARK), draft.join("mark")).unwrap();
            symlink("mark", draft.join(MARK)).unwrap();
        },
        // Others could have put the mark there.
        |draft| fs::set_permissions(draft, PermissionsExt::from_mode(0o770)).unwrap(),
        |draft| fs::set_permissions(draft, PermissionsExt::from_mode(0o701)).unwrap(),
    ];
    for (which, change) in changes.into_iter().enumerate() {
        let place = tempfile::tempdir().unwrap();
        let draft = abandoned(place.path(), "bundle.making-1");
        change(&draft);
        assert_eq!(removed(place.path()), [""; 0].map(PathBuf::from), "{which}");
        assert!(draft.join(MADE).join("file").exists(), "{which}");
    }
}

#[test]
fn what_a_draft_has_not_is_not_removed_with_it() {
    let place = tempfile::tempdir().unwrap();
    let draft = abandoned(place.path(), "bundle.making-1");
    fs::write(draft.join("thesis"), "").unwrap();

    let error = remove_abandoned_drafts(&place.path().join("bundle")).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    assert_eq!(names(&draft), ["thesis"]);
}

#[test]
fn what_has_no_drafts_name_stays() {
    let place = tempfile::tempdir().unwrap();
    let others = [
        "bundle",
        "bundle.making-",
        "bundle.making-1a",
        "bundle.making-1-",
        "bundle.making--1",
        "bundle.making-1-2-3",
        "other.making-1",
        "making-1",
    ];
    for name in others {
        abandoned(place.path(), name);
    }
    fs::write(place.path().join("bundle.making-2"), "").unwrap();
    let elsewhere = abandoned(place.path(), "elsewhere");
    symlink(elsewhere, place.path().join("bundle.making-3")).unwrap();

    assert_eq!(removed(place.path()), [""; 0].map(PathBuf::from));

    assert_eq!(names(place.path()).len(), others.len() + 3);
}

#[test]
fn draft_whose_name_is_taken_gets_another() {
    let place = tempfile::tempdir().unwrap();
    let (target, pid) = (place.path().join("bundle"), std::process::id());
    let first = Draft::begin(&target, 0o700).unwrap();
    let second = Draft::begin(&target, 0o700).unwrap();
    let named = |draft: &Draft, name: String| assert_eq!(draft.around, target.with_file_name(name));
    named(&first, format!("bundle.making-{pid}"));
    named(&second, format!("bundle.making-{pid}-1"));
    assert!(removed(place.path()).is_empty());
}

#[test]
fn draft_that_cannot_be_made_is_named() {
    let place = tempfile::tempdir().unwrap();
    let target = place.path().join("nowhere/bundle");
    let error = Draft::begin(&target, 0o700).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("bundle.making-"), "{error}");

    let target = place.path().join("bundle");
    let drafts: Vec<Draft> = (0..NAMES)
        .map(|_| Draft::begin(&target, 0o700).unwrap())
        .collect();
    let error = Draft::begin(&target, 0o700).unwrap_err();
    assert!(error.to_string().contains("are taken"), "{error}");
    drop(drafts);
}

#[test]
fn draft_of_another_user_stays() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a directory to another user");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let others = abandoned(place.path(), "bundle.making-1");
    std::os::unix::fs::chown(&others, Some(1), None).unwrap();

    assert!(removed(place.path()).is_empty() && others.exists());
}
