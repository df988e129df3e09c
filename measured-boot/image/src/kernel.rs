//! An uncompressed vmlinux out of a bzImage.
//!
//! Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header": `setup_sects` at 0x1F1,
//! `HdrS` at 0x202, the protocol version at 0x206, `payload_offset` and `payload_length` (from
//! version 2.08) at 0x248 and 0x24C, counted from the start of the protected-mode code.

use std::io::{self, Read};

use elf::ElfBytes;
use elf::abi::{EM_X86_64, ET_DYN, ET_EXEC, PT_LOAD};
use elf::endian::LittleEndian;
use ruzstd::decoding::StreamingDecoder;
use thiserror::Error;

/// Five times today's stock kernel. More is a decompression bomb.
const MAX_VMLINUX: u32 = 256 << 20;

/// The best that `zstd -22` makes of a kernel is about a sixth of it. What claims to unpack to far more
/// is made to take memory, and gets none.
const MAX_RATIO: usize = 64;

/// What `zstd -22` asks for; the kernel's build uses it.
const MAX_WINDOW: u64 = 128 << 20;

const PROTOCOL_WITH_PAYLOAD: u16 = 0x0208;
const REAL_MODE_SECTOR: usize = 512;

/// Takes the ELF kernel out of a bzImage with a zstd payload. What the build appended to it
/// (relocations for KASLR) stays at its end; no segment covers it.
///
/// # Errors
///
/// Not a bzImage, a payload of another compression, damaged, or not an x86-64 ELF kernel.
pub fn vmlinux_from_bzimage(image: &[u8]) -> Result<Vec<u8>, KernelError> {
    let payload = payload(image)?;
    let (compressed, size) = payload
        .split_last_chunk::<4>()
        .ok_or(KernelError::Truncated)?;
    require_zstd(compressed)?;
    let vmlinux = decompress_zstd(compressed, u32::from_le_bytes(*size))?;
    check_kernel_elf(&vmlinux)?;
    Ok(vmlinux)
}

/// The compressed kernel, with the four bytes after it that hold its unpacked size.
fn payload(image: &[u8]) -> Result<&[u8], KernelError> {
    if image.get(0x202..0x206) != Some(b"HdrS") {
        return Err(KernelError::NotAKernel);
    }
    let version = u16::from_le_bytes(field(image, 0x206)?);
    if version < PROTOCOL_WITH_PAYLOAD {
        return Err(KernelError::TooOld(version));
    }
    // Zero means four, for boot loaders older than the field.
    let [setup_sectors] = field(image, 0x1F1)?;
    let setup_sectors = if setup_sectors == 0 {
        4
    } else {
        usize::from(setup_sectors)
    };
    let offset = u32::from_le_bytes(field(image, 0x248)?);
    let length = u32::from_le_bytes(field(image, 0x24C)?);
    let code = (setup_sectors + 1) * REAL_MODE_SECTOR;
    let start = usize::try_from(offset)
        .ok()
        .and_then(|offset| offset.checked_add(code));
    let end = usize::try_from(length)
        .ok()
        .zip(start)
        .and_then(|(len, at)| at.checked_add(len));
    start
        .zip(end)
        .and_then(|(start, end)| image.get(start..end))
        .ok_or(KernelError::Truncated)
}

fn field<const N: usize>(image: &[u8], at: usize) -> Result<[u8; N], KernelError> {
    image
        .get(at..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .ok_or(KernelError::Truncated)
}

fn require_zstd(compressed: &[u8]) -> Result<(), KernelError> {
    const KINDS: [(&[u8], &str); 6] = [
        (&[0x1f, 0x8b], "gzip"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
        (&[0x5d, 0, 0], "lzma"),
        (b"BZh", "bzip2"),
        (&[0x02, 0x21, 0x4c, 0x18], "lz4"),
        (&[0x89, b'L', b'Z', b'O'], "lzo"),
    ];
    if compressed.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return Ok(());
    }
    let known = KINDS
        .iter()
        .find(|(magic, _)| compressed.starts_with(magic));
    Err(KernelError::Compression(
        known.map_or("an unknown format", |(_, name)| name),
    ))
}

/// `size` is what the build wrote down; it bounds the output and must be met exactly.
fn decompress_zstd(compressed: &[u8], size: u32) -> Result<Vec<u8>, KernelError> {
    if size > MAX_VMLINUX {
        return Err(KernelError::TooLarge(size));
    }
    let claimed = usize::try_from(size).map_err(|_| KernelError::TooLarge(size))?;
    if claimed / MAX_RATIO > compressed.len() {
        return Err(KernelError::Ratio(size));
    }
    let mut rest = compressed;
    let mut decoder = StreamingDecoder::new_with_max_window_size(&mut rest, MAX_WINDOW)
        .map_err(|error| KernelError::Zstd(io::Error::other(error)))?;
    let mut vmlinux = vec![0; claimed];
    decoder
        .read_exact(&mut vmlinux)
        .map_err(KernelError::Zstd)?;
    let more = decoder.read(&mut [0]).map_err(KernelError::Zstd)?;
    if more != 0 || !rest.is_empty() {
        return Err(KernelError::PayloadSize);
    }
    Ok(vmlinux)
}

fn check_kernel_elf(vmlinux: &[u8]) -> Result<(), KernelError> {
    let elf = ElfBytes::<LittleEndian>::minimal_parse(vmlinux).map_err(|_| KernelError::NotElf)?;
    let executable = matches!(elf.ehdr.e_type, ET_EXEC | ET_DYN);
    let loaded = elf
        .segments()
        .is_some_and(|all| all.iter().any(|one| one.p_type == PT_LOAD));
    if elf.ehdr.e_machine != EM_X86_64 || !executable || !loaded {
        return Err(KernelError::NotElf);
    }
    Ok(())
}

/// No kernel could be taken out of the image.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The setup header's magic is missing.
    #[error("not a Linux bzImage: there is no `HdrS` at offset 0x202")]
    NotAKernel,
    /// Before Linux 2.6.26.
    #[error("boot protocol {0:#06x} is older than 2.08 and names no payload")]
    TooOld(u16),
    /// A header field or the payload lies beyond the end.
    #[error("the kernel image is truncated: fetch it again")]
    Truncated,
    /// Debian's kernels use zstd since 6.12.
    #[error("the kernel is compressed with {0}; only zstd is supported (Debian's 6.12 and later)")]
    Compression(&'static str),
    /// Larger than any kernel.
    #[error("the kernel claims to unpack to {0} bytes, more than 256 MiB")]
    TooLarge(u32),
    /// Nothing that is a kernel can be packed so tightly.
    #[error("the kernel claims to unpack to {0} bytes, more than {MAX_RATIO} times what is there")]
    Ratio(u32),
    /// The payload is damaged.
    #[error("the kernel's zstd payload is damaged: fetch it again")]
    Zstd(#[source] io::Error),
    /// The payload and the size written after it disagree.
    #[error("the kernel does not unpack to the size written in its image: fetch it again")]
    PayloadSize,
    /// Unpacked, but to something else.
    #[error("the kernel's payload is not an x86-64 ELF program")]
    NotElf,
}
