//! Reads a bundle's directory into memory: plain files only, and no more than fits.

use std::fs::{self, DirEntry, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use attestation_audit::{Files, MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES};

/// The longest file, in bytes. Evidence is limited to 4 MiB by the verifier, entry bundles to 16 MiB
/// by their format.
const MAX_FILE: u64 = 64 << 20;
/// How many folders may lie in each other; tile paths need fewer.
const MAX_DEPTH: usize = 12;

/// The files under `directory` by their path from it, with `/` between names.
pub fn read(directory: &Path) -> Result<Files> {
    let mut reading = Reading {
        files: Files::new(),
        bytes: 0,
    };
    reading
        .directory(directory, "", 0)
        .with_context(|| format!("cannot read the bundle {}", directory.display()))?;
    Ok(reading.files)
}

struct Reading {
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
        let bytes = self
            .file(&entry.path())
            .with_context(|| format!("cannot read `{path}`"))?;
        self.files.insert(path, bytes);
        ensure!(
            u64::try_from(self.files.len())? <= MAX_BUNDLE_FILES,
            "it has more than {MAX_BUNDLE_FILES} files"
        );
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?
            .take(MAX_FILE + 1)
            .read_to_end(&mut bytes)?;
        let length = u64::try_from(bytes.len())?;
        ensure!(length <= MAX_FILE, "it is longer than {MAX_FILE} bytes");
        self.bytes += length;
        ensure!(
            self.bytes <= MAX_BUNDLE_BYTES,
            "the bundle is larger than {MAX_BUNDLE_BYTES} bytes"
        );
        Ok(bytes)
    }
}
