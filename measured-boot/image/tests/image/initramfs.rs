//! The initramfs and the kernel directory that it is made from.

use std::fs;
use std::path::Path;

use measured_boot_image::{
    CpioError, InitramfsError, InitramfsRequest, KernelDir, KernelDirError, ModuleError,
    build_initramfs, unpack_kernel,
};
use tempfile::TempDir;

use crate::forge::{
    ET_EXEC, PT_INTERP, PT_LOAD, bzimage, deb, elf, kernel_deb, listing, module, sha256, xz,
};

fn kernel_dir() -> (TempDir, KernelDir) {
    let dir = TempDir::new().unwrap();
    let kernel = unpack_kernel(&kernel_deb(), &dir.path().join("kernel")).unwrap();
    (dir, kernel)
}

fn agent() -> Vec<u8> {
    elf(ET_EXEC, &[PT_LOAD])
}

fn build(
    agent: &[u8],
    pins: &[u8],
    extra: &[(String, u32, Vec<u8>)],
) -> Result<Vec<u8>, InitramfsError> {
    let (_dir, kernel) = kernel_dir();
    let request = InitramfsRequest {
        kernel: &kernel,
        agent,
        pins,
        extra,
    };
    build_initramfs(&request).map(|initramfs| initramfs.archive)
}

#[test]
fn kernel_dir_says_what_is_in_it() {
    let (dir, kernel) = kernel_dir();
    assert_eq!(kernel.info().release, "9.9-test");
    assert_eq!(kernel.info().deb_sha256, sha256(&kernel_deb()));
    assert_eq!(
        kernel.info().vmlinux_sha256,
        sha256(&fs::read(kernel.vmlinux()).unwrap())
    );
    assert_eq!(kernel.info().modules, 7);
    for (path, digest) in &kernel.info().module_sha256 {
        let file = fs::read(dir.path().join("kernel/modules").join(path)).unwrap();
        assert_eq!(*digest, sha256(&file), "{path}");
    }
    assert_eq!(kernel.info().module_sha256.len(), 8);
    let again = KernelDir::open(&dir.path().join("kernel")).unwrap();
    assert_eq!(again.info(), kernel.info());
    assert_eq!(listing(dir.path()), ["kernel"]);
}

#[test]
fn kernel_dir_unpacked_again_is_replaced() {
    let (dir, _) = kernel_dir();
    let path = dir.path().join("kernel");
    fs::write(path.join("modules/stale"), "").unwrap();
    unpack_kernel(&kernel_deb(), &path).unwrap();
    assert_eq!(listing(&path), ["kernel.json", "modules", "vmlinux"]);
    assert_eq!(
        listing(&path.join("modules")),
        ["kernel", "modules.builtin"]
    );
    assert_eq!(listing(dir.path()), ["kernel"]);
}

#[test]
fn kernel_dir_of_somebody_else_is_left_alone() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("thesis.tex"), "").unwrap();
    let error = unpack_kernel(&kernel_deb(), dir.path());
    assert!(matches!(error, Err(KernelDirError::Occupied(_))));
    assert_eq!(listing(dir.path()), ["thesis.tex"]);
}

#[test]
fn kernel_dir_failed_leaves_nothing() {
    let kernel = bzimage(&agent());
    let no_modules = deb(&[("./boot/vmlinuz-1", &kernel)]);
    let no_kernel = deb(&[("./lib/modules/1/kernel/a.ko", b"")]);
    let not_a_kernel = deb(&[("./boot/vmlinuz-1", b"text")]);
    let two = deb(&[("./boot/vmlinuz-1", &kernel), ("./boot/vmlinuz-2", &kernel)]);
    let fails = |deb: &[u8], out: &Path| unpack_kernel(deb, out).unwrap_err();
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("kernel");
    assert!(matches!(
        fails(&no_modules, &out),
        KernelDirError::NoModules(_)
    ));
    assert!(matches!(fails(&no_kernel, &out), KernelDirError::NoKernel));
    assert!(matches!(
        fails(&not_a_kernel, &out),
        KernelDirError::Kernel(_)
    ));
    assert!(matches!(fails(&two, &out), KernelDirError::Kernels(_, _)));
    assert!(matches!(fails(b"", &out), KernelDirError::Deb(_)));
    assert!(listing(dir.path()).is_empty());
}

#[test]
fn kernel_dir_changed_or_missing_refused() {
    let (dir, kernel) = kernel_dir();
    let path = dir.path().join("kernel");
    fs::write(kernel.vmlinux(), agent().repeat(2)).unwrap();
    assert!(matches!(
        KernelDir::open(&path),
        Err(KernelDirError::Changed(_))
    ));
    fs::write(path.join("kernel.json"), "{}").unwrap();
    assert!(matches!(
        KernelDir::open(&path),
        Err(KernelDirError::Info { .. })
    ));
    assert!(matches!(
        KernelDir::open(dir.path()),
        Err(KernelDirError::Read { .. })
    ));
}

#[test]
fn initramfs_of_a_module_changed_since_it_was_unpacked_refused_by_name() {
    let (dir, kernel) = kernel_dir();
    let modules = dir.path().join("kernel/modules");
    let build = || {
        let request = InitramfsRequest {
            kernel: &kernel,
            agent: &agent(),
            pins: b"pins",
            extra: &[],
        };
        build_initramfs(&request)
    };
    let whole = build().unwrap().archive;
    for changed in ["kernel/dm-crypt.ko.xz", "modules.builtin"] {
        let path = modules.join(changed);
        let content = fs::read(&path).unwrap();
        fs::write(&path, xz(&module(&["depends=", "name=evil"]))).unwrap();
        let error = build().unwrap_err();
        assert!(
            matches!(&error, InitramfsError::Module(ModuleError::Changed(named)) if *named == path),
            "{error}"
        );
        assert!(error.to_string().contains(changed), "{error}");
        fs::write(&path, content).unwrap();
    }
    // A file that was added is no module of this kernel, whatever name it has.
    fs::create_dir(modules.join("updates")).unwrap();
    fs::write(modules.join("updates/dm-crypt.ko"), "not listed").unwrap();
    assert_eq!(build().unwrap().archive, whole);
}

#[test]
fn initramfs_holds_agent_pins_and_modules_in_order() {
    let (_dir, kernel) = kernel_dir();
    let request = InitramfsRequest {
        kernel: &kernel,
        agent: &agent(),
        pins: b"the pins",
        extra: &[],
    };
    let initramfs = build_initramfs(&request).unwrap();
    let order = [
        "virtio_mmio",
        "virtio_blk",
        "vmw_vsock_virtio_transport",
        "xts",
        "dm_mod",
        "dm_crypt",
        "dm_verity",
    ];
    assert_eq!(initramfs.modules, order);
    let text = String::from_utf8_lossy(&initramfs.archive);
    let list: String = order
        .iter()
        .map(|name| format!("/lib/modules/{name}.ko\n"))
        .collect();
    for content in [&list, "the pins"] {
        assert!(text.contains(content), "{content}");
    }
    let files = [
        "etc/cloister/modules",
        "etc/cloister/verifier.json",
        "dev/console",
        "init",
    ];
    for path in files
        .into_iter()
        .chain(["dev", "mnt", "proc", "run", "sys"])
    {
        // A header ends in zero digits, a name in a zero byte.
        assert!(text.contains(&format!("0{path}\0")), "{path}");
    }
}

#[test]
fn initramfs_from_another_directory_is_the_same() {
    assert_eq!(
        build(&agent(), b"pins", &[]).unwrap(),
        build(&agent(), b"pins", &[]).unwrap()
    );
}

#[test]
fn initramfs_with_other_pins_or_files_differs() {
    let plain = build(&agent(), b"pins", &[]).unwrap();
    assert_ne!(build(&agent(), b"Pins", &[]).unwrap(), plain);
    let extra = [("/opt/tool".to_owned(), 0o755, b"tool".to_vec())];
    assert_ne!(build(&agent(), b"pins", &extra).unwrap(), plain);
}

#[test]
fn initramfs_extra_file_cannot_replace_the_agent() {
    let extra = [("/init".to_owned(), 0o755, agent())];
    let error = build(&agent(), b"pins", &extra);
    assert!(matches!(
        error,
        Err(InitramfsError::Cpio(CpioError::Twice(_)))
    ));
}

#[test]
fn initramfs_agent_that_cannot_be_pid_1_refused() {
    let dynamic = build(&elf(ET_EXEC, &[PT_INTERP, PT_LOAD]), b"pins", &[]);
    assert!(matches!(dynamic, Err(InitramfsError::AgentNotStatic)));
    let script = build(b"#!/bin/sh\n", b"pins", &[]);
    assert!(matches!(script, Err(InitramfsError::AgentNotAProgram)));
}

#[test]
fn initramfs_without_pins_refused() {
    assert!(matches!(
        build(&agent(), b"", &[]),
        Err(InitramfsError::NoPins)
    ));
}
