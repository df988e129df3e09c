//! What a host tells the boot shim.

use crate::{Seed, bytes};

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// First page, pages, kind.
fn map(entries: &[[u32; 3]]) -> Vec<u8> {
    let entry = |[first, pages, kind]: &[u32; 3]| words(&[*first, 0, *pages, 0, *kind, 0]);
    entries.iter().flat_map(entry).collect()
}

fn cpuid() -> Vec<u8> {
    let leaf = |leaf, [eax, ebx, ecx, edx]: [u32; 4]| {
        words(&[leaf, 0, 0, 0, 0, 0, eax, ebx, ecx, edx, 0, 0])
    };
    bytes(&[
        &words(&[7, 0, 0, 0]),
        &leaf(0, [0xD, 0x6874_7541, 0x444D_4163, 0x6974_6E65]),
        &leaf(1, [0, 0, 1 << 30, 0]),
        &leaf(7, [0; 4]),
        &leaf(0x8000_0000, [0x8000_001F, 0, 0, 0]),
        &leaf(0x8000_0001, [0, 0, 0, 1 << 29 | 1 << 20]),
        &leaf(0x8000_0008, [48, 0, 0, 0]),
        &leaf(0x8000_001F, [0b1_1010, 51, 0, 0]),
    ])
}

/// Maps of one range, with the legacy hole, with memory above the hole for devices and in it, and of two ranges
/// that overlap; a CPUID page that is taken.
pub(crate) fn shim_pages() -> Vec<Seed> {
    let one = map(&[[0, 0x1_0000, 0]]);
    let hole = map(&[
        [0, 0xA0, 0],
        [0xA0, 0x60, 1],
        [0x100, 0x8000, 0],
        [0x1_0000, 0x800, 0],
    ]);
    let high = map(&[[0, 0xC_0000, 0], [0x10_0000, 0x8_0201, 0]]);
    let in_hole = map(&[[0, 0xC_0000, 0], [0xF_FFFF, 2, 0]]);
    let overlap = map(&[[0, 0x1000, 0], [0xFFF, 0x1000, 0]]);
    vec![
        ("one", bytes(&[&[1], &one, &cpuid()])),
        ("hole", bytes(&[&[4], &hole, &cpuid()])),
        ("high", bytes(&[&[2], &high, &cpuid()])),
        ("in-hole", bytes(&[&[2], &in_hole, &cpuid()])),
        ("overlap", bytes(&[&[2], &overlap, &cpuid()])),
    ]
}
