//! An OVMF image made by hand, so that each of its parts can be spoilt.

use measured_boot_firmware::Guid;

pub const FOOTER: [u8; 16] = *b"\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d";
pub const METADATA: [u8; 16] = *b"\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc";
pub const HASH_AREA: [u8; 16] =
    *b"\x1f\x37\x55\x72\x3b\x3a\x04\x4b\x92\x7b\x1d\xa6\xef\xa8\xd4\x54";
pub const RESET_BLOCK: [u8; 16] =
    *b"\xde\x71\xf7\x00\x7e\x1a\xcb\x4f\x89\x0e\x68\xc7\x7e\x2f\xb4\x4e";

pub const SEC_MEM: u32 = 1;
pub const SECRETS: u32 = 2;
pub const CPUID: u32 = 3;
pub const CAA: u32 = 4;
pub const HASHES: u32 = 0x10;

/// What an image is made of.
#[derive(Clone)]
pub struct Parts {
    pub pages: usize,
    /// Address, size, type.
    pub rows: Vec<[u32; 3]>,
    /// GUID and data; the metadata's entry is added.
    pub entries: Vec<([u8; 16], Vec<u8>)>,
}

/// The last 4 KiB of a two-page image: metadata at 0x1400, the footer table before 0x1FE0.
pub const METADATA_OFFSET: usize = 0x1400;

impl Parts {
    /// An image with everything.
    pub fn whole() -> Self {
        let area = [0x0081_0C00u32, 0x400].map(u32::to_le_bytes).concat();
        Self {
            pages: 2,
            rows: vec![
                [0x0080_0000, 0x9000, SEC_MEM],
                [0x0080_D000, 0x1000, SECRETS],
                [0x0080_E000, 0x1000, CPUID],
                [0x0080_F000, 0x1000, CAA],
                [0x0081_0000, 0x1000, HASHES],
            ],
            entries: vec![
                (HASH_AREA, area),
                (RESET_BLOCK, 0x0080_B004u32.to_le_bytes().to_vec()),
            ],
        }
    }

    pub fn image(&self) -> Vec<u8> {
        let mut image = vec![0; self.pages * 4096];
        let metadata = image.len() - 4096 + METADATA_OFFSET % 4096;
        let distance = u32::try_from(image.len() - metadata).expect("small");
        let mut table = Vec::new();
        let metadata_entry = (METADATA, distance.to_le_bytes().to_vec());
        for (guid, data) in self.entries.iter().chain([&metadata_entry]) {
            table.extend_from_slice(data);
            let length = u16::try_from(data.len() + 18).expect("small");
            table.extend_from_slice(&length.to_le_bytes());
            table.extend_from_slice(guid);
        }
        let length = u16::try_from(table.len() + 18).expect("small");
        table.extend_from_slice(&length.to_le_bytes());
        table.extend_from_slice(&FOOTER);
        put(&mut image, image_end(self.pages) - table.len(), &table);
        put(&mut image, metadata, &self.metadata());
        image
    }

    fn metadata(&self) -> Vec<u8> {
        let rows = u32::try_from(self.rows.len()).expect("small");
        let mut bytes = b"ASEV".to_vec();
        for word in [16 + 12 * rows, 1, rows] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        for word in self.rows.iter().flatten() {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// Where the footer table ends.
pub fn image_end(pages: usize) -> usize {
    pages * 4096 - 32
}

pub fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    image[at..at + bytes.len()].copy_from_slice(bytes);
}

pub fn guid(bytes: [u8; 16]) -> Guid {
    Guid::from_bytes(bytes)
}
