//! Disks, opened again by the programs of others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use measured_boot_disk::{DiskSecret, SectorCipher};
use measured_boot_image::{DiskBuildError, DiskReport, DiskRequest, build_disk, finish_disk};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::forge::{listing, sha256};

/// A directory with a payload, and where disk and secret go.
struct Place {
    dir: TempDir,
    payload: PathBuf,
    image: PathBuf,
    secret: PathBuf,
}

impl Place {
    fn with(payload: &[u8]) -> Self {
        let dir = TempDir::new().unwrap();
        let at = |name| dir.path().join(name);
        let place = Self {
            payload: at("payload"),
            image: at("data.img"),
            secret: at("secret.json"),
            dir,
        };
        fs::write(&place.payload, payload).unwrap();
        place
    }

    fn build(&self) -> Result<DiskReport, DiskBuildError> {
        build_disk(&self.request())
    }

    fn request(&self) -> DiskRequest<'_> {
        let mut crypt_key = Zeroizing::new([0x42; 64]);
        crypt_key[63] = 0;
        DiskRequest {
            payload: &self.payload,
            image: &self.image,
            secret: &self.secret,
            replace: false,
            work_dir: None,
            crypt_key,
            verity_salt: vec![0x5a; 32],
            uuid: *b"cloister-testing",
            stop_after: None,
        }
    }

    fn secret(&self) -> DiskSecret {
        DiskSecret::from_json(&fs::read(&self.secret).unwrap()).unwrap()
    }

    /// Decrypts the disk into a file.
    fn decrypted(&self) -> PathBuf {
        let mut disk = fs::read(&self.image).unwrap();
        SectorCipher::new(self.secret().crypt_key())
            .decrypt(0, &mut disk)
            .unwrap();
        let plain = self.dir.path().join("plain.img");
        fs::write(&plain, disk).unwrap();
        plain
    }
}

fn payload(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| (at / 7).to_le_bytes()[0] ^ (at >> 11).to_le_bytes()[0])
        .collect()
}

fn installed() -> bool {
    let found = ["mke2fs", "debugfs", "e2fsck", "veritysetup"]
        .iter()
        .all(|program| {
            ["/usr/sbin", "/sbin", "/usr/bin"]
                .iter()
                .any(|dir| Path::new(dir).join(program).exists())
        });
    if !found {
        println!("skipped: needs the packages e2fsprogs and cryptsetup-bin");
    }
    found
}

fn run(program: &str, args: &[&str]) -> (bool, Vec<u8>) {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let output = Command::new(program)
        .args(args)
        .env("PATH", path)
        .output()
        .unwrap();
    (output.status.success(), output.stdout)
}

fn verity_agrees(plain: &Path, secret: &DiskSecret) -> bool {
    let plain = plain.to_str().unwrap();
    let offset = format!("--hash-offset={}", secret.layout().superblock_offset());
    let root = hex::encode(secret.verity_root_hash());
    run("veritysetup", &["verify", &offset, plain, plain, &root]).0
}

#[test]
fn disk_decrypted_is_a_file_system_with_the_payload() {
    if !installed() {
        return;
    }
    for size in [0, 1, 4096, 300_001] {
        let place = Place::with(&payload(size));
        let report = place.build().unwrap();
        let plain = place.decrypted();
        let path = plain.to_str().unwrap();
        assert!(run("e2fsck", &["-f", "-n", path]).0, "{size}");
        assert_eq!(
            run("debugfs", &["-R", "cat payload.bin", path]).1,
            payload(size)
        );
        assert_eq!(report.payload_sha256, sha256(&payload(size)));
        assert_eq!(report.disk_sha256, sha256(&fs::read(&place.image).unwrap()));
        assert_eq!(report.disk_bytes, place.secret().layout().disk_bytes());
    }
}

#[test]
fn disk_verity_tree_is_what_veritysetup_verifies() {
    if !installed() {
        return;
    }
    let place = Place::with(&payload(300_000));
    place.build().unwrap();
    assert!(verity_agrees(&place.decrypted(), &place.secret()));
}

#[test]
fn disk_with_one_byte_changed_fails_verity() {
    if !installed() {
        return;
    }
    let place = Place::with(&payload(300_000));
    place.build().unwrap();
    let whole = fs::read(&place.image).unwrap();
    for at in [0, 100_000, whole.len() - 4096] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&place.image, changed).unwrap();
        assert!(!verity_agrees(&place.decrypted(), &place.secret()), "{at}");
    }
}

#[test]
fn disk_shows_nothing_of_its_content() {
    if !installed() {
        return;
    }
    let place = Place::with(&b"attack at dawn. ".repeat(4096));
    place.build().unwrap();
    let disk = fs::read(&place.image).unwrap();
    for known in [
        &b"attack at dawn. "[..],
        b"payload.bin",
        b"verity\0\0",
        b"cloister-testing",
    ] {
        assert!(!disk.windows(known.len()).any(|window| window == known));
    }
    // Equal sectors must not look equal: the tweak is the sector's number.
    let mut sectors: Vec<&[u8]> = disk.chunks(512).collect();
    sectors.sort_unstable();
    sectors.dedup();
    assert_eq!(sectors.len() * 512, disk.len());
}

#[test]
fn disk_secret_is_for_its_owner_only() {
    if !installed() {
        return;
    }
    let place = Place::with(b"x");
    place.build().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&place.secret), mode(&place.image)), (0o600, 0o644));
}

#[test]
fn disk_of_a_sparse_payload_equals_that_of_a_full_one() {
    if !installed() {
        return;
    }
    let full = Place::with(&vec![0; 1 << 20]);
    let sparse = Place::with(b"");
    fs::File::options()
        .write(true)
        .open(&sparse.payload)
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    assert_eq!(full.build().unwrap(), sparse.build().unwrap());
}

#[test]
fn disk_from_a_payload_of_another_mode_and_time_is_the_same() {
    if !installed() {
        return;
    }
    let (one, two) = (Place::with(b"same"), Place::with(b"same"));
    fs::set_permissions(&one.payload, PermissionsExt::from_mode(0o400)).unwrap();
    let built = one.build().unwrap();
    // File systems hold whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    fs::set_permissions(&two.payload, PermissionsExt::from_mode(0o777)).unwrap();
    assert_eq!(two.build().unwrap(), built);
    assert_eq!(
        fs::read(&one.secret).unwrap(),
        fs::read(&two.secret).unwrap()
    );
}

#[test]
fn disk_and_secret_are_not_replaced_unasked() {
    if !installed() {
        return;
    }
    for existing in ["data.img", "secret.json"] {
        let place = Place::with(b"x");
        fs::write(place.dir.path().join(existing), "precious").unwrap();
        assert!(matches!(place.build(), Err(DiskBuildError::Exists(_))));
        assert_eq!(
            fs::read(place.dir.path().join(existing)).unwrap(),
            b"precious"
        );
        build_disk(&DiskRequest {
            replace: true,
            ..place.request()
        })
        .unwrap();
        assert_eq!(
            listing(place.dir.path()),
            ["data.img", "payload", "secret.json"]
        );
        assert!(verity_agrees(&place.decrypted(), &place.secret()));
    }
}

#[test]
fn disk_and_secret_under_one_name_refused() {
    let place = Place::with(b"x");
    let other_spelling = place.dir.path().join(".").join("data.img");
    let request = DiskRequest {
        secret: &other_spelling,
        ..place.request()
    };
    assert!(matches!(
        build_disk(&request),
        Err(DiskBuildError::SameFile(_))
    ));
}

/// The new secret lies there while the disk takes its name, and a rename follows.
#[test]
fn disk_under_the_name_of_a_parked_secret_refused_before_anything_is_made() {
    let place = Place::with(b"x");
    let at = |name: &str| place.dir.path().join(".").join(name);
    fs::write(&place.secret, "precious").unwrap();
    for existing in [false, true] {
        if existing {
            fs::write(at("secret.json.new"), "a disk").unwrap();
        }
        assert!(!finish_disk(&at("secret.json.new"), &place.secret).unwrap());
        let request = DiskRequest {
            payload: Path::new("/nonexistent/file"),
            image: &at("secret.json.new"),
            replace: true,
            ..place.request()
        };
        assert!(matches!(
            build_disk(&request),
            Err(DiskBuildError::ParkedName(_))
        ));
        assert_eq!(fs::read(&place.secret).unwrap(), b"precious");
    }
    assert_eq!(fs::read(at("secret.json.new")).unwrap(), b"a disk");
}

#[test]
fn disk_beside_an_unfinished_one_refused_before_anything_is_read() {
    let place = Place::with(b"x");
    fs::write(place.dir.path().join("secret.json.new"), "left").unwrap();
    let request = DiskRequest {
        payload: Path::new("/nonexistent/file"),
        ..place.request()
    };
    assert!(matches!(
        build_disk(&request),
        Err(DiskBuildError::Unfinished { .. })
    ));
}

/// Every read of it yields something else.
#[test]
fn disk_of_a_payload_that_changes_meanwhile_refused() {
    if !installed() {
        return;
    }
    let place = Place::with(b"x");
    let request = DiskRequest {
        payload: Path::new("/proc/uptime"),
        ..place.request()
    };
    assert!(matches!(
        build_disk(&request),
        Err(DiskBuildError::PayloadChanged(_))
    ));
}

#[test]
fn disk_of_a_directory_refused_by_name() {
    let place = Place::with(b"x");
    let request = DiskRequest {
        payload: place.dir.path(),
        ..place.request()
    };
    assert!(matches!(
        build_disk(&request),
        Err(DiskBuildError::NotAFile(_))
    ));
}

#[test]
fn disk_whose_secret_cannot_be_named_is_not_made() {
    if !installed() {
        return;
    }
    let place = Place::with(b"x");
    fs::create_dir(&place.secret).unwrap();
    let request = DiskRequest {
        replace: true,
        ..place.request()
    };
    assert!(matches!(
        build_disk(&request),
        Err(DiskBuildError::Write { .. })
    ));
    assert_eq!(listing(place.dir.path()), ["payload", "secret.json"]);
}

#[test]
fn disk_failed_leaves_nothing() {
    if !installed() {
        return;
    }
    let place = Place::with(b"x");
    let nowhere = Path::new("/nonexistent/file");
    let (dir, proc) = (place.dir.path(), Path::new("/proc/secret.json"));
    let weak = Zeroizing::new([0; 64]);
    for request in [
        DiskRequest {
            payload: nowhere,
            ..place.request()
        },
        DiskRequest {
            payload: dir,
            ..place.request()
        },
        DiskRequest {
            image: nowhere,
            ..place.request()
        },
        DiskRequest {
            secret: nowhere,
            ..place.request()
        },
        DiskRequest {
            secret: proc,
            ..place.request()
        },
        DiskRequest {
            crypt_key: weak,
            ..place.request()
        },
        DiskRequest {
            verity_salt: vec![1; 257],
            ..place.request()
        },
    ] {
        assert!(build_disk(&request).is_err(), "{request:?}");
        assert_eq!(listing(dir), ["payload"]);
    }
}
