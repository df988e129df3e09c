//! A data directory that is not whole, or not its own, is not served from.

use std::os::unix::fs::{PermissionsExt, chown};

use crate::support::Place;
use attestation_service::names;

#[test]
fn key_of_another_backup_stops_the_start_and_both_files_are_named() {
    for key in [names::TLS_KEY, names::LOG_KEY] {
        let (place, other) = (Place::new(), Place::new());
        std::fs::copy(other.data_dir.join(key), place.data_dir.join(key)).unwrap();

        let error = place.serve_error();

        assert!(
            error.contains(key) && error.contains(names::PINS),
            "{error}"
        );
    }
}

#[test]
fn pins_missing_or_damaged_stop_the_start_and_are_named() {
    let place = Place::new();
    let pins = place.data_dir.join(names::PINS);
    std::fs::write(&pins, "{}").unwrap();
    let damaged = place.serve_error();
    std::fs::remove_file(&pins).unwrap();
    let missing = place.serve_error();

    for error in [damaged, missing] {
        assert!(error.contains(names::PINS), "{error}");
    }
}

#[test]
fn side_file_of_the_store_that_is_open_to_others_stops_the_start() {
    for beside in ["-wal", "-shm"] {
        let place = Place::new();
        let name = format!("{}{beside}", names::STORE);
        let path = place.data_dir.join(&name);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();

        let error = place.serve_error();

        assert!(
            error.contains(&name) && error.contains("open to other users"),
            "{error}"
        );
    }
}

#[test]
fn side_files_of_a_running_servers_store_are_private() {
    let place = Place::new();
    let _verifier = place.serve().furnished();
    for beside in ["-wal", "-shm"] {
        let path = place.data_dir.join(format!("{}{beside}", names::STORE));
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{beside}");
    }
}

#[test]
fn data_directory_of_another_user_stops_the_start() {
    let place = Place::new();
    if chown(&place.data_dir, Some(65_534), None).is_err() {
        println!("skipped: only root can give a directory away");
        return;
    }

    let error = place.serve_error();

    assert!(error.contains("belongs to user 65534"), "{error}");
    // A lock of ours would keep its owner out.
    let lock = std::fs::metadata(place.data_dir.join(names::LOCK));
    assert!(lock.is_err(), "{lock:?}");
}
