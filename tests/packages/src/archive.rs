//! The staged tree, packed by `dpkg-deb`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::changelog::Entry;
use crate::tree::put;
use crate::{Order, Packing, run};

/// Those that a package may have; dpkg runs them as root.
const SCRIPTS: [&str; 4] = ["preinst", "postinst", "prerm", "postrm"];

/// Adds what dpkg reads and packs it all.
///
/// # Errors
/// A tool of Debian's fails.
pub fn pack(stage: &Path, order: &Order, data: &Path, entry: &Entry) -> Result<PathBuf> {
    let version = order.version.unwrap_or(&entry.version);
    let files = files(stage, stage)?;
    // Before there is a DEBIAN folder: that is not installed.
    let sums = sums(stage, &files)?;
    control(stage, data, version, &files)?;
    put(stage, "/DEBIAN/md5sums", &sums, 0o644)?;
    let configurations: String = files
        .iter()
        .filter(|file| file.starts_with("etc"))
        .map(|file| format!("/{}\n", file.display()))
        .collect();
    if !configurations.is_empty() {
        put(stage, "/DEBIAN/conffiles", configurations.as_bytes(), 0o644)?;
    }
    for script in SCRIPTS {
        let from = data.join(script);
        if from.exists() {
            put(stage, &format!("/DEBIAN/{script}"), &fs::read(from)?, 0o755)?;
        }
    }
    fs::create_dir_all(order.out)?;
    let out = order
        .out
        .join(format!("{}_{version}_amd64.deb", entry.package));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let epoch = entry.epoch(now.as_secs())?;
    run::output(
        Command::new("dpkg-deb")
            .args(packing(order.packing))
            // How xz cuts its work for several threads shows in the file.
            .args(["--threads-max=1", "--root-owner-group", "--build"])
            .args([stage, &out])
            .env("SOURCE_DATE_EPOCH", epoch.to_string()),
    )?;
    Ok(out)
}

fn packing(packing: Packing) -> [&'static str; 2] {
    match packing {
        Packing::Small => ["-Zxz", "-z6"],
        Packing::Fast => ["-Znone", "-z0"],
    }
}

/// `control`, with the two fields that are not known before.
fn control(stage: &Path, data: &Path, version: &str, files: &[PathBuf]) -> Result<()> {
    let from = data.join("control");
    let text = fs::read_to_string(&from).with_context(|| format!("read {}", from.display()))?;
    let kib: u64 = files
        .iter()
        .map(|file| Ok(stage.join(file).symlink_metadata()?.size().div_ceil(1024)))
        .sum::<Result<u64>>()?;
    let text = text
        .replace("@VERSION@", version)
        .replace("@INSTALLED_SIZE@", &kib.to_string());
    put(stage, "/DEBIAN/control", text.as_bytes(), 0o644)
}

/// Everything but folders, from `stage`, sorted.
fn files(stage: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => found.extend(files(stage, &entry.path())?),
            false => found.push(entry.path().strip_prefix(stage)?.to_owned()),
        }
    }
    found.sort();
    Ok(found)
}

/// What `dpkg --verify` compares; not a signature.
fn sums(stage: &Path, files: &[PathBuf]) -> Result<Vec<u8>> {
    let plain = files
        .iter()
        .filter(|file| !stage.join(file).is_symlink() && !file.starts_with("etc"));
    run::output(
        Command::new("md5sum")
            .arg("--")
            .args(plain)
            .current_dir(stage),
    )
}
