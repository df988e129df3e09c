//! What the firmware starts: a kernel that QEMU hands it, or a UKI on a disk.

use anyhow::{Context, Result, ensure};
use measured_boot_digest::sha384;
use measured_boot_tdx_launch::{Boot, DirectBoot, DiskBoot, Pe as Started, qemu_patched};
use measured_boot_uki::{Algorithm, Boot as UkiBoot, Digest, Pe, Uki};
use std::path::Path;

use super::TdxArguments;
use super::arguments::KernelHeader;
use crate::files::read;

/// What is booted, if the options say so.
pub fn boot(arguments: &TdxArguments, warnings: &mut Vec<String>) -> Result<Option<Boot>> {
    if let Some(path) = &arguments.kernel {
        return direct(arguments, path, warnings)
            .map(Boot::Direct)
            .map(Some);
    }
    let uki = arguments.uki.as_deref();
    uki.map(|path| disk(arguments, path).map(Boot::Disk))
        .transpose()
}

fn direct(arguments: &TdxArguments, path: &Path, warnings: &mut Vec<String>) -> Result<DirectBoot> {
    let file = read("--kernel", path)?;
    let initrd = arguments.initrd.as_deref();
    let initrd = initrd.map(|path| read("--initrd", path)).transpose()?;
    // QEMU takes an empty file for none.
    let initrd = initrd.filter(|initrd| !initrd.is_empty());
    let initrd_bytes = initrd.as_ref().map_or(0, |initrd| initrd.len());
    let kernel = match arguments.kernel_header {
        KernelHeader::AsIs => Some(authenticode("--kernel", path, &file)?),
        KernelHeader::Patched => patched(arguments, path, &file, initrd_bytes)?,
    };
    if qemu_patched(&file, 0, 1 << 30).is_some() && arguments.kernel_header == KernelHeader::AsIs {
        warnings.push(
            "RTMR1 is that of OVMF from edk2-stable202505 on, which measures the kernel's file; of an older one, give --kernel-header patched".to_owned(),
        );
    }
    Ok(DirectBoot {
        kernel,
        cmdline: arguments.append.clone().unwrap_or_default().into_bytes(),
        initrd: initrd.map(|bytes| sha384(&bytes)),
    })
}

/// The kernel as QEMU hands it over; that depends on memory if there is an initrd to be placed.
fn patched(
    arguments: &TdxArguments,
    path: &Path,
    file: &[u8],
    initrd_bytes: usize,
) -> Result<Option<[u8; 48]>> {
    let cmdline = arguments.append.as_deref().unwrap_or_default();
    ensure!(
        !cmdline.contains("vga="),
        "--append: QEMU writes the video mode (vga=) into the kernel's header, which is not predicted; leave it out"
    );
    let memory = match (arguments.memory, initrd_bytes) {
        (Some(memory), _) => memory,
        (None, 0) => 1 << 30,
        (None, _) => return Ok(None),
    };
    let initrd_bytes = u64::try_from(initrd_bytes).unwrap_or(u64::MAX);
    let patched = qemu_patched(file, initrd_bytes, memory).with_context(|| {
        let path = path.display();
        format!("--kernel {path}: QEMU fills in no header of this: it is no bzImage with boot protocol 2.3 or later, or the initrd does not fit into memory")
    })?;
    authenticode("--kernel", path, &patched).map(Some)
}

fn disk(arguments: &TdxArguments, path: &Path) -> Result<DiskBoot> {
    let partitions = arguments.gpt.as_deref().map(|path| read("--gpt", path));
    let mut images = Vec::new();
    for path in &arguments.boot_image {
        let file = read("--boot-image", path)?;
        let digest = authenticode("--boot-image", path, &file)?;
        images.push(started(path.display().to_string(), Some(digest)));
    }
    let file = read("--uki", path)?;
    let digest = authenticode("--uki", path, &file)?;
    images.push(started("UKI".to_owned(), Some(digest)));
    let place = || {
        format!(
            "--uki {}: what its stub measures cannot be predicted",
            path.display()
        )
    };
    let pe = pe("--uki", path, &file)?;
    let uki = Uki::of(&pe).with_context(place)?;
    let rules = uki.stub().rules(arguments.stub).with_context(place)?;
    let measured = uki
        .measured(&rules, &UkiBoot::default())
        .with_context(place)?;
    let kernel = Pe::read(&measured.kernel()).ok().map(|kernel| {
        let digest = kernel.authenticode(Algorithm::Sha384);
        bytes_of(digest)
    });
    images.push(started(".linux".to_owned(), kernel));
    let sections = measured.sections().iter().map(|section| {
        let digest = section.content.digest(Algorithm::Sha384);
        (section.kind.to_string(), bytes_of(digest))
    });
    Ok(DiskBoot {
        partitions: partitions.transpose()?.map(|data| sha384(&data)),
        images,
        sections: sections.collect(),
    })
}

fn started(name: String, digest: Option<[u8; 48]>) -> Started {
    Started { name, digest }
}

fn authenticode(option: &str, path: &Path, file: &[u8]) -> Result<[u8; 48]> {
    let pe = pe(option, path, file)?;
    Ok(bytes_of(pe.authenticode(Algorithm::Sha384)))
}

fn pe<'a>(option: &str, path: &Path, file: &'a [u8]) -> Result<Pe<'a>> {
    Pe::read(file).with_context(|| {
        let path = path.display();
        format!("{option} {path}: this is no PE image that firmware reads in one way")
    })
}

fn bytes_of(digest: Digest) -> [u8; 48] {
    let bytes: &[u8] = digest.as_ref();
    *bytes.first_chunk().expect("SHA-384 has 48 bytes")
}
