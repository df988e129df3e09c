use measured_boot_disk::{CRYPT_KEY_BYTES, DiskLayout};
use std::io::Write;
use tempfile::TempDir;

use super::*;

/// A disk of noise and one block of a tree, and the secret that opens it.
fn made(fill: u8) -> (Vec<u8>, DiskSecret) {
    let layout = DiskLayout::new(2).unwrap();
    let salt = vec![fill; 32];
    let mut disk = vec![fill; usize::try_from(layout.disk_bytes()).unwrap()];
    let tree = usize::try_from(layout.hash_start_block() * u64::from(BLOCK_BYTES)).unwrap();
    let root = Sha256::new()
        .chain_update(&salt)
        .chain_update(&disk[tree..]);
    let mut key = [fill; CRYPT_KEY_BYTES];
    key[0] ^= 1;
    let secret = DiskSecret::new(Zeroizing::new(key), root.finalize().into(), salt, layout);
    SectorCipher::new(&key).encrypt(0, &mut disk).unwrap();
    (disk, secret.unwrap())
}

struct Place {
    _dir: TempDir,
    image: PathBuf,
    secret: PathBuf,
}

impl Place {
    /// With an old pair in it.
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let place = Self {
            image: dir.path().join("data.img"),
            secret: dir.path().join("secret.json"),
            _dir: dir,
        };
        let (disk, secret) = made(1);
        fs::write(&place.image, disk).unwrap();
        fs::write(&place.secret, secret.to_json()).unwrap();
        place
    }

    fn new_pair(&self) -> Pair<'_> {
        let (disk, secret) = made(2);
        let staged = |path: &Path, content: &[u8]| {
            let staged = Staged::new(path, 0o600).unwrap();
            staged.file().write_all(content).unwrap();
            staged
        };
        Pair::new(
            (&self.image, staged(&self.image, &disk)),
            (&self.secret, staged(&self.secret, &secret.to_json())),
        )
    }

    /// Which pair is there: 1 the old one, 2 the new one, whichever name its secret has.
    fn whole_pair(&self) -> Option<u8> {
        let disk = fs::read(&self.image).unwrap();
        let secrets = [self.secret.clone(), parked(&self.secret)].map(fs::read);
        (1..=2).find(|fill| {
            let (expected, secret) = made(*fill);
            let json = secret.to_json();
            let has_secret =
                |found: &io::Result<Vec<u8>>| found.as_ref().is_ok_and(|f| *f == *json);
            disk == expected && secrets.iter().any(has_secret)
        })
    }

    fn finish(&self) -> Result<bool, DiskBuildError> {
        finish_disk(&self.image, &self.secret)
    }
}

/// The heart: whichever step was the last, one pair is whole, and the next run sees which.
#[test]
fn pair_cut_off_after_any_step_is_whole_and_finished_or_refused_by_name() {
    for done in 0..=Pair::STEPS.len() {
        let place = Place::new();
        let mut pair = place.new_pair();
        for step in &Pair::STEPS[..done] {
            step(&mut pair).unwrap();
        }
        // As a dying program does: its locks go, its files stay.
        drop(pair);
        let expected = if done < 2 { 1 } else { 2 };
        assert_eq!(place.whole_pair(), Some(expected), "after {done} steps");
        match place.finish() {
            Ok(finished) => assert_eq!(finished, done == 2, "after {done} steps"),
            Err(DiskBuildError::Unfinished { .. }) => assert_eq!(done, 1),
            Err(error) => panic!("after {done} steps: {error}"),
        }
        assert_eq!(parked(&place.secret).exists(), done == 1);
        assert_eq!(place.whole_pair(), Some(expected), "after {done} steps");
    }
}

#[test]
fn pair_of_a_living_run_is_not_finished_by_another() {
    let place = Place::new();
    let mut pair = place.new_pair();
    pair.park_secret().unwrap();
    pair.name_image().unwrap();
    assert!(matches!(place.finish(), Err(DiskBuildError::Busy(_))));
    pair.name_secret().unwrap();
    assert!(!place.finish().unwrap());
}

/// It must not be called abandoned: who then removed it would lose the disk.
#[test]
fn pair_of_a_living_run_makes_another_run_wait() {
    let place = Place::new();
    let mut pair = place.new_pair();
    pair.park_secret().unwrap();
    let free = require_finished(&place.image, &place.secret);
    assert!(matches!(free, Err(DiskBuildError::Busy(_))));
    let other = place.new_pair().publish(None);
    assert!(matches!(other, Err(DiskBuildError::Busy(_))));
}

/// Between the opening and the locking of a parked secret, its run may end, and a third park its own.
#[test]
fn parked_secret_that_took_its_name_meanwhile_is_not_taken_for_a_left_one() {
    let place = Place::new();
    let parked = parked(&place.secret);
    let mut pair = place.new_pair();
    pair.park_secret().unwrap();
    let opened = open_left(&parked).unwrap().unwrap();
    pair.name_image().unwrap();
    pair.name_secret().unwrap();
    drop(pair);
    assert!(!lock_left(&opened, &place.image, &parked).unwrap(), "named");
    fs::write(&parked, "a third run's").unwrap();
    assert!(!lock_left(&opened, &place.image, &parked).unwrap(), "taken");
    let third = open_left(&parked).unwrap().unwrap();
    assert!(lock_left(&third, &place.image, &parked).unwrap());
}

#[test]
fn pair_whose_disk_cannot_be_named_leaves_the_old_one() {
    let place = Place::new();
    let pair = place.new_pair();
    fs::remove_file(&place.image).unwrap();
    fs::create_dir(&place.image).unwrap();
    assert!(matches!(
        pair.publish(None),
        Err(DiskBuildError::Write { .. })
    ));
    assert!(!parked(&place.secret).exists());
    assert_eq!(fs::read(&place.secret).unwrap(), *made(1).1.to_json());
}

#[test]
fn pair_whose_secret_cannot_be_named_says_where_it_is() {
    let place = Place::new();
    let pair = place.new_pair();
    fs::remove_file(&place.secret).unwrap();
    fs::create_dir(&place.secret).unwrap();
    let error = pair.publish(None).unwrap_err();
    assert!(matches!(error, DiskBuildError::SecretUnnamed { .. }));
    assert!(
        error.to_string().contains("secret.json.new its secret"),
        "{error}"
    );
    fs::remove_dir(&place.secret).unwrap();
    assert!(place.finish().unwrap());
    assert_eq!(place.whole_pair(), Some(2));
}

#[test]
fn parked_secret_of_another_disk_or_no_secret_is_refused_and_kept() {
    let place = Place::new();
    let (_, other) = made(3);
    for content in [&other.to_json()[..], b"precious notes"] {
        fs::write(parked(&place.secret), content).unwrap();
        let error = place.finish().unwrap_err();
        assert!(
            error.to_string().contains("secret.json.new was left"),
            "{error}"
        );
        assert!(require_finished(&place.image, &place.secret).is_err());
        assert!(place.new_pair().publish(None).is_err());
        assert_eq!(fs::read(parked(&place.secret)).unwrap(), content);
        assert_eq!(place.whole_pair(), Some(1));
    }
}

/// The key alone is not enough: two disks of one key differ in their content.
#[test]
fn secret_opens_only_the_disk_of_its_root_hash() {
    let place = Place::new();
    let (disk, secret) = made(1);
    assert!(opens(&secret, &place.image).unwrap());
    let layout = secret.layout();
    let key = Zeroizing::new(*secret.crypt_key());
    let other = DiskSecret::new(key, [0; 32], secret.verity_salt().to_vec(), layout).unwrap();
    assert!(!opens(&other, &place.image).unwrap());
    fs::write(&place.image, &disk[512..]).unwrap();
    assert!(!opens(&secret, &place.image).unwrap());
}
