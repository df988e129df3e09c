//! An event log of PCRs, and what it replays to.

use ring::digest::{self, digest};

/// A bank: its algorithm's number, and what computes it.
pub(super) type Bank = (u16, &'static digest::Algorithm);

pub(super) const SHA256: Bank = (0x0B, &digest::SHA256);
pub(super) const SHA384: Bank = (0x0C, &digest::SHA384);

const EVENTS: [(u32, u32, &[u8]); 5] = [
    (0, 8, b"v1\0\0"),
    (4, 0x8000_0007, b"an image"),
    (7, 0x8000_0007, b"a variable"),
    (4, 4, &[0; 4]),
    (7, 4, &[0; 4]),
];

/// What an event extends a PCR by: here, the digest of its data.
fn digest_of((_, algorithm): Bank, data: &[u8]) -> Vec<u8> {
    digest(algorithm, data).as_ref().to_vec()
}

/// In the format of crypto agility.
pub(super) fn log(banks: &[Bank]) -> Vec<u8> {
    let mut log = spec_id(banks);
    for (pcr, kind, data) in EVENTS {
        log.extend(record(banks, pcr, kind, data));
    }
    log
}

/// All 24 of a bank, after it.
pub(super) fn pcrs(bank: Bank) -> Vec<Vec<u8>> {
    let size = bank.1.output_len();
    let mut pcrs = vec![vec![0; size]; 24];
    pcrs[17..=22].fill(vec![0xFF; size]);
    for (pcr, _, data) in EVENTS {
        let value = &mut pcrs[usize::try_from(pcr).expect("small")];
        *value = digest_of(bank, &[value.as_slice(), &digest_of(bank, data)].concat());
    }
    pcrs
}

/// An event with a digest of each of these banks.
pub(super) fn record(banks: &[Bank], pcr: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let count = u32::try_from(banks.len()).expect("few");
    let mut record = [pcr, kind, count].map(u32::to_le_bytes).concat();
    for bank in banks {
        record.extend(bank.0.to_le_bytes());
        record.extend(digest_of(*bank, data));
    }
    record.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    record.extend(data);
    record
}

pub(super) fn spec_id(banks: &[Bank]) -> Vec<u8> {
    let mut data = b"Spec ID Event03\0\0\0\0\0\0\x02\0\x02".to_vec();
    data.extend(u32::try_from(banks.len()).expect("few").to_le_bytes());
    for (number, algorithm) in banks {
        let size = u16::try_from(algorithm.output_len()).expect("short");
        data.extend([*number, size].map(u16::to_le_bytes).concat());
    }
    data.push(0);
    let mut record = [0_u32, 3].map(u32::to_le_bytes).concat();
    record.extend([0; 20]);
    record.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
    record.extend(data);
    record
}
