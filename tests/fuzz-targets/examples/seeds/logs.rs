//! Event logs, their tables and what their events say.

use crate::{Seed, bytes};

const SHA256: u16 = 0x0B;
const SHA1: u16 = 4;

pub(crate) fn event_log() -> Vec<Seed> {
    let declared = spec_id(&[(SHA1, 20), (SHA256, 32)], b"", 0);
    let cc = spec_id(&[(0x0C, 48)], b"", 1);
    let locality = agile(0, 3, &[(SHA256, 32)], b"StartupLocality\0\x03");
    let separators = [0, 1, 7].map(|pcr| agile(pcr, 4, &[(SHA1, 20), (SHA256, 32)], &[0; 4]));
    let boot = agile(
        5,
        0x8000_0007,
        &[(SHA256, 32)],
        b"Exit Boot Services Invocation",
    );
    let whole = bytes(&[&declared, &locality, &separators.concat(), &boot]);
    let rtmr = bytes(&[
        &cc,
        &agile(1, 4, &[(0x0C, 48)], &[0; 4]),
        &agile(3, 6, &[(0x0C, 48)], b"x"),
    ]);
    let twice = bytes(&[&whole, &separators[1]]);
    let vendor = spec_id(&[(SHA256, 32)], b"vend", 0);
    vec![
        ("agile", whole.clone()),
        ("padded", bytes(&[&whole, &[0xFF; 16]])),
        ("confidential", bytes(&[&rtmr, &[0; 8]])),
        ("separator-twice", twice),
        ("vendor", vendor),
        (
            "legacy",
            bytes(&[
                &legacy(0, 8, b"1\0"),
                &legacy(4, 0x8000_0003, &[0; 32]),
                &legacy(4, 4, &[0; 4]),
            ]),
        ),
        ("spec-id-alone", declared),
    ]
}

fn spec_id(algorithms: &[(u16, u16)], vendor: &[u8], index: u32) -> Vec<u8> {
    let mut data = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02".to_vec();
    data.extend(u32::try_from(algorithms.len()).expect("few").to_le_bytes());
    for (algorithm, size) in algorithms {
        data.extend([*algorithm, *size].map(u16::to_le_bytes).concat());
    }
    data.push(u8::try_from(vendor.len()).expect("short"));
    data.extend(vendor);
    legacy(index, 3, &data)
}

fn legacy(index: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let digest = if kind == 3 { [0; 20] } else { [7; 20] };
    let size = u32::try_from(data.len()).expect("short").to_le_bytes();
    bytes(&[
        &index.to_le_bytes(),
        &kind.to_le_bytes(),
        &digest,
        &size,
        data,
    ])
}

fn agile(index: u32, kind: u32, digests: &[(u16, usize)], data: &[u8]) -> Vec<u8> {
    let mut record = [index, kind, u32::try_from(digests.len()).expect("few")]
        .map(u32::to_le_bytes)
        .concat();
    for (algorithm, size) in digests {
        record.extend(algorithm.to_le_bytes());
        record.extend(std::iter::repeat_n(7, *size));
    }
    record.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    record.extend(data);
    record
}

pub(crate) fn ccel_table() -> Vec<Seed> {
    let table = |kind: u8, area: u64| {
        bytes(&[
            b"CCEL\x38\0\0\0\x01\0",
            b"OEMID TABLEID \x01\0\0\0MAKR\x01\0\0\0",
            &[kind, 0, 0, 0],
            &area.to_le_bytes(),
            &0x7F00_0000_u64.to_le_bytes(),
        ])
    };
    vec![
        ("tdx", table(2, 0x1_0000)),
        ("sev", table(1, 0x4_0000)),
        ("other", table(9, 0)),
    ]
}

/// An event's type and its data.
pub(crate) fn uefi_payload() -> Vec<Seed> {
    let of = |kind: u32, data: &[u8]| bytes(&[&kind.to_le_bytes(), data]);
    let variable = |name: &str, data: &[u8]| {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let units = u64::try_from(name.len() / 2).expect("short").to_le_bytes();
        let length = u64::try_from(data.len()).expect("short").to_le_bytes();
        bytes(&[&[0x61; 16], &units, &length, &name, data])
    };
    let path = b"\x02\x01\x0c\0\xd0\x41\x03\x0a\0\0\0\0\x01\x01\x06\0\x02\x1f\x04\x04\x0a\0a\0.\0\0\0\x7f\xff\x04\0";
    let image = bytes(&[
        &[0; 24],
        &u64::try_from(path.len()).expect("short").to_le_bytes(),
        path,
    ]);
    let option = bytes(&[&[1, 0, 0, 0, 34, 0], b"U\0E\0F\0I\0\0\0", path]);
    let list = bytes(&[
        &[0xA1; 16],
        &[76, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0],
        &[3; 48],
    ]);
    let table = bytes(&[b"EFI PART", &[0; 84], &1_u64.to_le_bytes(), &[5; 128]]);
    vec![
        (
            "secure-boot",
            of(0x8000_0001, &variable("SecureBoot", &[1])),
        ),
        ("key-database", of(0x8000_0001, &variable("db", &list))),
        (
            "boot-option",
            of(0x8000_0002, &variable("Boot0001", &option)),
        ),
        (
            "boot-order",
            of(0x8000_0002, &variable("BootOrder", &[1, 0, 2, 0])),
        ),
        ("image", of(0x8000_0003, &image)),
        ("partitions", of(0x8000_0006, &table)),
        (
            "tag",
            of(
                6,
                &bytes(&[&0x8F3B_22EC_u32.to_le_bytes(), &[4, 0, 0, 0], b"a\0b\0"]),
            ),
        ),
        ("grub", of(0xD, b"grub_cmd: linux /vmlinuz\0")),
        ("section-name", of(0xD, b".\0l\0i\0n\0u\0x\0\0\0")),
        ("firmware", of(0x8000_0008, &[1; 16])),
        (
            "configuration",
            of(0xA, b"td_hob\0\0\0\0\0\0\0\0\0\0\x04\0\0\0abcd"),
        ),
        ("terminal", of(5, b"\x1b[2J\xe2\x80\xae")),
    ]
}
