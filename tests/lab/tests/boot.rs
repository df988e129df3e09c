//! The lab boots, runs programs, and is gone when it is dropped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tests_lab::{
    Backend, Lab, missing, protected_kvm, stock_kernel, write_initramfs, write_protected_initramfs,
};

const PATIENCE: Duration = Duration::from_secs(60);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("two folders deep")
}

/// Which KVM the lab's machine loads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kvm {
    /// The stock kernel's.
    Stock,
    /// The one with software-protected VMs.
    Protected,
}

/// A lab, or the reason why there is none here.
fn lab(folder: &Path, kvm: Kvm) -> Result<Lab, String> {
    if let Some(reason) = missing(Backend::Lab) {
        return Err(reason);
    }
    let cache = root().join("target/demo/cache");
    let kernel = stock_kernel(&cache).map_err(|error| format!("{error:#}"))?;
    let own = std::env::current_exe().expect("a test has a path");
    let init: PathBuf = own
        .ancestors()
        .nth(2)
        .expect("a test lies in deps/")
        .join("lab-init");
    if !init.exists() {
        return Err(format!(
            "{} is not built: cargo build --release",
            init.display()
        ));
    }
    let initramfs = folder.join("lab.cpio");
    match kvm {
        Kvm::Stock => write_initramfs(&kernel, &init, &initramfs),
        Kvm::Protected => {
            let modules = protected_kvm(&cache).map_err(|error| format!("{error:#}"))?;
            write_protected_initramfs(&kernel, &init, &modules, &initramfs)
        }
    }
    .expect("the initramfs can be written");
    let console = folder.join("console.log");
    Ok(Lab::boot(&kernel.join("vmlinux"), &initramfs, &console).expect("the lab boots"))
}

#[test]
fn lab_boots_with_kvm_runs_programs_and_delivers_signals() {
    let folder = tempfile::tempdir().unwrap();
    let lab = match lab(folder.path(), Kvm::Stock) {
        Ok(lab) => lab,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let none = BTreeMap::new();

    let mut list = lab
        .start("ls", &["/bin/busybox", "ls", "/dev/kvm", "/nowhere"], &none)
        .unwrap();
    assert_eq!(list.wait(PATIENCE).unwrap(), 1, "{}", list.tail());
    assert!(
        list.lines().iter().any(|line| line.text == "/dev/kvm"),
        "{}",
        list.tail()
    );

    lab.put("/tmp/a/b", b"content", 0o600).unwrap();
    assert_eq!(lab.get("/tmp/a/b").unwrap(), b"content");
    assert!(
        lab.get("/tmp/none")
            .unwrap_err()
            .to_string()
            .contains("/tmp/none")
    );

    let mut sleep = lab
        .start("sleep", &["/bin/busybox", "sleep", "1000"], &none)
        .unwrap();
    assert!(
        lab.processes()
            .unwrap()
            .iter()
            .any(|process| process.pid == sleep.pid())
    );
    sleep.signal(Signal::TERM).unwrap();
    assert_eq!(sleep.wait(PATIENCE).unwrap(), 128 + Signal::TERM.as_raw());
}

#[test]
fn lab_with_protected_kvm_loads_it_beside_the_stock_kernel() {
    for (kvm, has_private_memory) in [(Kvm::Protected, true), (Kvm::Stock, false)] {
        let folder = tempfile::tempdir().unwrap();
        let lab = match lab(folder.path(), kvm) {
            Ok(lab) => lab,
            Err(reason) => return println!("skipped: {reason}"),
        };
        let symbols = String::from_utf8(lab.get("/proc/kallsyms").unwrap()).unwrap();
        assert!(symbols.contains("[kvm_amd]"));
        assert_eq!(symbols.contains("kvm_gmem_create"), has_private_memory);
    }
}
