//! Files that options name.

use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Files are read up to this size, so that one that never ends is an error and not an empty machine.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// Reads a file to its end. Not only plain files: `/dev/null` stands for an empty kernel or initrd.
pub fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    let place = || format!("{option} {} cannot be read", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(place)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .with_context(place)?;
    let within = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_FILE_BYTES);
    ensure!(within, "{option} {}: larger than 2 GiB", path.display());
    Ok(bytes)
}
