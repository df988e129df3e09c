//! Small packages, kernels and modules, made here byte by byte.

use std::io::Write;
use std::path::Path;

use liblzma::write::XzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use sha2::{Digest, Sha256};

pub const ET_REL: u16 = 1;
pub const ET_EXEC: u16 = 2;
pub const PT_LOAD: u32 = 1;
pub const PT_INTERP: u32 = 3;

pub fn xz(plain: &[u8]) -> Vec<u8> {
    let mut encoder = XzEncoder::new(Vec::new(), 6);
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// An x86-64 ELF file with empty segments of these types.
pub fn elf(kind: u16, segments: &[u32]) -> Vec<u8> {
    let mut file = elf_header(kind, segments.len(), 0, 0);
    for segment in segments {
        file.extend_from_slice(&segment.to_le_bytes());
        file.extend_from_slice(&[0; 52]);
    }
    file
}

/// A kernel module of nothing but a `.modinfo` section with these entries.
pub fn module(info: &[&str]) -> Vec<u8> {
    let names = b"\0.modinfo\0.shstrtab\0";
    let info = info.join("\0") + "\0";
    let (names_at, info_at) = (64, 64 + names.len());
    let sections_at = info_at + info.len();
    let mut file = elf_header(ET_REL, 0, sections_at, 3);
    file.extend_from_slice(names);
    file.extend_from_slice(info.as_bytes());
    for (name, kind, at, size) in [
        (0_u32, 0_u32, 0, 0),
        (1, 1, info_at, info.len()),
        (10, 3, names_at, names.len()),
    ] {
        file.extend_from_slice(&name.to_le_bytes());
        file.extend_from_slice(&kind.to_le_bytes());
        for word in [0, 0, at, size, 0, 1, 0] {
            file.extend_from_slice(&(word as u64).to_le_bytes());
        }
    }
    file
}

fn elf_header(kind: u16, segments: usize, sections_at: usize, sections: u16) -> Vec<u8> {
    let mut header = vec![0_u8; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    header[16..18].copy_from_slice(&kind.to_le_bytes());
    header[18] = 62;
    header[20] = 1;
    header[32..40].copy_from_slice(&64_u64.to_le_bytes());
    header[40..48].copy_from_slice(&(sections_at as u64).to_le_bytes());
    header[52] = 64;
    header[54] = 56;
    header[56] = u8::try_from(segments).unwrap();
    header[58] = 64;
    header[60..62].copy_from_slice(&sections.to_le_bytes());
    header[62..64].copy_from_slice(&sections.saturating_sub(1).to_le_bytes());
    header
}

/// A bzImage around `payload`, followed by its claimed unpacked size.
pub fn bzimage_around(payload: &[u8], claimed_size: u32) -> Vec<u8> {
    let payload = [payload, &claimed_size.to_le_bytes()].concat();
    let mut image = vec![0; 0x400];
    image[0x1f1] = 1;
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
    image[0x248..0x24c].copy_from_slice(&16_u32.to_le_bytes());
    image[0x24c..0x250].copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
    image.extend_from_slice(&[0xcc; 16]);
    image.extend_from_slice(&payload);
    image.extend_from_slice(b"what follows the payload");
    image
}

pub fn bzimage(vmlinux: &[u8]) -> Vec<u8> {
    let zstd = compress_to_vec(vmlinux, CompressionLevel::Fastest);
    bzimage_around(&zstd, u32::try_from(vmlinux.len()).unwrap())
}

pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            0,
            0,
            0,
            100_644,
            content.len()
        );
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content);
        if content.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

pub fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        builder
            .append(
                &tar_header(path, tar::EntryType::Regular, content.len()),
                *content,
            )
            .unwrap();
    }
    builder.into_inner().unwrap()
}

/// Takes any path, even one that the tar crate would refuse to write.
pub fn tar_header(path: &str, kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

pub fn deb_around(tar: &[u8]) -> Vec<u8> {
    let control = xz(b"");
    ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", &control),
        ("data.tar.xz", &xz(tar)),
    ])
}

pub fn deb(files: &[(&str, &[u8])]) -> Vec<u8> {
    deb_around(&tar(files))
}

/// A package of kernel 9.9-test with every module that an initramfs needs.
pub fn kernel_deb() -> Vec<u8> {
    let root = "./lib/modules/9.9-test";
    let kernel = bzimage(&elf(ET_EXEC, &[PT_LOAD]));
    let plain = xz(&module(&["depends=", "name=x"]));
    let dm_crypt = xz(&module(&["depends=dm-mod", "name=dm_crypt"]));
    let paths = [
        "virtio_mmio",
        "virtio_blk",
        "vmw_vsock_virtio_transport",
        "xts",
        "dm-mod",
        "dm-verity",
    ]
    .map(|name| format!("{root}/kernel/{name}.ko.xz"));
    let (crypt, builtin) = (
        format!("{root}/kernel/dm-crypt.ko.xz"),
        format!("{root}/modules.builtin"),
    );
    let mut files: Vec<(&str, &[u8])> = vec![
        ("./boot/vmlinuz-9.9-test", &kernel),
        (&builtin, b"kernel/fs/ext4/ext4.ko\n"),
        (&crypt, &dm_crypt),
        ("./usr/share/doc/readme", b"not wanted"),
    ];
    files.extend(paths.iter().map(|path| (path.as_str(), plain.as_slice())));
    deb(&files)
}

/// Names in a directory, to see that nothing was left there.
pub fn listing(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
