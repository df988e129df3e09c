//! An OVMF image: random bytes, and at their end what a launch under SEV-SNP reads of an image.

/// GUIDs as they lie in the image.
const FOOTER: [u8; 16] = 0xde82_b596_b21f_f745_baea_a366_c55a_082d_u128.to_be_bytes();
const METADATA: [u8; 16] = 0x6665_88dc_4a98_9847_a75e_5585_a7bf_67cc_u128.to_be_bytes();
const RESET_BLOCK: [u8; 16] = 0xde71_f700_7e1a_cb4f_890e_68c7_7e2f_b44e_u128.to_be_bytes();
const RESET_VECTOR_BYTES: usize = 32;

/// Section addresses and lengths as OVMF's own builds have them: memory, secrets, CPUID.
const SECTIONS: [[u32; 3]; 3] = [
    [0x80_0000, 0x9000, 1],
    [0x80_D000, 0x1000, 2],
    [0x80_E000, 0x1000, 3],
];

/// An image of these bytes but for its end.
pub fn image(random: &[u8]) -> Vec<u8> {
    let mut table = metadata();
    let metadata_bytes = table.len();
    let entries = [
        (METADATA, Some(distance())),
        (RESET_BLOCK, Some(0x80_B004)),
        (FOOTER, None),
    ];
    for (guid, data) in entries {
        if let Some(data) = data {
            table.extend(data.to_le_bytes());
        }
        let length: u16 = if guid == FOOTER { 2 * 22 + 18 } else { 22 };
        table.extend(length.to_le_bytes());
        table.extend(guid);
    }
    debug_assert_eq!(table.len() - metadata_bytes, 62);
    let mut image = random.to_vec();
    let end = image.len() - RESET_VECTOR_BYTES;
    image[end - table.len()..end].copy_from_slice(&table);
    image
}

/// From the metadata's first byte to the image's end.
fn distance() -> u32 {
    16 + 36 + 62 + 32
}

fn metadata() -> Vec<u8> {
    let mut bytes = b"ASEV".to_vec();
    let header = [16 + 36, 1, 3]; // length, version, sections
    let words = header.iter().chain(SECTIONS.as_flattened());
    bytes.extend(words.flat_map(|word| word.to_le_bytes()));
    bytes
}
