//! A TDVF image made by hand, so that each of its parts can be spoilt.
#![allow(dead_code, reason = "two test crates use different parts of it")]

const FOOTER: [u8; 16] = *b"\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d";
const ENTRY: [u8; 16] = *b"\x35\x65\x7a\xe4\x4a\x98\x98\x47\x86\x5e\x46\x85\xa7\xbf\x8e\xc2";
const METADATA: [u8; 16] = *b"\xf3\xf9\xea\xe9\x8e\x16\xd5\x44\xa8\xeb\x7f\x4d\x87\x38\xf6\xae";

/// The length of every image.
pub const IMAGE_BYTES: usize = 0x4000;
/// Where the descriptor is.
pub const DESCRIPTOR: usize = 0x3800;
/// Where the distance of the table's entry is.
pub const DISTANCE: usize = IMAGE_BYTES - 0x20 - 18 - 22;
/// Where the length of the table's entry is.
pub const ENTRY_LENGTH: usize = DISTANCE + 4;
/// Where the table's own length is.
pub const TABLE_LENGTH: usize = IMAGE_BYTES - 0x20 - 18;

/// A row of the metadata.
#[derive(Clone, Copy)]
pub struct Row {
    pub offset: u32,
    pub bytes: u32,
    pub gpa: u64,
    pub memory: u64,
    pub kind: u32,
    pub attributes: u32,
}

/// Variables, code, memory, list, memory, as OVMF has them.
pub fn rows() -> Vec<Row> {
    let plain = |gpa, memory, kind| row(0, 0, gpa, memory, kind, 0);
    vec![
        row(0x1000, 0x3000, 0xFFFF_D000, 0x3000, 0, 1),
        row(0, 0x1000, 0xFFFF_C000, 0x1000, 1, 0),
        plain(0x81_0000, 0x2000, 3),
        plain(0x80_9000, 0x2000, 2),
        plain(0x80_0000, 0x1000, 3),
    ]
}

pub fn row(offset: u32, bytes: u32, gpa: u64, memory: u64, kind: u32, attributes: u32) -> Row {
    Row {
        offset,
        bytes,
        gpa,
        memory,
        kind,
        attributes,
    }
}

/// An image that the footer table describes.
pub fn image(rows: &[Row]) -> Vec<u8> {
    let mut image = bare(rows);
    let distance = u32::try_from(IMAGE_BYTES - DESCRIPTOR).expect("small");
    put(&mut image, DISTANCE, &distance.to_le_bytes());
    put(&mut image, ENTRY_LENGTH, &22u16.to_le_bytes());
    put(&mut image, ENTRY_LENGTH + 2, &ENTRY);
    put(&mut image, TABLE_LENGTH, &40u16.to_le_bytes());
    put(&mut image, TABLE_LENGTH + 2, &FOOTER);
    image
}

/// The same with the descriptor's offset at the fixed place instead.
pub fn image_by_offset(rows: &[Row]) -> Vec<u8> {
    let mut image = bare(rows);
    put_fixed_offset(&mut image);
    image
}

/// Writes the descriptor's offset where older readers look for it.
pub fn put_fixed_offset(image: &mut [u8]) {
    let offset = u32::try_from(DESCRIPTOR).expect("small");
    put(image, IMAGE_BYTES - 0x20, &offset.to_le_bytes());
}

/// Metadata and contents that differ from page to page.
fn bare(rows: &[Row]) -> Vec<u8> {
    let mut image: Vec<u8> = (0..IMAGE_BYTES)
        .map(|at| u8::try_from((at / 256 + at) % 251).expect("small"))
        .collect();
    image[DESCRIPTOR - 16..].fill(0);
    put(&mut image, DESCRIPTOR - 16, &METADATA);
    put(&mut image, DESCRIPTOR, &descriptor(rows));
    image
}

fn descriptor(rows: &[Row]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).expect("small");
    let mut bytes = b"TDVF".to_vec();
    for word in [16 + 32 * count, 1, count] {
        bytes.extend(word.to_le_bytes());
    }
    for row in rows {
        bytes.extend([row.offset, row.bytes].map(u32::to_le_bytes).concat());
        bytes.extend([row.gpa, row.memory].map(u64::to_le_bytes).concat());
        bytes.extend([row.kind, row.attributes].map(u32::to_le_bytes).concat());
    }
    bytes
}

pub fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}
