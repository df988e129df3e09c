//! IGVM files; the targets set size and checksum right.

use crate::igvm_files::{Builder, MASK, vmsa};
use crate::{Seed, bytes};

/// For SEV-SNP a page with data, one of zeros, secrets, CPUID, an area and a vCPU.
pub(crate) fn seeds() -> Vec<Seed> {
    let snp = [platform(1, 2), policy(1)].concat();
    let pages = [
        page(0xFFFF_F000, 1, 0, 0),
        page(0x80_0000, 0, 0, 0),
        page(0x80_1000, 0, 2, 0),
        page(0x80_D000, 0, 0, 1),
        page(0x80_E000, 0, 0, 2),
    ];
    let pages = pages.concat();
    let area = header(0x301, &[&0x2000_u64.to_le_bytes(), &[0; 8]]);
    let parameter = header(0x308, &[&[0; 8]]);
    let insert = header(
        0x303,
        &[&0x90_0000_u64.to_le_bytes(), &[1, 0, 0, 0, 0, 0, 0, 0]],
    );
    let vcpu = header(
        0x304,
        &[
            &0xFFFF_FFFF_F000_u64.to_le_bytes(),
            &[1, 0, 0, 0],
            &[1, 0, 0, 0],
            &[0; 4],
        ],
    );
    let memory = header(
        0x305,
        &[
            &0x10_0000_u64.to_le_bytes(),
            &[1, 0, 0, 0],
            &[0, 0x10, 0, 0],
            &[0; 8],
        ],
    );
    let id_block = header(0x30B, &[&[1, 0, 0, 0], &[0; 692]]);
    let whole = [&snp, &pages, &area, &parameter, &insert, &memory, &vcpu];
    let both = [
        platform(1, 2),
        platform(2, 3),
        policy(1),
        page(0x1000, 0, 0, 0),
    ]
    .concat();
    vec![
        ("whole", file(1, &whole.map(Vec::as_slice).concat())),
        (
            "version-2",
            file(2, &[snp.clone(), page(0x1000, 1, 0, 0)].concat()),
        ),
        ("id-block", file(1, &[snp.clone(), id_block].concat())),
        ("two-platforms", file(1, &both)),
        (
            "large-page",
            file(1, &[snp.clone(), page(0x20_0000, 0, 1, 0)].concat()),
        ),
        (
            "optional",
            file(1, &[snp, header(0x8000_0777, &[&[0; 5]])].concat()),
        ),
    ]
}

/// What can be launched here, and what asks for more than KVM gives.
pub(crate) fn plans() -> Vec<Seed> {
    const VMSA: u64 = 0xFFFF_FFFF_F000;
    let pages = Builder::snp()
        .area(3, 0x2000, &[])
        .page(0x1_0000, 0, &[0x5A; 4096])
        .page(0x4000, 2, &[])
        .page(0x9000, 0, &[])
        .page_of_kind(0x6000, 0, 1, &[])
        .page_of_kind(0x7000, 0, 2, &[])
        .parameter(0x307, 3, 0)
        .parameter(0x309, 3, 0x100)
        .parameter(0x30C, 3, 0x1000)
        .insert(0xA000, 3);
    let whole = pages.clone().vp_context(VMSA, 0, &vmsa());
    let mut block = [0; 696];
    block[88] = 1; // version
    let large = Builder::snp().page(0x20_0000, 1, &[]);
    let td = Builder::default()
        .platform(MASK, 3)
        .page(0x2000, 0, &[])
        .page(0x1000, 2, &[0x5A; 4096])
        .page(0xFFFF_F000, 0, &[0xA5; 4096]);
    vec![
        ("whole", whole.build()),
        ("id-block", whole.clone().header(0x30B, &block).build()),
        ("large-page", large.vp_context(VMSA, 0, &vmsa()).build()),
        ("td", td.build()),
        (
            "two-vcpus",
            whole.clone().vp_context(VMSA, 1, &vmsa()).build(),
        ),
        (
            "unknown-parameter",
            pages
                .area(4, 0x1000, &[])
                .parameter(0x30E, 4, 0)
                .insert(0xC000, 4)
                .vp_context(VMSA, 0, &vmsa())
                .build(),
        ),
        ("shared", whole.page(0xD000, 4, &[]).build()),
    ]
}

fn platform(mask: u32, kind: u8) -> Vec<u8> {
    header(1, &[&mask.to_le_bytes(), &[0, kind, 1, 0], &[0; 8]])
}

fn policy(mask: u32) -> Vec<u8> {
    header(
        0x101,
        &[&0x3_0000_u64.to_le_bytes(), &mask.to_le_bytes(), &[0; 4]],
    )
}

/// `data` is 1 where the page has some: `file` puts the place in.
fn page(gpa: u64, data: u32, flags: u32, kind: u16) -> Vec<u8> {
    let parts: [&[u8]; 6] = [
        &gpa.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &data.to_le_bytes(),
        &flags.to_le_bytes(),
        &kind.to_le_bytes(),
        &[0; 2],
    ];
    header(0x302, &parts)
}

fn header(kind: u32, parts: &[&[u8]]) -> Vec<u8> {
    let content = bytes(parts);
    let length = u32::try_from(content.len()).expect("small");
    let mut header = bytes(&[&kind.to_le_bytes(), &length.to_le_bytes(), &content]);
    header.resize(header.len().next_multiple_of(8), 0);
    header
}

/// One page of data, to which every page and vCPU with data points.
fn file(version: u32, headers: &[u8]) -> Vec<u8> {
    let start: u32 = if version == 2 { 32 } else { 24 };
    let size = u32::try_from(headers.len()).expect("small");
    let mut headers = headers.to_vec();
    let mut at = 0;
    while at < headers.len() {
        let kind = u16::from_le_bytes([headers[at], headers[at + 1]]);
        let length = usize::from(u16::from_le_bytes([headers[at + 4], headers[at + 5]]));
        if matches!(kind, 0x302 | 0x304) && headers[at + 20] == 1 {
            headers[at + 20..at + 24].copy_from_slice(&(start + size).to_le_bytes());
        }
        at += 8 + length.next_multiple_of(8);
    }
    let more: &[u8] = if version == 2 {
        &[0, 0, 0, 0, 0, 0x10, 0, 0]
    } else {
        &[]
    };
    let total = start + size + 4096;
    let numbers = [version, start, size, total, 0]
        .map(u32::to_le_bytes)
        .concat();
    bytes(&[b"IGVM", &numbers, more, &headers, &[0x5A; 4096]])
}
