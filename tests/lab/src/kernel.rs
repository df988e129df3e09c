//! Fetches the stock kernel's package, and unpacks it for tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use measured_boot_image::unpack_kernel;

/// Depends on the newest stock 6.12 kernel for clouds.
const META_PACKAGE: &str = "linux-image-6.12-cloud-amd64";

/// The package file in `cache`, fetched by apt when it is not there.
///
/// # Errors
/// When apt does not know it or cannot fetch it.
pub fn kernel_package(cache: &Path) -> Result<PathBuf> {
    if let Some(found) = newest(cache) {
        return Ok(found);
    }
    fs::create_dir_all(cache).with_context(|| format!("make {}", cache.display()))?;
    let name = match name() {
        Some(name) => name,
        None => {
            apt(Command::new("apt-get").args(["update", "-q"]))?;
            name().with_context(|| {
                format!(
                    "apt knows no {META_PACKAGE}: add Debian's bookworm-security to its sources"
                )
            })?
        }
    };
    apt(Command::new("apt-get")
        .args(["download", "-q", &name])
        .current_dir(cache))?;
    newest(cache).with_context(|| {
        format!(
            "apt-get download {name} left no file in {}",
            cache.display()
        )
    })
}

fn newest(cache: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(cache)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut packages: Vec<_> = files
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("linux-image-6.12"))
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    packages.sort();
    packages.pop()
}

/// The package that the meta package depends on.
fn name() -> Option<String> {
    let output = Command::new("apt-cache")
        .args(["depends", META_PACKAGE])
        .output()
        .ok()?;
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let name = answer
        .lines()
        .find_map(|line| line.trim().strip_prefix("Depends: "))?;
    Some(name.to_owned())
}

pub(crate) fn apt(command: &mut Command) -> Result<()> {
    let output = command.output().context("run apt-get")?;
    if !output.status.success() {
        bail!(
            "{command:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// The unpacked stock kernel in `cache`, made from the package when it is not there.
///
/// # Errors
/// When the package cannot be had or unpacked.
pub fn stock_kernel(cache: &Path) -> Result<PathBuf> {
    let package = kernel_package(cache)?;
    let folder = package.with_extension("kernel");
    if !folder.exists() {
        let bytes = fs::read(&package).with_context(|| format!("read {}", package.display()))?;
        unpack_kernel(&bytes, &folder)?;
    }
    Ok(folder)
}
