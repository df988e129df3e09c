//! An image read without any rule, and its launch digest without any of our types: a second opinion.

use sha2::{Digest, Sha384};

const METADATA: [u8; 16] = *b"\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc";
const RESET_BLOCK: [u8; 16] = *b"\xde\x71\xf7\x00\x7e\x1a\xcb\x4f\x89\x0e\x68\xc7\x7e\x2f\xb4\x4e";

/// What an image says, as far as a launch without a kernel goes.
pub(super) struct Image {
    /// Address, size, type.
    pub(super) rows: Vec<(u32, u32, u32)>,
    pub(super) reset_address: u32,
}

/// Panics on an image that is not as it should be; it is given accepted ones only.
pub(super) fn read(image: &[u8]) -> Image {
    let mut end = image.len() - 32 - 18;
    let start = image.len() - 32 - usize::from(u16::from_le_bytes([image[end], image[end + 1]]));
    let (mut metadata, mut reset_address) = (0, 0);
    while end > start {
        let length = usize::from(u16::from_le_bytes([image[end - 18], image[end - 17]]));
        let data = end - length;
        if image[end - 16..end] == METADATA {
            metadata = image.len() - index(word(image, data));
        } else if image[end - 16..end] == RESET_BLOCK {
            reset_address = word(image, data);
        }
        end = data;
    }
    let rows = (0..index(word(image, metadata + 12))).map(|row| {
        let at = metadata + 16 + 12 * row;
        (word(image, at), word(image, at + 4), word(image, at + 8))
    });
    Image {
        rows: rows.collect(),
        reset_address,
    }
}

fn word(image: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(image[at..at + 4].try_into().expect("four bytes"))
}

fn index(number: u32) -> usize {
    usize::try_from(number).expect("usize is 64 bits")
}

/// One vCPU of EPYC under QEMU, no kernel.
pub(super) fn launch_digest(image: &[u8], read: &Image) -> [u8; 48] {
    let mut digest = [0; 48];
    let mut add = |kind: u8, gpa: u64, contents: [u8; 48]| {
        let mut record = [&digest[..], &contents, &[0x70, 0, kind, 0, 0, 0, 0, 0]].concat();
        record.extend(gpa.to_le_bytes());
        digest = Sha384::digest(record).into();
    };
    let base = (1_u64 << 32) - u64::try_from(image.len()).expect("a file's length");
    for (gpa, page) in (base..).step_by(4096).zip(image.chunks(4096)) {
        add(1, gpa, Sha384::digest(page).into());
    }
    for (gpa, size, kind) in &read.rows {
        let kind = match kind {
            2 => 5,
            3 => 6,
            _ => 3,
        };
        for page in 0..size / 4096 {
            add(kind, u64::from(*gpa) + u64::from(page) * 4096, [0; 48]);
        }
    }
    add(2, 0xFFFF_FFFF_F000, Sha384::digest(vmsa()).into());
    digest
}

/// The first vCPU's registers out of reset; the reset address is the others' only.
fn vmsa() -> [u8; 4096] {
    let mut page = [0; 4096];
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    let attributes = [0x93_u8, 0x9B, 0x93, 0x93, 0x93, 0x93, 0, 0x82, 0, 0x8B];
    for (index, attribute) in attributes.into_iter().enumerate() {
        put(16 * index + 2, &[attribute, 0, 0xFF, 0xFF]);
    }
    put(0x10, &0xF000_u16.to_le_bytes());
    put(0x18, &0xFFFF_0000_u64.to_le_bytes());
    let registers: [(usize, u64); 13] = [
        (0x0D0, 0x1000),
        (0x148, 0x40),
        (0x158, 0x10),
        (0x160, 0x400),
        (0x168, 0xFFFF_0FF0),
        (0x170, 2),
        (0x178, 0xFFF0),
        (0x268, 0x0007_0406_0007_0406),
        (0x310, 0x0080_0F12),
        (0x3B0, 1),
        (0x3E8, 1),
        (0x408, 0x1F80),
        (0x410, 0x37F),
    ];
    for (at, value) in registers {
        put(at, &value.to_le_bytes());
    }
    page
}
