//! The lab's own initramfs: its pid 1, KVM and the network card.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use measured_boot_image::{CpioWriter, Module, ModuleTree, module_closure};

use crate::protected_kvm::BUILT;

/// What a stock kernel needs to be a KVM host with a network card.
const MODULES: [&str; 2] = ["kvm_amd", "virtio_net"];

/// Sets the addresses; a static program of Debian's `busybox-static`.
const BUSYBOX: &str = "/bin/busybox";

/// Writes the archive to `out`. `kernel` is what `cloister image kernel` made; `lab_init` the built program.
///
/// # Errors
/// What failed, on which file.
pub fn write_initramfs(kernel: &Path, lab_init: &Path, out: &Path) -> Result<()> {
    write(kernel, lab_init, None, out)
}

/// As [`write_initramfs`], with the modules in `protected_kvm` (the folder that [`crate::protected_kvm`]
/// made) in place of the stock ones of the same names.
///
/// # Errors
/// What failed, on which file.
pub fn write_protected_initramfs(
    kernel: &Path,
    lab_init: &Path,
    protected_kvm: &Path,
    out: &Path,
) -> Result<()> {
    write(kernel, lab_init, Some(protected_kvm), out)
}

fn write(kernel: &Path, lab_init: &Path, own_kvm: Option<&Path>, out: &Path) -> Result<()> {
    let tree = ModuleTree::open(&kernel.join("modules"))?;
    let mut archive = CpioWriter::new();
    for folder in ["dev", "proc", "sys", "tmp"] {
        archive.directory(folder, 0o755)?;
    }
    archive.character_device("dev/console", 0o600, 5, 1)?;
    archive.file("init", 0o755, read(lab_init)?)?;
    let busybox = read(Path::new(BUSYBOX)).context("apt-get install busybox-static")?;
    archive.file("bin/busybox", 0o755, busybox)?;
    let mut list = String::new();
    for module in module_closure(&tree, &MODULES)? {
        let path = format!("/lib/modules/{}", module.file_name());
        list.push_str(&format!("{path}\n"));
        archive.file(&path, 0o644, module_bytes(module, own_kvm)?)?;
    }
    archive.file("etc/lab/modules", 0o644, list.into_bytes())?;
    fs::write(out, archive.finish()?).with_context(|| format!("write {}", out.display()))
}

/// The module's own bytes, or those of the one that was built in its place.
fn module_bytes(module: Module, own_kvm: Option<&Path>) -> Result<Vec<u8>> {
    // Modules are named with underscores, the files that kbuild writes with hyphens.
    let file = module.file_name().replace('_', "-");
    match own_kvm.filter(|_| BUILT.contains(&file.as_str())) {
        Some(folder) => read(&folder.join(file)),
        None => Ok(module.bytes),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
