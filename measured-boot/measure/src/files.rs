//! Files that options name.

use anyhow::{Context, Result, bail, ensure};
use measured_boot_page_hash::threads;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// Files are read up to this size, so that a huge one is an error and not an empty machine.
const MAX_FILE_BYTES: u64 = 2 << 30;
/// What a thread reads at a time.
const SHARE_BYTES: usize = 512 << 10;
/// Major 1, minor 3 (Linux, Documentation/admin-guide/devices.txt).
const DEV_NULL: u64 = 0x103;

/// Reads a plain file. `/dev/null` stands for an empty kernel or initrd; whatever else is no plain file may
/// never end.
pub fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    let place = || format!("{option} {} cannot be read", path.display());
    // Looked at before it is opened: who opens a pipe waits for somebody to write.
    let found = path.metadata().with_context(place)?;
    if let Some(kind) = unending(&found) {
        bail!("{option} {}: {kind}, not a plain file", path.display());
    }
    let within = found.len() <= MAX_FILE_BYTES;
    ensure!(within, "{option} {}: larger than 2 GiB", path.display());
    let file = File::open(path).with_context(place)?;
    match usize::try_from(found.len()) {
        Ok(length) if length > SHARE_BYTES => side_by_side(&file, length),
        _ => one_piece(&file),
    }
    .with_context(place)
}

/// What a file is, if it is one that has no end of its own.
fn unending(found: &Metadata) -> Option<&'static str> {
    let kind: FileType = found.file_type();
    if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_block_device() || kind.is_char_device() && found.rdev() != DEV_NULL {
        Some("a device")
    } else {
        None
    }
}

/// Small files, and those of `/proc` and `/sys`, which do not say how long they are.
fn one_piece(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Most of a read is spent on giving a new buffer its memory, page by page, which cores do side by side.
fn side_by_side(file: &File, length: usize) -> io::Result<Vec<u8>> {
    // An error where there is not so much memory; below it would be the end.
    Vec::<u8>::new().try_reserve_exact(length)?;
    let mut bytes = vec![0; length];
    let shares = (0..)
        .step_by(SHARE_BYTES)
        .zip(bytes.chunks_mut(SHARE_BYTES));
    let helpers = threads().min(length.div_ceil(SHARE_BYTES)) - 1;
    let queue = Mutex::new(shares);
    let work = || {
        let next = || queue.lock().expect("nobody panics with it").next();
        while let Some((offset, share)) = next() {
            file.read_exact_at(share, offset)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (0..helpers).filter_map(start).collect();
        let own: io::Result<()> = work();
        helpers
            .into_iter()
            .map(|helper| helper.join().expect("reading does not panic"))
            .fold(own, Result::and)
    })?;
    Ok(bytes)
}
