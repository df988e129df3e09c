//! An IGVM file for SEV-SNP: two runs of pages and a vCPU.

use anyhow::Result;
use measured_boot_snp_abi::{PAGE_SIZE, Vmsa};
use zerocopy::little_endian::U64;
use zerocopy::{FromZeros, IntoBytes};

const FIXED_BYTES: usize = 24;
/// The platform's bit.
const MASK: u32 = 1;
const SNP: u32 = 2 << 8 | 1 << 16; // platform SEV-SNP, version 1
const FIRMWARE_GPA: u64 = 0xFFC0_0000;
const REST_GPA: u64 = 0x100_0000;
const VMSA_GPA: u64 = 0xFFFF_FFFF_F000;

/// The file (format version 1).
///
/// # Errors
/// The contents do not fit into 4 GiB.
pub fn file(firmware: &[u8], rest: &[u8]) -> Result<Vec<u8>> {
    let pages = (firmware.len() + rest.len()) / PAGE_SIZE;
    let headers_bytes = 24 + 24 + 32 * pages + 32;
    let mut data = (FIXED_BYTES + headers_bytes).next_multiple_of(PAGE_SIZE);
    let contents = data;
    let mut headers = Vec::with_capacity(headers_bytes);
    header(&mut headers, 0x1, &[MASK, SNP, 0, 0]);
    header(&mut headers, 0x101, &[0x3_0000, 0, MASK, 0]);
    for (gpa, bytes) in [(FIRMWARE_GPA, firmware), (REST_GPA, rest)] {
        for (gpa, _) in (gpa..).step_by(PAGE_SIZE).zip(bytes.chunks(PAGE_SIZE)) {
            let offset = u32::try_from(data)?;
            header(
                &mut headers,
                0x302,
                &[u32::try_from(gpa)?, 0, MASK, offset, 0, 0],
            );
            data += PAGE_SIZE;
        }
    }
    let [low, high] = [VMSA_GPA & 0xFFFF_FFFF, VMSA_GPA >> 32];
    let place = [u32::try_from(low)?, u32::try_from(high)?];
    let vmsa_offset = u32::try_from(data)?;
    header(
        &mut headers,
        0x304,
        &[place[0], place[1], MASK, vmsa_offset, 0],
    );
    let mut file = fixed(&headers, u32::try_from(data + PAGE_SIZE)?)?;
    file.extend(headers);
    file.resize(contents, 0);
    file.extend(firmware);
    file.extend(rest);
    file.extend(vmsa().as_bytes());
    Ok(file)
}

/// A variable header, filled up to eight bytes.
fn header(headers: &mut Vec<u8>, kind: u32, content: &[u32]) {
    let length = u32::try_from(4 * content.len()).expect("some words");
    let words = [kind, length];
    headers.extend(
        words
            .iter()
            .chain(content)
            .flat_map(|word| word.to_le_bytes()),
    );
    headers.resize(headers.len().next_multiple_of(8), 0);
}

fn fixed(headers: &[u8], total: u32) -> Result<Vec<u8>> {
    let offset = u32::try_from(FIXED_BYTES)?;
    let size = u32::try_from(headers.len())?;
    let with = |checksum: u32| {
        let words = [1, offset, size, total, checksum];
        [
            b"IGVM".as_slice(),
            words.map(u32::to_le_bytes).as_flattened(),
        ]
        .concat()
    };
    let checksum = crc32(&[&with(0), headers].concat());
    Ok(with(checksum))
}

/// CRC-32 of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 };
        }
    }
    !crc
}

/// In 32-bit protected mode, as far as anybody looks.
fn vmsa() -> Vmsa {
    Vmsa {
        sev_features: U64::new(1),
        efer: U64::new(0x1000),
        cr0: U64::new(0x31),
        cr4: U64::new(0x40),
        ..Vmsa::new_zeroed()
    }
}
