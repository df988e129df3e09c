//! Kernel modules of the measured initramfs.

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// A module that could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The file is not in the initramfs or cannot be read.
    #[error("cannot open module {path}")]
    Open {
        /// The module's path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The kernel refused it.
    #[error("the kernel refused module {path}")]
    Load {
        /// The module's path.
        path: PathBuf,
        /// The kernel's answer: `ENOEXEC` for another kernel's module, `ENOENT` for a missing symbol.
        source: Errno,
    },
}

/// Loads one uncompressed module without parameters. One that is already there is as good; and one
/// whose hardware is absent (`ENODEV`), such as an accelerated cipher, is not missed: what cannot do
/// without it will say so.
///
/// # Errors
/// See [`ModuleError`].
pub fn load_module(path: &Path) -> Result<(), ModuleError> {
    let file = File::open(path).map_err(|source| ModuleError::Open {
        path: path.to_owned(),
        source,
    })?;
    match rustix::system::finit_module(&file, c"", 0) {
        Ok(()) | Err(Errno::EXIST | Errno::NODEV) => Ok(()),
        Err(source) => Err(ModuleError::Load {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_missing_refused_with_its_path() {
        let error = load_module(Path::new("/lib/modules/none.ko")).unwrap_err();
        assert_eq!(error.to_string(), "cannot open module /lib/modules/none.ko");
    }
}
