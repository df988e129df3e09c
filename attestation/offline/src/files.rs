//! Files that options name: of a bounded size, and with an end.

use anyhow::{Context, Result};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// What a file may hold at most: more than any real one of its kind, and little enough to read at once.
#[derive(Clone, Copy, Debug)]
pub enum Limit {
    /// Reports, quotes, certificates, keys, policies, reference values.
    Mebibyte = 1 << 20,
    /// Evidence with event logs in it, revocation lists and collateral.
    SixteenMebibytes = 1 << 24,
}

/// Reads the file that `option` names.
///
/// # Errors
/// It cannot be read, is empty, is larger than `limit`, or is no plain file.
pub fn read(option: &str, path: &Path, limit: Limit) -> Result<Vec<u8>> {
    contents(path, limit).with_context(|| format!("{option} {} cannot be read", path.display()))
}

/// The same of text.
///
/// # Errors
/// As [`read`], or it is not UTF-8.
pub fn text(option: &str, path: &Path, limit: Limit) -> Result<String> {
    String::from_utf8(read(option, path, limit)?)
        .with_context(|| format!("{option} {} is no text", path.display()))
}

fn contents(path: &Path, limit: Limit) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let most = limit as u64;
    let mut bytes = Vec::new();
    // One byte more than there may be tells a file that is too large, however it grows meanwhile.
    file.take(most + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(0) => Err(io::Error::other("it is empty")),
        Ok(length) if length <= most => Ok(bytes),
        _ => Err(io::Error::other(format!(
            "it is larger than {} MiB",
            most >> 20
        ))),
    }
}

/// Opens a plain file, whatever it is replaced by between the two looks.
fn open(path: &Path) -> io::Result<File> {
    let options = File::options()
        .read(true)
        // Who opens a pipe waits for somebody to write.
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path);
    let file = options?;
    match never_ending(&file.metadata()?) {
        Some(kind) => Err(io::Error::other(format!("it is {kind}, and no plain file"))),
        None => Ok(file),
    }
}

/// What a file is, if it is one that has no end of its own.
fn never_ending(found: &Metadata) -> Option<&'static str> {
    let kind = found.file_type();
    match () {
        () if kind.is_dir() => Some("a directory"),
        () if kind.is_fifo() => Some("a pipe"),
        () if kind.is_socket() => Some("a socket"),
        () if kind.is_block_device() || kind.is_char_device() => Some("a device"),
        () => None,
    }
}
