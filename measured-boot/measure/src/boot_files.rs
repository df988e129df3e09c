//! The files that a VMM hands to firmware, which checks them by their hashes.

use anyhow::Result;
use measured_boot_snp_launch::KernelHashes;
use std::path::Path;

use crate::files::{FileBytes, read};

/// A kernel, and what is handed over with it.
pub struct BootFiles {
    pub kernel: FileBytes,
    /// Empty where there is none.
    pub initrd: FileBytes,
    pub cmdline: String,
}

impl BootFiles {
    /// Reads what `--kernel`, `--initrd` and `--append` name; nothing without a kernel.
    pub fn read(
        kernel: Option<&Path>,
        initrd: Option<&Path>,
        append: Option<&str>,
    ) -> Result<Option<Self>> {
        let Some(path) = kernel else {
            return Ok(None);
        };
        let kernel = read("--kernel", path)?;
        let initrd = match initrd {
            Some(path) => read("--initrd", path)?,
            None => FileBytes::default(),
        };
        let cmdline = append.unwrap_or_default().to_owned();
        Ok(Some(Self {
            kernel,
            initrd,
            cmdline,
        }))
    }

    pub fn hashes(&self) -> KernelHashes {
        KernelHashes::of(&self.kernel, &self.initrd, &self.cmdline)
    }
}
