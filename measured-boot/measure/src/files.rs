//! Files that options name.

use anyhow::{Context, Result};
use measured_boot_page_hash::threads;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::Mutex;
use std::thread;

/// Files are read up to this size, so that a huge one is an error and not an empty machine.
const MAX_FILE_BYTES: u64 = 2 << 30;
/// No configuration and no key comes near; those who parse them take many times their size.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// What a thread reads at a time.
const SHARE_BYTES: usize = 512 << 10;
/// Major 1, minor 3 (Linux, Documentation/admin-guide/devices.txt).
const DEV_NULL: u64 = 0x103;

/// Reads the file that an option names.
pub fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    contents(path).with_context(|| format!("{option} {} cannot be read", path.display()))
}

/// Reads a plain file that is text: a configuration, a key.
pub fn text(path: &Path) -> io::Result<String> {
    if path.metadata()?.len() > MAX_TEXT_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    String::from_utf8(contents(path)?).map_err(|_| io::Error::other("it is no text"))
}

/// Reads a plain file. `/dev/null` stands for an empty kernel or initrd; whatever else is no plain file may
/// never end.
pub fn contents(path: &Path) -> io::Result<Vec<u8>> {
    // Looked at before it is opened: who opens a pipe waits for somebody to write.
    let found = path.metadata()?;
    if let Some(kind) = unending(&found) {
        return Err(io::Error::other(format!("it is {kind}, and no plain file")));
    }
    if found.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("it is larger than 2 GiB"));
    }
    let file = File::open(path)?;
    match usize::try_from(found.len()) {
        Ok(length) if length > SHARE_BYTES => side_by_side(&file, length),
        _ => one_piece(&file),
    }
}

/// What a file is, if it is one that has no end of its own.
fn unending(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    let is_device = kind.is_block_device() || kind.is_char_device() && found.rdev() != DEV_NULL;
    match () {
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () if is_device => Some("a device"),
        () => None,
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
