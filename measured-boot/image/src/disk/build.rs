//! The steps from a payload file to an encrypted disk and its secret.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use measured_boot_disk::{
    BLOCK_BYTES, CRYPT_KEY_BYTES, DiskLayout, DiskSecret, DiskSecretError, LayoutError,
    SECTOR_BYTES, SectorCipher,
};
use measured_boot_draft::directory_of;
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use super::pair::{Pair, parked, require_finished};
use super::plain::plain_file;
use super::{file_system, verity};
use crate::digest::sha256_of;
use crate::staged::Staged;
use crate::tool::ToolError;

/// What to build.
#[derive(Debug)]
pub struct DiskRequest<'a> {
    /// The file that the guest finds as `payload.bin`.
    pub payload: &'a Path,
    /// Where the disk goes.
    pub image: &'a Path,
    /// Where the secret goes, with mode 0600.
    pub secret: &'a Path,
    /// Whether both may exist already. A secret that is written over is lost, and its disk with it.
    pub replace: bool,
    /// Where the plain file system is made: in a file without a name in this directory, or in memory.
    pub work_dir: Option<&'a Path>,
    /// Key of dm-crypt; it never repeats between two disks.
    pub crypt_key: Zeroizing<[u8; CRYPT_KEY_BYTES]>,
    /// Salt of dm-verity.
    pub verity_salt: Vec<u8>,
    /// Of the file system and of dm-verity.
    pub uuid: [u8; 16],
    /// For tests only: how many steps of the naming are done when this process stops itself (SIGSTOP),
    /// so that a test can end it exactly there.
    pub stop_after: Option<usize>,
}

/// What was built. Nothing here is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiskReport {
    /// Size of the disk.
    pub disk_bytes: u64,
    /// Digest of the disk as the host sees it, in hexadecimal.
    pub disk_sha256: String,
    /// Size of the payload.
    pub payload_bytes: u64,
    /// Digest of the payload, as read back through the file system, in hexadecimal.
    pub payload_sha256: String,
    /// Blocks of the file system.
    pub data_blocks: u64,
}

/// Builds the disk and its secret. On failure nothing half-made is left. At no moment is there a disk
/// without its secret: that is `SECRET.new` while the disk has its name and the secret has not.
///
/// # Errors
///
/// The payload is not a readable file, changes meanwhile, a program is missing or fails, a file cannot
/// be written, or an earlier run left a `SECRET.new`, which [`finish_disk`](crate::finish_disk) is for.
pub fn build_disk(request: &DiskRequest<'_>) -> Result<DiskReport, DiskBuildError> {
    require_free(request)?;
    let payload = open_payload(request.payload)?;
    let (payload_sha256, payload_bytes) =
        sha256_of(&payload).map_err(|source| read_error(request.payload, source))?;
    let layout = DiskLayout::new(file_system::blocks_for(payload_bytes))?;
    let uuid = uuid_text(&request.uuid);

    let plain = plain_file(
        request.work_dir,
        layout.superblock_offset(),
        layout.disk_bytes(),
    )?;
    file_system::make(&plain, &payload, layout.data_blocks(), &uuid)?;
    if file_system::read_back(&plain)? != (payload_sha256.clone(), payload_bytes) {
        return Err(DiskBuildError::PayloadChanged(request.payload.to_owned()));
    }
    let root_hash = verity::append(&plain, layout, &request.verity_salt, &uuid)?;
    let secret = DiskSecret::new(
        request.crypt_key.clone(),
        root_hash,
        request.verity_salt.clone(),
        layout,
    )?;

    let disk_sha256 = publish(request, &plain, &secret)?;
    Ok(DiskReport {
        disk_bytes: layout.disk_bytes(),
        disk_sha256,
        payload_bytes,
        payload_sha256,
        data_blocks: layout.data_blocks(),
    })
}

fn require_free(request: &DiskRequest<'_>) -> Result<(), DiskBuildError> {
    let image = resolved(request.image)?;
    if image == resolved(request.secret)? {
        return Err(DiskBuildError::SameFile(request.image.to_owned()));
    }
    if image == resolved(&parked(request.secret))? {
        return Err(DiskBuildError::ParkedName(request.image.to_owned()));
    }
    for path in [request.image, request.secret] {
        if !request.replace && path.exists() {
            return Err(DiskBuildError::Exists(path.to_owned()));
        }
        if path.is_dir() {
            return Err(write_error(path, io::ErrorKind::IsADirectory.into()));
        }
    }
    require_finished(request.image, request.secret)
}

/// The path without symbolic links and dots on the way to the file, which need not exist.
pub(super) fn resolved(path: &Path) -> Result<PathBuf, DiskBuildError> {
    let directory = directory_of(path)
        .canonicalize()
        .map_err(|error| write_error(path, error))?;
    Ok(path
        .file_name()
        .map_or_else(|| directory.clone(), |name| directory.join(name)))
}

fn open_payload(path: &Path) -> Result<File, DiskBuildError> {
    let payload = File::open(path).map_err(|source| read_error(path, source))?;
    let metadata = payload
        .metadata()
        .map_err(|source| read_error(path, source))?;
    if !metadata.is_file() {
        return Err(DiskBuildError::NotAFile(path.to_owned()));
    }
    Ok(payload)
}

/// Writes both files, then gives both their names.
fn publish(
    request: &DiskRequest<'_>,
    plain: &File,
    secret: &DiskSecret,
) -> Result<String, DiskBuildError> {
    let image_error = |source| write_error(request.image, source);
    let secret_error = |source| write_error(request.secret, source);

    let image = Staged::new(request.image, 0o644).map_err(image_error)?;
    let digest = encrypt(plain, &image, secret).map_err(image_error)?;
    // The longest part of giving it its name; a secret must not wait for it half named.
    image.file().sync_all().map_err(image_error)?;
    let secret_file = Staged::new(request.secret, 0o600).map_err(secret_error)?;
    secret_file
        .file()
        .write_all(&secret.to_json())
        .map_err(secret_error)?;
    Pair::new((request.image, image), (request.secret, secret_file)).publish(request.stop_after)?;
    Ok(digest)
}

/// Encrypts all of `plain` into `image`; returns the digest of what was written.
fn encrypt(mut plain: &File, image: &Staged, secret: &DiskSecret) -> io::Result<String> {
    const CHUNK_SECTORS: usize = 2048;
    let cipher = SectorCipher::new(secret.crypt_key());
    let mut hasher = Sha256::new();
    let mut sector = 0;
    let mut rest = secret.layout().disk_bytes();
    if plain.seek(io::SeekFrom::End(0))? != rest {
        return Err(io::Error::other(
            "veritysetup made a tree of another size than expected",
        ));
    }
    let mut chunk = vec![0; CHUNK_SECTORS * SECTOR_BYTES];
    while rest > 0 {
        measured_boot_draft::check()?;
        let length = usize::try_from(rest).map_or(chunk.len(), |rest| rest.min(chunk.len()));
        let chunk = &mut chunk[..length];
        plain.read_exact_at(chunk, sector * SECTOR_BYTES as u64)?;
        cipher.encrypt(sector, chunk).map_err(io::Error::other)?;
        hasher.update(&*chunk);
        image.file().write_all(chunk)?;
        sector += (length / SECTOR_BYTES) as u64;
        rest -= length as u64;
    }
    Ok(hex::encode(hasher.finalize()))
}

fn uuid_text(uuid: &[u8; 16]) -> String {
    let digits = hex::encode(uuid);
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

pub(super) fn read_error(path: &Path, source: io::Error) -> DiskBuildError {
    DiskBuildError::Read {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn write_error(path: &Path, source: io::Error) -> DiskBuildError {
    DiskBuildError::Write {
        path: path.to_owned(),
        source,
    }
}

/// No disk was built.
#[derive(Debug, Error)]
pub enum DiskBuildError {
    /// Nothing is written over unasked.
    #[error("{} exists: name another file, or replace it with --force", .0.display())]
    Exists(PathBuf),
    /// One would replace the other.
    #[error("the disk and its secret cannot both be {}", .0.display())]
    SameFile(PathBuf),
    /// It would be taken for the secret, which has that name in between.
    #[error(
        "the disk cannot be {}: there the new secret lies while the disk takes its name; name another \
         file",
        .0.display()
    )]
    ParkedName(PathBuf),
    /// Missing or unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// The payload, or what an earlier run left.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory or a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Somebody wrote to it.
    #[error("{} changed while it was copied: try again", .0.display())]
    PayloadChanged(PathBuf),
    /// The plain file system must not touch a disk unasked.
    #[error(
        "the plain file system of {needed} bytes is made in memory, where only {available} are free and \
         at most half of them are taken: name a directory for it with --work-dir, on an encrypted or \
         temporary file system"
    )]
    Memory {
        /// Bytes of the disk.
        needed: u64,
        /// Bytes that are available.
        available: u64,
    },
    /// The next run does not know what it would throw away.
    #[error(
        "{} was left by an earlier run and does not open {}: move it to the disk that it opens, or \
         remove it if there is none",
        parked.display(),
        image.display()
    )]
    Unfinished {
        /// The secret that was left.
        parked: PathBuf,
        /// The disk that it does not open.
        image: PathBuf,
    },
    /// The disk is in its place, and its secret beside the place where it belongs.
    #[error(
        "{} is the new disk, and {} its secret, which could not be renamed to {}: rename it",
        image.display(),
        parked.display(),
        secret.display()
    )]
    SecretUnnamed {
        /// The new disk.
        image: PathBuf,
        /// Where its secret is.
        parked: PathBuf,
        /// Where its secret belongs.
        secret: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Two runs at a time cannot both win.
    #[error("another run is about to name {}: wait for it, then start again", .0.display())]
    Busy(PathBuf),
    /// Too large.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The key or the salt cannot be used.
    #[error(transparent)]
    Secret(#[from] DiskSecretError),
    /// A program is missing or failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A full disk, or a directory that is missing or not ours.
    #[error("cannot write {}", path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The file system's blocks are dm-verity's.
const _: () = assert!(BLOCK_BYTES == 4096);
