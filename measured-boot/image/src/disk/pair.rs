//! A disk and its secret take their names one after the other, and no moment in between loses both.
//!
//! 1. the new secret is written as `SECRET.new`,
//! 2. the new disk takes the place of the old one,
//! 3. `SECRET.new` takes the place of `SECRET`.
//!
//! A run that ends before 2 leaves the old pair; one that ends after 2 leaves the new disk, whose secret
//! is `SECRET.new`. The next run sees which, by whether that secret opens that disk.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use measured_boot_disk::{BLOCK_BYTES, DiskSecret, SECTORS_PER_BLOCK, SectorCipher};
use measured_boot_draft::Deferral;
use rustix::process::{Signal, getpid, kill_process};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::build::{DiskBuildError, read_error, resolved, write_error};
use crate::draft::has_name;
use crate::staged::{Staged, sync_directory_of};

/// A finished disk and its finished secret, both under no name yet.
pub(super) struct Pair<'a> {
    image: &'a Path,
    secret: &'a Path,
    new_image: Option<Staged>,
    new_secret: Option<Staged>,
    /// Locked while it has its parked name, so that no other run takes it for abandoned.
    parked: Option<File>,
    /// Over all steps: a signal between two of them would leave the secret parked.
    _deferral: Deferral,
}

type Step<'a> = fn(&mut Pair<'a>) -> Result<(), DiskBuildError>;

impl<'a> Pair<'a> {
    /// Their order is what makes a death between any two of them harmless.
    const STEPS: [Step<'a>; 3] = [Self::park_secret, Self::name_image, Self::name_secret];

    pub(super) fn new(
        (image, new_image): (&'a Path, Staged),
        (secret, new_secret): (&'a Path, Staged),
    ) -> Self {
        Self {
            image,
            secret,
            new_image: Some(new_image),
            new_secret: Some(new_secret),
            parked: None,
            _deferral: Deferral::begin(),
        }
    }

    /// Stops the process when `stop_after` steps are done, as tests want it.
    pub(super) fn publish(mut self, stop_after: Option<usize>) -> Result<(), DiskBuildError> {
        let stop_here = |done| match stop_after {
            Some(stop_after) if stop_after == done => stop(),
            _ => Ok(()),
        };
        let not_named = |error| write_error(self.image, error);
        stop_here(0).map_err(not_named)?;
        measured_boot_draft::check().map_err(|stop| not_named(stop.into()))?;
        for (step, done) in Self::STEPS.iter().zip(1..) {
            step(&mut self)?;
            stop_here(done).map_err(not_named)?;
        }
        Ok(())
    }

    fn park_secret(&mut self) -> Result<(), DiskBuildError> {
        let staged = self.new_secret.take().expect("each step runs once");
        let named = staged.publish_new(&parked(self.secret));
        self.parked = Some(named.map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => in_the_way(self.image, self.secret),
            _ => write_error(&parked(self.secret), source),
        })?);
        Ok(())
    }

    fn name_image(&mut self) -> Result<(), DiskBuildError> {
        let staged = self.new_image.take().expect("each step runs once");
        staged.publish().map_err(|source| {
            // The old pair stays; the new secret would open nothing.
            let _gone = fs::remove_file(parked(self.secret));
            write_error(self.image, source)
        })
    }

    fn name_secret(&mut self) -> Result<(), DiskBuildError> {
        take_name(self.image, self.secret)
    }
}

fn stop() -> io::Result<()> {
    Ok(kill_process(getpid(), Signal::STOP)?)
}

/// Where the new secret is while the disk is replaced.
pub(super) fn parked(secret: &Path) -> PathBuf {
    let mut name = OsString::from(secret);
    name.push(".new");
    name.into()
}

/// Ends what an earlier run, killed or cut off, began: `true` where the disk was in its place already
/// and only its secret had to take its name. Does nothing where there is nothing to end.
///
/// # Errors
///
/// `SECRET.new` is there, but is not the secret of this disk: what it opens cannot be known here.
pub fn finish_disk(image: &Path, secret: &Path) -> Result<bool, DiskBuildError> {
    let parked = parked(secret);
    while let Some(left) = open_left(&parked)? {
        if resolved(image)? == resolved(&parked)? {
            // The names are no pair's: `build_disk` says so.
            return Ok(false);
        }
        if lock_left(&left, image, &parked)? {
            return finish_left(left, image, secret).map(|()| true);
        }
    }
    Ok(false)
}

fn open_left(parked: &Path) -> Result<Option<File>, DiskBuildError> {
    match File::open(parked) {
        Ok(left) => Ok(Some(left)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(read_error(parked, error)),
    }
}

/// `false` where its run has ended well since it was opened: the secret has its name, and what is parked
/// now, if anything, is another run's.
fn lock_left(left: &File, image: &Path, parked: &Path) -> Result<bool, DiskBuildError> {
    if let Err(TryLockError::WouldBlock) = left.try_lock() {
        return Err(DiskBuildError::Busy(image.to_owned()));
    }
    has_name(left, parked).map_err(|error| read_error(parked, error))
}

fn finish_left(mut left: File, image: &Path, secret: &Path) -> Result<(), DiskBuildError> {
    let mut json = Zeroizing::new(Vec::new());
    left.read_to_end(&mut json)
        .map_err(|error| read_error(&parked(secret), error))?;
    let opened = DiskSecret::from_json(&json).is_ok_and(|new| opens(&new, image).unwrap_or(false));
    if !opened {
        return Err(unfinished(image, secret));
    }
    take_name(image, secret)
}

/// Nobody else's name is taken while an earlier run is unfinished.
pub(super) fn require_finished(image: &Path, secret: &Path) -> Result<(), DiskBuildError> {
    match parked(secret).symlink_metadata() {
        Ok(_) => Err(in_the_way(image, secret)),
        Err(_) => Ok(()),
    }
}

fn take_name(image: &Path, secret: &Path) -> Result<(), DiskBuildError> {
    let parked = parked(secret);
    fs::rename(&parked, secret)
        .and_then(|()| sync_directory_of(secret))
        .map_err(|source| DiskBuildError::SecretUnnamed {
            image: image.to_owned(),
            parked,
            secret: secret.to_owned(),
            source,
        })
}

/// What is parked is a living run's, or was left.
fn in_the_way(image: &Path, secret: &Path) -> DiskBuildError {
    match File::open(parked(secret)).map(|parked| parked.try_lock()) {
        Ok(Err(TryLockError::WouldBlock)) => DiskBuildError::Busy(image.to_owned()),
        _ => unfinished(image, secret),
    }
}

fn unfinished(image: &Path, secret: &Path) -> DiskBuildError {
    DiskBuildError::Unfinished {
        parked: parked(secret),
        image: image.to_owned(),
    }
}

/// Whether the topmost block of the disk's hash tree is the one whose hash the secret holds: that
/// needs both the key and the root hash to be those of this disk.
fn opens(secret: &DiskSecret, image: &Path) -> io::Result<bool> {
    let layout = secret.layout();
    let disk = File::open(image)?;
    if layout.check_device(disk.metadata()?.len()).is_err() {
        return Ok(false);
    }
    let mut top = vec![0; BLOCK_BYTES as usize];
    let first = layout.hash_start_block() * SECTORS_PER_BLOCK;
    disk.read_exact_at(&mut top, layout.hash_start_block() * u64::from(BLOCK_BYTES))?;
    SectorCipher::new(secret.crypt_key())
        .decrypt(first, &mut top)
        .map_err(io::Error::other)?;
    // Format 1 of dm-verity hashes the salt before the block.
    let hash = Sha256::new()
        .chain_update(secret.verity_salt())
        .chain_update(&top);
    Ok(hash.finalize().as_slice() == secret.verity_root_hash())
}

#[cfg(test)]
mod tests;
