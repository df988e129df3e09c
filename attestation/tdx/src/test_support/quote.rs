//! A quote, byte by byte.

use super::Scene;
use ring::digest::{SHA256, digest};

/// Where fields lie, in bytes.
pub mod offset {
    #![allow(missing_docs, reason = "the names are the documents'")]
    // In the header.
    pub const VERSION: usize = 0;
    pub const KEY_TYPE: usize = 2;
    pub const TEE_TYPE: usize = 4;
    pub const QE_VENDOR: usize = 12;
    // In the body.
    pub const TEE_TCB_SVN: usize = 0;
    pub const MRSEAM: usize = 16;
    pub const MRSIGNERSEAM: usize = 64;
    pub const SEAMATTRIBUTES: usize = 112;
    pub const TDATTRIBUTES: usize = 120;
    pub const XFAM: usize = 128;
    pub const MRTD: usize = 136;
    pub const MRCONFIGID: usize = 184;
    pub const MROWNER: usize = 232;
    pub const MROWNERCONFIG: usize = 280;
    pub const RTMR0: usize = 328;
    pub const RTMR1: usize = 376;
    pub const RTMR2: usize = 424;
    pub const RTMR3: usize = 472;
    pub const REPORTDATA: usize = 520;
    pub const TEE_TCB_SVN_2: usize = 584;
    pub const MRSERVICETD: usize = 600;
    // In the quoting enclave's report.
    pub const QE_MISCSELECT: usize = 16;
    pub const QE_ATTRIBUTES: usize = 48;
    pub const QE_MRSIGNER: usize = 128;
    pub const QE_ISVPRODID: usize = 256;
    pub const QE_ISVSVN: usize = 258;
    pub const QE_REPORTDATA: usize = 320;
}

const INTEL: [u8; 16] = [
    0x93, 0x9A, 0x72, 0x33, 0xF7, 0x9C, 0x4C, 0xA9, 0x94, 0x0A, 0x0D, 0xB3, 0x95, 0x7F, 0x06, 0x07,
];

pub(super) fn header(version: u16) -> Vec<u8> {
    let mut header = vec![0; 48];
    header[..2].copy_from_slice(&version.to_le_bytes());
    header[offset::KEY_TYPE] = 2;
    header[offset::TEE_TYPE] = 0x81;
    header[offset::QE_VENDOR..][..16].copy_from_slice(&INTEL);
    header
}

/// A body of TDX 1.0; every field that is not looked at has a value of its own.
pub(super) fn body() -> Vec<u8> {
    let mut body = vec![0; 584];
    body[..3].copy_from_slice(&[3, 3, 2]);
    body[offset::MRSEAM..][..48].fill(0x31);
    body[offset::TDATTRIBUTES + 3] = 0x10;
    body[offset::XFAM..][..3].copy_from_slice(&[0xE7, 0x02, 0x06]);
    body[offset::MRTD..][..48].fill(0x32);
    for (number, register) in (0x40..).zip([offset::RTMR0, offset::RTMR1, offset::RTMR2]) {
        body[register..][..48].fill(number);
    }
    body[offset::REPORTDATA..][..64].fill(0x50);
    body
}

pub(super) fn qe_report() -> Vec<u8> {
    let mut report = vec![0; 384];
    report[..16].fill(2);
    report[offset::QE_ATTRIBUTES] = 0x11;
    report[64..96].fill(0x54);
    report[offset::QE_MRSIGNER..][..32].fill(0x55);
    report[offset::QE_ISVPRODID] = 2;
    report[offset::QE_ISVSVN] = 4;
    report
}

pub(super) fn make(scene: &Scene, pck_chain: &str) -> Vec<u8> {
    let keys = &scene.keys;
    let mut quote = scene.header.clone();
    if quote.first() != Some(&4) {
        quote.extend(scene.body_type.to_le_bytes());
        quote.extend(length(&scene.body));
    }
    quote.extend(&scene.body);
    let mut authentication = keys.attestation.sign(&quote).to_vec();
    let key = keys.attestation.point();
    authentication.extend(key);
    authentication.extend(certification(6, &certified(scene, &key, pck_chain)));
    quote.extend(length(&authentication));
    quote.extend(authentication);
    quote
}

/// The quoting enclave's report, its signature, and what certifies the key that made it.
fn certified(scene: &Scene, key: &[u8], pck_chain: &str) -> Vec<u8> {
    let mut report = scene.qe.clone();
    if scene.bind {
        let bound = [key, &scene.qe_auth_data].concat();
        let bound = digest(&SHA256, &bound);
        report[offset::QE_REPORTDATA..][..32].copy_from_slice(bound.as_ref());
    }
    let signature = scene.keys.pck.sign(&report);
    let count = u16::try_from(scene.qe_auth_data.len()).expect("a scene has little of it");
    let mut data = [
        &report,
        &signature[..],
        &count.to_le_bytes(),
        &scene.qe_auth_data,
    ]
    .concat();
    data.extend(match scene.pck_in_quote {
        true => certification(5, pck_chain.as_bytes()),
        // The PPID encrypted by RSA of 3,072 bits, CPUSVN, PCESVN and PCEID.
        false => certification(3, &[0x61; 384 + 16 + 2 + 2]),
    });
    data
}

fn certification(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &length(data), data].concat()
}

fn length(bytes: &[u8]) -> [u8; 4] {
    let length = u32::try_from(bytes.len()).expect("a scene is small");
    length.to_le_bytes()
}
