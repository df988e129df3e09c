//! What a TDX launch is predicted from: TDVF images, TD HOBs, ACPI tables, kernels' headers.

use crate::{Seed, bytes};

const METADATA: [u8; 16] = *b"\x35\x65\x7a\xe4\x4a\x98\x98\x47\x86\x5e\x46\x85\xa7\xbf\x8e\xc2";
const DESCRIPTOR: [u8; 16] = *b"\xf3\xf9\xea\xe9\x8e\x16\xd5\x44\xa8\xeb\x7f\x4d\x87\x38\xf6\xae";
const FOOTER: [u8; 16] = *b"\xde\x82\xb5\x96\xb2\x1f\xf7\x45\xba\xea\xa3\x66\xc5\x5a\x08\x2d";

/// Offset and size in the file, address, size in memory, type, attributes.
type Row = (u32, u32, u64, u64, u32, u32);

pub(crate) fn tdvf() -> Vec<Seed> {
    let boot = (0, 4096, 0xFFFF_F000, 0x1000, 0, 1);
    let hob = (0, 0, 0x80_9000, 0x2000, 2, 0);
    let temporary = (0, 0, 0x81_0000, 0x1_0000, 3, 0);
    let accepted = (0, 0, 0x10_0000, 0x10_0000, 4, 2);
    let variables = (0, 4096, 0xFFFF_E000, 0x1000, 1, 0);
    let payload = (0, 0, 0x100_0000, 0x2000, 5, 1);
    vec![
        ("like-ovmf", by_table(&[boot, temporary, hob])),
        (
            "every-kind",
            by_table(&[boot, variables, hob, temporary, accepted]),
        ),
        ("payload", by_table(&[boot, hob, payload])),
        ("by-offset", by_offset(&[boot, hob])),
        ("overlapping", by_table(&[boot, hob, hob])),
    ]
}

fn descriptor(rows: &[Row]) -> Vec<u8> {
    let count = u32::try_from(rows.len()).expect("few");
    let mut table = bytes(&[
        &DESCRIPTOR,
        b"TDVF",
        &[16 + 32 * count, 1, count].map(u32::to_le_bytes).concat(),
    ]);
    for (offset, size, address, memory, kind, attributes) in rows {
        table.extend([*offset, *size].map(u32::to_le_bytes).concat());
        table.extend([*address, *memory].map(u64::to_le_bytes).concat());
        table.extend([*kind, *attributes].map(u32::to_le_bytes).concat());
    }
    table
}

/// The image's end, where the footer's table says how far before it the descriptor is.
fn by_table(rows: &[Row]) -> Vec<u8> {
    let descriptor = descriptor(rows);
    let distance = u32::try_from(descriptor.len() - 16 + 22 + 18 + 32).expect("small");
    let entry = bytes(&[&distance.to_le_bytes(), &[22, 0], &METADATA]);
    bytes(&[&descriptor, &entry, &[40, 0], &FOOTER, &[0x90; 32]])
}

/// A whole page, with the descriptor's offset where older builds have it.
fn by_offset(rows: &[Row]) -> Vec<u8> {
    let mut image = vec![0; 4096];
    let descriptor = descriptor(rows);
    image[0x100..0x100 + descriptor.len()].copy_from_slice(&descriptor);
    image[4096 - 32..4096 - 28].copy_from_slice(&0x110_u32.to_le_bytes());
    image
}

pub(crate) fn td_hob() -> Vec<Seed> {
    let first = bytes(&[&[1, 0, 56, 0, 0, 0, 0, 0, 9, 0, 0, 0], &[0; 44]]);
    let range = bytes(&[
        &[3, 0, 48, 0, 0, 0, 0, 0],
        &[0; 16],
        &[7, 0, 0, 0, 7, 0, 0, 0],
        &[0; 16],
    ]);
    let guided = bytes(&[&[4, 0, 32, 0, 0, 0, 0, 0], &[9; 24]]);
    let end = [0xFF, 0xFF, 8, 0, 0, 0, 0, 0];
    vec![
        ("with-end", bytes(&[&first, &range, &range, &end, &[0; 8]])),
        ("without-end", bytes(&[&first, &range])),
        ("guided", bytes(&[&first, &guided, &end])),
        ("first-alone", first),
    ]
}

pub(crate) fn acpi_blobs() -> Vec<Seed> {
    let facs = bytes(&[b"FACS", &64_u32.to_le_bytes(), &[0; 56]]);
    let dsdt = table(b"DSDT", &[0; 4]);
    let fadt = table(b"FACP", &[0; 208]);
    let madt = table(b"APIC", &[0; 8]);
    let fadt_at = facs.len() + dsdt.len();
    let places = [fadt_at, fadt_at + fadt.len()];
    let rsdt = table(
        b"RSDT",
        &places
            .map(|at| u32::try_from(at).expect("small").to_le_bytes())
            .concat(),
    );
    let whole = bytes(&[&facs, &dsdt, &fadt, &madt, &rsdt]);
    vec![
        ("whole", whole.clone()),
        ("padded", bytes(&[&whole, &[0; 64]])),
        ("no-rsdt", bytes(&[&facs, &dsdt, &fadt, &madt])),
        ("dsdt-alone", dsdt),
    ]
}

fn table(signature: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(36 + content.len()).expect("small");
    bytes(&[
        signature,
        &length.to_le_bytes(),
        &[1, 0],
        b"BOCHS BXPC    \x01\0\0\0BXPC\x01\0\0\0",
        content,
    ])
}

/// The first kilobyte of a kernel, then the sizes of initrd and memory.
pub(crate) fn linux_setup() -> Vec<Seed> {
    let mut kernel = vec![0; 1024];
    kernel[0x202..0x208].copy_from_slice(b"HdrS\x0F\x02");
    kernel[0x211] = 1;
    kernel[0x22C..0x230].copy_from_slice(&0x7FFF_FFFF_u32.to_le_bytes());
    kernel[0x236] = 2;
    let with =
        |initrd: u64, memory: u64| bytes(&[&kernel, &initrd.to_le_bytes(), &memory.to_le_bytes()]);
    vec![
        ("initrd", with(0x12_3456, 2 << 30)),
        ("no-initrd", with(0, 2 << 30)),
        ("much-memory", with(4096, 8 << 30)),
        ("no-room", with(2 << 30, 1 << 30)),
    ]
}
