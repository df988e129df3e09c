//! Where a kernel's modules are, and what each must be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::digest::sha256_hex;
use crate::modules::ModuleError;
use crate::xz::decompress_xz;

/// The largest module of the stock kernel has 12 MiB.
const MAX_MODULE: usize = 64 << 20;

/// Lists the modules that are part of the kernel itself (kbuild).
const BUILT_IN: &str = "modules.builtin";

/// A kernel's modules on disk, by name. Names have underscores where file names may have dashes.
#[derive(Debug)]
pub struct ModuleTree {
    files: BTreeMap<String, ModuleFile>,
    built_in: BTreeSet<String>,
}

#[derive(Debug)]
struct ModuleFile {
    path: PathBuf,
    /// What it must be, where that is known.
    sha256: Option<String>,
}

impl ModuleTree {
    /// Finds the modules below `dir`, which is `/lib/modules/RELEASE` or a copy of it, such as
    /// `modules` in a directory made by [`unpack_kernel`](crate::unpack_kernel).
    ///
    /// # Errors
    ///
    /// The directory or its `modules.builtin` cannot be read.
    pub fn open(dir: &Path) -> Result<Self, ModuleError> {
        let mut files = BTreeMap::new();
        find_modules(dir, &mut files).map_err(|error| read_error(dir, error))?;
        let list = ModuleFile::unchecked(dir.join(BUILT_IN));
        Ok(Self {
            files,
            built_in: names_in(&list.read()?),
        })
    }

    /// The modules below `dir` that `digests` names, by path, with the SHA-256 that each must have.
    pub(crate) fn listed(
        dir: &Path,
        digests: &BTreeMap<String, String>,
    ) -> Result<Self, ModuleError> {
        let file = |path: &str| ModuleFile {
            path: dir.join(path),
            // What is not listed has no digest that it could have.
            sha256: Some(digests.get(path).cloned().unwrap_or_default()),
        };
        let modules = digests.keys();
        Ok(Self {
            files: modules
                .filter_map(|path| Some((module_name(path)?, file(path))))
                .collect(),
            built_in: names_in(&file(BUILT_IN).read()?),
        })
    }

    /// Whether the kernel has this module, as a file or built in.
    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.built_in.contains(name)
    }

    pub(crate) fn has_built_in(&self, name: &str) -> bool {
        self.built_in.contains(name)
    }

    /// The module's file, uncompressed.
    pub(crate) fn read(&self, name: &str, needed_by: Option<&str>) -> Result<Vec<u8>, ModuleError> {
        let file = self.files.get(name).ok_or_else(|| ModuleError::Missing {
            name: name.to_owned(),
            needed_by: needed_by.map_or_else(String::new, |by| format!(", which {by} needs")),
        })?;
        let bytes = file.read()?;
        if file.path.extension().is_some_and(|end| end == "ko") {
            return Ok(bytes);
        }
        decompress_xz(&bytes, MAX_MODULE).map_err(|source| ModuleError::Xz {
            path: file.path.clone(),
            source,
        })
    }
}

impl ModuleFile {
    fn unchecked(path: PathBuf) -> Self {
        Self { path, sha256: None }
    }

    fn read(&self) -> Result<Vec<u8>, ModuleError> {
        let bytes = fs::read(&self.path).map_err(|error| read_error(&self.path, error))?;
        match &self.sha256 {
            Some(expected) if sha256_hex(&bytes) != *expected => {
                Err(ModuleError::Changed(self.path.clone()))
            }
            _ => Ok(bytes),
        }
    }
}

fn find_modules(dir: &Path, files: &mut BTreeMap<String, ModuleFile>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            find_modules(&path, files)?;
        } else if let Some(name) = path.to_str().and_then(module_name) {
            files.insert(name, ModuleFile::unchecked(path));
        }
    }
    Ok(())
}

/// `kernel/drivers/md/dm-crypt.ko.xz` is `dm_crypt`; anything but a module has no name.
fn module_name(path: &str) -> Option<String> {
    let file = path.rsplit('/').next()?;
    let stem = file
        .strip_suffix(".ko")
        .or_else(|| file.strip_suffix(".ko.xz"))?;
    Some(canonical(stem))
}

/// What `modules.builtin` lists, one path a line.
fn names_in(list: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(list);
    text.lines().filter_map(module_name).collect()
}

fn read_error(path: &Path, source: io::Error) -> ModuleError {
    ModuleError::Read {
        path: path.to_owned(),
        source,
    }
}

/// As the kernel names it, whatever its file is called.
pub(crate) fn canonical(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_name_takes_dashes_for_underscores() {
        assert_eq!(
            module_name("kernel/drivers/md/dm-crypt.ko.xz").unwrap(),
            "dm_crypt"
        );
        assert_eq!(module_name("virtio_blk.ko").unwrap(), "virtio_blk");
        assert_eq!(module_name("modules.builtin"), None);
    }
}
