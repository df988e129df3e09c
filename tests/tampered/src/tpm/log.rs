//! An event log of PCRs, and what it replays to.

use ring::digest::{SHA256, digest};

const EVENTS: [(u32, u32, &[u8]); 5] = [
    (0, 8, b"v1\0\0"),
    (4, 0x8000_0007, b"an image"),
    (7, 0x8000_0007, b"a variable"),
    (4, 4, &[0; 4]),
    (7, 4, &[0; 4]),
];

/// What an event extends a PCR by: here, the digest of its data.
fn digest_of(data: &[u8]) -> Vec<u8> {
    digest(&SHA256, data).as_ref().to_vec()
}

/// In the format of crypto agility.
pub(super) fn log() -> Vec<u8> {
    let mut log = spec_id();
    for (pcr, kind, data) in EVENTS {
        log.extend(record(pcr, kind, data));
    }
    log
}

/// All 24, after it.
pub(super) fn pcrs() -> Vec<[u8; 32]> {
    let mut pcrs = vec![[0; 32]; 24];
    pcrs[17..=22].fill([0xFF; 32]);
    for (pcr, _, data) in EVENTS {
        let value = &mut pcrs[usize::try_from(pcr).expect("small")];
        let extended = digest(&SHA256, &[value.as_slice(), &digest_of(data)].concat());
        value.copy_from_slice(extended.as_ref());
    }
    pcrs
}

pub(super) fn record(pcr: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut record = [pcr, kind, 1].map(u32::to_le_bytes).concat();
    record.extend(0x0B_u16.to_le_bytes());
    record.extend(digest_of(data));
    record.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    record.extend(data);
    record
}

pub(super) fn spec_id() -> Vec<u8> {
    let mut data = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02\x01\0\0\0".to_vec();
    data.extend([0x0B_u16, 32].map(u16::to_le_bytes).concat());
    data.push(0);
    let mut record = [0_u32, 3].map(u32::to_le_bytes).concat();
    record.extend([0; 20]);
    record.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    record.extend(data);
    record
}
