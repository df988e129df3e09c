//! A copy of the tree, in which guards are taken out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// All files below a folder, relative to it, in order; neither hidden ones nor what cargo builds.
///
/// # Errors
/// A folder cannot be read.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    collect(folder, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let here = folder.join(below);
    for entry in fs::read_dir(&here).with_context(|| here.display().to_string())? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // Only the configuration of cargo is hidden and of use.
        if entry.file_name() == "target" || (is_hidden && entry.file_name() != ".cargo") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(folder, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// Makes `copy` the same as `tree`. What is the same already is not written again, so that cargo builds only what
/// changed.
///
/// # Errors
/// A file cannot be read or written.
pub fn sync(tree: &Path, copy: &Path) -> Result<()> {
    let wanted = files(tree)?;
    for path in &wanted {
        let bytes = fs::read(tree.join(path))?;
        write_if_new(&copy.join(path), &bytes)?;
    }
    for path in files(copy)? {
        if wanted.binary_search(&path).is_err() {
            fs::remove_file(copy.join(path))?;
        }
    }
    Ok(())
}

/// Writes a file that does not have these bytes.
///
/// # Errors
/// It cannot be written.
pub fn write_if_new(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copy_becomes_the_same_and_keeps_what_is_the_same() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        let (tree, copy) = (folder.join("tree"), folder.join("copy"));
        for (path, bytes) in [
            ("tree/a/same", "1"),
            ("tree/new", "2"),
            ("tree/target/built", "3"),
            ("tree/.git/hidden", "4"),
            ("copy/a/same", "1"),
            ("copy/gone", "5"),
        ] {
            write_if_new(&folder.join(path), bytes.as_bytes()).expect("a temporary file");
        }
        let before = fs::metadata(copy.join("a/same")).and_then(|file| file.modified());
        sync(&tree, &copy).expect("both are there");
        let after = fs::metadata(copy.join("a/same")).and_then(|file| file.modified());
        assert_eq!(
            files(&copy).expect("it is there"),
            [Path::new("a/same"), Path::new("new")]
        );
        assert_eq!(before.expect("it is there"), after.expect("it is there"));
        fs::remove_dir_all(&folder).expect("we made it");
    }
}
