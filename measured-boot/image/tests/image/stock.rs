//! The stock kernel package, where there is one: named by `CLOISTER_KERNEL_DEB`, or fetched before by
//! the demo.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use measured_boot_image::{
    InitramfsRequest, KernelDir, build_initramfs, module_closure, unpack_kernel,
};
use tempfile::TempDir;

use crate::forge::{ET_EXEC, PT_LOAD, elf, sha256};

fn stock_deb() -> Option<Vec<u8>> {
    let path = env::var_os("CLOISTER_KERNEL_DEB")
        .map(PathBuf::from)
        .or_else(cached_deb);
    if path.is_none() {
        println!(
            "skipped: no kernel package; set CLOISTER_KERNEL_DEB or run `cargo xtask demo` once"
        );
    }
    path.map(|path| fs::read(path).unwrap())
}

fn cached_deb() -> Option<PathBuf> {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/demo/cache");
    let mut debs: Vec<PathBuf> = fs::read_dir(cache)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    debs.retain(|path| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name.starts_with("linux-image-") && name.ends_with(".deb")
    });
    debs.sort();
    debs.pop()
}

fn unpacked() -> Option<(TempDir, KernelDir)> {
    let dir = TempDir::new().unwrap();
    let kernel = unpack_kernel(&stock_deb()?, &dir.path().join("kernel")).unwrap();
    Some((dir, kernel))
}

#[test]
fn stock_kernel_unpacks_to_a_real_vmlinux() {
    let Some((_dir, kernel)) = unpacked() else {
        return;
    };
    let vmlinux = fs::read(kernel.vmlinux()).unwrap();
    assert_eq!(sha256(&vmlinux), kernel.info().vmlinux_sha256);
    // Its banner, with its own release: nothing was cut or exchanged.
    let banner = format!("Linux version {} ", kernel.info().release);
    assert!(
        vmlinux
            .windows(banner.len())
            .any(|window| window == banner.as_bytes())
    );
    assert!(kernel.info().modules > 500);
}

#[test]
fn stock_initramfs_twice_from_two_directories_is_the_same() {
    let build = || {
        let (_dir, kernel) = unpacked()?;
        let agent = elf(ET_EXEC, &[PT_LOAD]);
        let request = InitramfsRequest {
            kernel: &kernel,
            agent: &agent,
            pins: b"pins",
            extra: &[],
        };
        Some(build_initramfs(&request).unwrap())
    };
    let Some(one) = build() else { return };
    let two = build().unwrap();
    assert_eq!(sha256(&one.archive), sha256(&two.archive));
    assert_eq!(one.modules, two.modules);
}

#[test]
fn stock_modules_are_signed_and_closed() {
    let Some((_dir, kernel)) = unpacked() else {
        return;
    };
    let tree = kernel.modules().unwrap();
    assert!(tree.has("ecb") && tree.has("ext4") && !tree.has("no_such_module"));
    let modules = module_closure(
        &tree,
        &["aesni_intel", "xts", "dm_crypt", "dm_verity", "ext4"],
    )
    .unwrap();
    let at = |name: &str| modules.iter().position(|module| module.name == name);
    for (first, then) in [
        ("cryptd", "crypto_simd"),
        ("crypto_simd", "aesni_intel"),
        ("dm_mod", "dm_crypt"),
        ("dm_bufio", "dm_verity"),
        ("reed_solomon", "dm_verity"),
    ] {
        assert!(
            at(first).unwrap() < at(then).unwrap(),
            "{first} before {then}"
        );
    }
    assert_eq!(at("ext4"), None);
    for module in &modules {
        assert!(
            module.bytes.ends_with(b"~Module signature appended~\n"),
            "{}",
            module.name
        );
    }
}
