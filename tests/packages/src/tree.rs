//! The tree of a package, as it will be installed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Order;
use crate::printed;
use crate::recipe::Recipe;
use crate::run;

/// Programs find each other beside themselves, so they lie together; what people type are links.
const PROGRAMS: &str = "/usr/lib/cloister";

/// Puts programs, links, files, and what programs print below `stage`.
///
/// # Errors
/// Something is not there, or cannot be written.
pub fn stage(stage: &Path, order: &Order, recipe: &Recipe, package: &str) -> Result<()> {
    fs::set_permissions(stage, Permissions::from_mode(0o755))?;
    for (name, _) in recipe.parts() {
        let mode = match recipe.beside.contains_key(name) {
            true => 0o644,
            false => 0o755,
        };
        let bytes = read(&order.programs.join(name))?;
        put(stage, &format!("{PROGRAMS}/{name}"), &bytes, mode)?;
    }
    for name in &recipe.commands {
        let link = place(stage, &format!("/usr/bin/{name}"))?;
        symlink(format!("../lib/cloister/{name}"), link)?;
    }
    for files in &recipe.files {
        for from in &files.from {
            for path in expand(&order.root.join(from))? {
                let name = path.file_name().unwrap_or_default().display().to_string();
                put(stage, &format!("{}/{name}", files.to), &read(&path)?, 0o644)?;
            }
        }
    }
    for file in &recipe.printed {
        let text = printed::file(order.programs, file)
            .with_context(|| format!("make {} of {package}", file.to))?;
        put(stage, &file.to, text.as_bytes(), 0o644)?;
    }
    Ok(())
}

/// Copyright and changes, where Debian Policy (12.5, 12.7) looks for them; and, if there are any, lintian's exceptions.
///
/// # Errors
/// One is not there.
pub fn add_changes(stage: &Path, root: &Path, data: &Path, package: &str) -> Result<()> {
    let doc = format!("/usr/share/doc/{package}");
    put(
        stage,
        &format!("{doc}/copyright"),
        &read(&data.join("copyright"))?,
        0o644,
    )?;
    for (from, to) in [
        (data.join("changelog"), "changelog.Debian.gz"),
        (root.join("CHANGELOG.md"), "changelog.gz"),
    ] {
        put(stage, &format!("{doc}/{to}"), &compressed(&from)?, 0o644)?;
    }
    let overrides = data.join("lintian-overrides");
    if overrides.exists() {
        let to = format!("/usr/share/lintian/overrides/{package}");
        put(stage, &to, &read(&overrides)?, 0o644)?;
    }
    Ok(())
}

/// `gzip` without name and time.
///
/// # Errors
/// The file cannot be read.
pub fn compressed(path: &Path) -> Result<Vec<u8>> {
    run::output(
        Command::new("gzip")
            .args(["-9", "-n", "--stdout", "--"])
            .arg(path),
    )
}

/// Writes the file that will be `to`, with this mode whatever the umask.
///
/// # Errors
/// It is there already, or cannot be written.
pub fn put(stage: &Path, to: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let path = place(stage, to)?;
    fs::write(&path, bytes).with_context(|| format!("write {}", path.display()))?;
    fs::set_permissions(&path, Permissions::from_mode(mode))?;
    Ok(())
}

/// Where `to` is below `stage`; makes the folders above it.
fn place(stage: &Path, to: &str) -> Result<PathBuf> {
    let inside = to
        .strip_prefix('/')
        .with_context(|| format!("{to} is not absolute"))?;
    let path = stage.join(inside);
    ensure!(path.symlink_metadata().is_err(), "{to} is there twice");
    let mut folder = stage.to_owned();
    for part in Path::new(inside).parent().into_iter().flatten() {
        folder.push(part);
        if !folder.exists() {
            fs::create_dir(&folder)?;
            fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        }
    }
    Ok(path)
}

/// One file, or all with the extension after `*.`, sorted.
fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(extension) = name.strip_prefix("*.") else {
        return Ok(vec![path.to_owned()]);
    };
    let folder = path.parent().unwrap_or(path);
    let entries = fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))?;
    let mut found = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    found.retain(|path| path.extension().is_some_and(|own| own == extension));
    found.sort();
    ensure!(!found.is_empty(), "{} fits no file", path.display());
    Ok(found)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
