//! The ends of OVMF images: metadata and footer table, nothing before them.

use crate::Seed;

const METADATA: [u8; 16] = *b"\x66\x65\x88\xdc\x4a\x98\x98\x47\xa7\x5e\x55\x85\xa7\xbf\x67\xcc";
const HASH_AREA: [u8; 16] = *b"\x1f\x37\x55\x72\x3b\x3a\x04\x4b\x92\x7b\x1d\xa6\xef\xa8\xd4\x54";
const RESET_BLOCK: [u8; 16] = *b"\xde\x71\xf7\x00\x7e\x1a\xcb\x4f\x89\x0e\x68\xc7\x7e\x2f\xb4\x4e";
const SECRET: [u8; 16] = *b"\x61\xb3\xe2\x4c\x9b\x7d\xc3\x4c\x80\x81\x12\x7c\x90\xd3\xd2\x94";
const SVSM: [u8; 16] = *b"\x12\xa6\x89\xa7\x97\x05\x4b\x4c\xa4\x9f\xcb\xb1\xfe\x9d\x1d\xdd";
const FOOTER: [u8; 16] = *b"\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d";

const ROWS: [[u32; 3]; 5] = [
    [0x80_0000, 0x9000, 1],
    [0x80_D000, 0x1000, 2],
    [0x80_E000, 0x1000, 3],
    [0x80_F000, 0x1000, 4],
    [0x81_0000, 0x1000, 0x10],
];

pub(crate) fn seeds() -> Vec<Seed> {
    let area = (
        HASH_AREA,
        [0x81_0C00_u32, 0x400].map(u32::to_le_bytes).concat(),
    );
    let reset = (RESET_BLOCK, 0x80_B004_u32.to_le_bytes().to_vec());
    let secret = (SECRET, vec![0; 8]);
    let svsm = (SVSM, vec![0; 4]);
    let known = [area, reset.clone()];
    let all = [known.as_slice(), &[secret, svsm]].concat();
    vec![
        ("direct-boot", end(&ROWS, &known)),
        ("every-entry", end(&ROWS, &all)),
        (
            "no-kernel-hashes",
            end(&ROWS[..3], std::slice::from_ref(&reset)),
        ),
        ("one-row", end(&ROWS[..1], &[reset])),
        ("no-reset-block", end(&ROWS[..1], &[])),
        ("reset-vector-only", vec![0x90; 32]),
    ]
}

/// Size of the variable store in pages and length of the firmware, then firmware and SVSM.
pub(crate) fn svsm() -> Vec<Seed> {
    let reset = (RESET_BLOCK, 0x80_B004_u32.to_le_bytes().to_vec());
    let info = (SVSM, 4_u32.to_le_bytes().to_vec());
    let firmware = end(&ROWS[..3], std::slice::from_ref(&reset));
    let svsm = end(&[[0, 0x9_E000, 1]], &[reset.clone(), info]);
    let pair = |pages: u16, svsm: &[u8]| {
        [
            &pages.to_le_bytes(),
            &length(firmware.len()),
            firmware.as_slice(),
            svsm,
        ]
        .concat()
    };
    vec![
        ("whole", pair(0x84, &svsm)),
        ("no-store", pair(0, &svsm)),
        ("no-entry", pair(0x84, &end(&ROWS[..1], &[reset]))),
    ]
}

/// Metadata, then the table with its own entry, then the reset vector.
fn end(rows: &[[u32; 3]], entries: &[([u8; 16], Vec<u8>)]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).expect("few");
    let mut metadata = b"ASEV".to_vec();
    metadata.extend([16 + 12 * count, 1, count].map(u32::to_le_bytes).concat());
    metadata.extend(
        rows.as_flattened()
            .iter()
            .flat_map(|word| word.to_le_bytes()),
    );
    let others: usize = entries.iter().map(|(_, data)| data.len() + 18).sum();
    let after = metadata.len() + others + 22 + 18 + 32;
    let own = (
        METADATA,
        u32::try_from(after).expect("small").to_le_bytes().to_vec(),
    );
    let mut table = Vec::new();
    for (guid, data) in entries.iter().chain([&own]) {
        table.extend_from_slice(data);
        table.extend(length(data.len() + 18));
        table.extend_from_slice(guid);
    }
    table.extend(length(table.len() + 18));
    table.extend(FOOTER);
    [metadata, table, vec![0x90; 32]].concat()
}

fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).expect("small").to_le_bytes()
}
