//! bzImages, whole and damaged.

use measured_boot_image::{KernelError, vmlinux_from_bzimage};

use crate::forge::{ET_EXEC, ET_REL, PT_INTERP, PT_LOAD, bzimage, bzimage_around, elf};

fn vmlinux() -> Vec<u8> {
    let mut vmlinux = elf(ET_EXEC, &[PT_LOAD]);
    vmlinux.extend((0..100_000_u32).flat_map(u32::to_le_bytes));
    vmlinux
}

#[test]
fn bzimage_payload_comes_out_whole() {
    assert_eq!(
        vmlinux_from_bzimage(&bzimage(&vmlinux())).unwrap(),
        vmlinux()
    );
}

#[test]
fn bzimage_with_zero_setup_sectors_means_four() {
    let mut image = bzimage(&vmlinux());
    image[0x1f1] = 0;
    image.splice(0x400..0x400, [0; 3 * 512]);
    assert_eq!(vmlinux_from_bzimage(&image).unwrap(), vmlinux());
}

#[test]
fn not_a_bzimage_refused() {
    for bytes in [&b""[..], b"MZ", &vmlinux()] {
        assert!(matches!(
            vmlinux_from_bzimage(bytes),
            Err(KernelError::NotAKernel)
        ));
    }
}

#[test]
fn bzimage_of_an_old_protocol_refused() {
    let mut image = bzimage(&vmlinux());
    image[0x206..0x208].copy_from_slice(&0x0207_u16.to_le_bytes());
    assert!(matches!(
        vmlinux_from_bzimage(&image),
        Err(KernelError::TooOld(0x0207))
    ));
}

#[test]
fn bzimage_of_another_compression_is_named() {
    for (payload, name) in [
        (&[0x1f, 0x8b, 8][..], "gzip"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x02\x21\x4c\x18", "lz4"),
        (b"????", "an unknown format"),
    ] {
        let error = vmlinux_from_bzimage(&bzimage_around(payload, 0));
        assert!(
            matches!(error, Err(KernelError::Compression(found)) if found == name),
            "{name}"
        );
    }
}

#[test]
fn bzimage_truncated_anywhere_refused() {
    let whole = bzimage(&vmlinux());
    let end = whole.len() - "what follows the payload".len();
    for length in (0..0x500).chain([end - 5, end - 1]) {
        assert!(vmlinux_from_bzimage(&whole[..length]).is_err(), "{length}");
    }
    vmlinux_from_bzimage(&whole[..end]).unwrap();
}

#[test]
fn bzimage_payload_outside_the_image_refused() {
    for at in [0x248, 0x24c] {
        let mut image = bzimage(&vmlinux());
        image[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(
            vmlinux_from_bzimage(&image),
            Err(KernelError::Truncated)
        ));
    }
}

#[test]
fn bzimage_that_unpacks_to_another_size_refused() {
    let whole = bzimage(&vmlinux());
    let size_at = whole.len() - "what follows the payload".len() - 4;
    let size = u32::try_from(vmlinux().len()).unwrap();
    let with_size = |size: u32| {
        let mut image = whole.clone();
        image[size_at..size_at + 4].copy_from_slice(&size.to_le_bytes());
        vmlinux_from_bzimage(&image)
    };
    assert!(matches!(with_size(size - 1), Err(KernelError::PayloadSize)));
    assert!(matches!(with_size(size + 1), Err(KernelError::Zstd(_))));
    assert!(matches!(
        with_size(u32::MAX),
        Err(KernelError::TooLarge(u32::MAX))
    ));
    assert!(matches!(
        with_size(200 << 20),
        Err(KernelError::Ratio(0xC80_0000))
    ));
}

#[test]
fn bzimage_payload_that_is_no_kernel_refused() {
    let mut other_cpu = elf(ET_EXEC, &[PT_LOAD]);
    other_cpu[18] = 183;
    for payload in [
        b"text".to_vec(),
        elf(ET_REL, &[PT_LOAD]),
        elf(ET_EXEC, &[PT_INTERP]),
        other_cpu,
    ] {
        assert!(matches!(
            vmlinux_from_bzimage(&bzimage(&payload)),
            Err(KernelError::NotElf)
        ));
    }
}
