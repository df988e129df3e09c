//! Reads a bundle's directory into memory: plain files only, and no more than fits.

use std::fs::{self, DirEntry, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use attestation_audit::Files;

/// The longest file, in bytes. Documents are limited to 4 MiB by the verifier, entry bundles to 16 MiB
/// by their format.
const MAX_FILE: u64 = 64 << 20;
/// How many folders may lie in each other; tile paths need fewer.
const MAX_DEPTH: usize = 12;

/// How much is read at most: for the safety of who audits, who did not write the bundle.
#[derive(Clone, Copy)]
pub struct Bounds {
    pub bytes: u64,
    pub files: u64,
}

/// The files under `directory` by their path from it, with `/` between names.
pub fn read(directory: &Path, bounds: Bounds) -> Result<Files> {
    let mut reading = Reading {
        bounds,
        files: Files::new(),
        bytes: 0,
    };
    reading
        .directory(directory, "", 0)
        .with_context(|| format!("cannot read the bundle {}", directory.display()))?;
    Ok(reading.files)
}

struct Reading {
    bounds: Bounds,
    files: Files,
    bytes: u64,
}

impl Reading {
    fn directory(&mut self, directory: &Path, prefix: &str, depth: usize) -> Result<()> {
        ensure!(
            depth <= MAX_DEPTH,
            "`{prefix}` lies too deep for a file of a bundle"
        );
        let entries = fs::read_dir(directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", directory.display()))?;
            self.entry(&entry, prefix, depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &DirEntry, prefix: &str, depth: usize) -> Result<()> {
        let Ok(name) = entry.file_name().into_string() else {
            bail!(
                "{} has a name that is not UTF-8, which no file of a bundle has",
                entry.path().display()
            );
        };
        let path = format!("{prefix}{name}");
        // Of the entry itself: a link is not followed.
        let kind = entry
            .file_type()
            .with_context(|| format!("cannot look at `{path}`"))?;
        if kind.is_dir() {
            return self.directory(&entry.path(), &format!("{path}/"), depth + 1);
        }
        ensure!(
            kind.is_file(),
            "`{path}` is a link or a special file: a bundle has plain files only"
        );
        let most = self.bounds.files;
        ensure!(
            u64::try_from(self.files.len())? < most,
            "the bundle has more than {most} files: raise --max-files to read it all the same"
        );
        let bytes = self
            .file(&entry.path())
            .with_context(|| format!("cannot read `{path}`"))?;
        self.files.insert(path, bytes);
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>> {
        let (left, most) = (self.bounds.bytes - self.bytes, self.bounds.bytes);
        let mut bytes = Vec::new();
        File::open(path)?
            .take(left.min(MAX_FILE).saturating_add(1))
            .read_to_end(&mut bytes)?;
        let length = u64::try_from(bytes.len())?;
        ensure!(length <= MAX_FILE, "it is longer than {MAX_FILE} bytes");
        ensure!(
            length <= left,
            "the bundle has more than {most} bytes: raise --max-bytes to read it all the same, \
             which takes some 2.6 times as much memory"
        );
        self.bytes += length;
        Ok(bytes)
    }
}
