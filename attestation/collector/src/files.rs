//! Files that options name.

use anyhow::{Context, Result, bail};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a plain file of at most so many bytes.
///
/// # Errors
/// It cannot be read, is larger, or is no plain file.
pub fn read(option: &str, path: &Path, most: usize) -> Result<Vec<u8>> {
    contents(path, most).with_context(|| format!("{option} {} cannot be read", path.display()))
}

fn contents(path: &Path, most: usize) -> Result<Vec<u8>> {
    // Whoever opens a pipe waits for somebody to write.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        bail!("it is no plain file");
    }
    let mut bytes = Vec::new();
    file.take(u64::try_from(most)? + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > most {
        bail!("it is larger than {} KiB", most >> 10);
    }
    Ok(bytes)
}

/// Writes a file, whole or not at all.
///
/// # Errors
/// It cannot be written.
pub fn write(option: &str, path: &Path, bytes: &[u8]) -> Result<()> {
    let place = || format!("{option} {} cannot be written", path.display());
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let mut draft = tempfile::Builder::new()
        .prefix(".cloister-collateral.")
        .tempfile_in(folder)
        .with_context(place)?;
    draft
        .write_all(bytes)
        .and_then(|()| draft.as_file().sync_all())
        .with_context(place)?;
    draft.persist(path).with_context(place)?;
    Ok(())
}
