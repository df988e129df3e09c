//! Files that options name.

use anyhow::{Context, Result};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

mod large_pages;

use large_pages::LargePages;

/// Files are read up to this size, so that a huge one is an error and not an empty machine.
const MAX_FILE_BYTES: u64 = 2 << 30;
/// No configuration and no key comes near; those who parse them take many times their size.
const MAX_TEXT_BYTES: u64 = 1 << 20;
/// From this size on the system is asked for large pages: half of one is worth it.
const LARGE_BYTES: usize = large_pages::BYTES / 2;
/// Major 1, minor 3 (Linux, Documentation/admin-guide/devices.txt).
const DEV_NULL: u64 = 0x103;

/// What a file holds.
pub struct FileBytes(Memory);

enum Memory {
    Small(Vec<u8>),
    Large(LargePages),
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Memory::Small(bytes) => bytes,
            Memory::Large(pages) => pages.bytes(),
        }
    }
}

impl Default for FileBytes {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for FileBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Memory::Small(bytes))
    }
}

/// Reads the file that an option names.
pub fn read(option: &str, path: &Path) -> Result<FileBytes> {
    contents(path).with_context(|| format!("{option} {} cannot be read", path.display()))
}

/// Reads a plain file that is text: a configuration, a key.
pub fn text(path: &Path) -> io::Result<String> {
    if path.metadata()?.len() > MAX_TEXT_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    String::from_utf8(contents(path)?.to_vec()).map_err(|_| io::Error::other("it is no text"))
}

/// Reads a plain file. `/dev/null` stands for an empty kernel or initrd; whatever else is no plain file may
/// never end.
pub fn contents(path: &Path) -> io::Result<FileBytes> {
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
        Ok(length) if length >= LARGE_BYTES => {
            let pages = LargePages::read(&file, length)?;
            Ok(FileBytes(Memory::Large(pages)))
        }
        _ => growing(&file).map(FileBytes::from),
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
fn growing(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}
