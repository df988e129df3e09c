//! The lab's own initramfs: its pid 1, KVM and the network card.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use measured_boot_image::{CpioWriter, ModuleTree, module_closure};

/// What a stock kernel needs to be a KVM host with a network card.
const MODULES: [&str; 2] = ["kvm_amd", "virtio_net"];

/// Sets the addresses; a static program of Debian's `busybox-static`.
const BUSYBOX: &str = "/bin/busybox";

/// Writes the archive to `out`. `kernel` is what `cloister image kernel` made; `lab_init` the built program.
///
/// # Errors
/// What failed, on which file.
pub fn write_initramfs(kernel: &Path, lab_init: &Path, out: &Path) -> Result<()> {
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
        archive.file(&path, 0o644, module.bytes)?;
    }
    archive.file("etc/lab/modules", 0o644, list.into_bytes())?;
    fs::write(out, archive.finish()?).with_context(|| format!("write {}", out.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}
