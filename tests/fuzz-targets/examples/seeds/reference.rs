//! Reference values, and pairs to compare.

use crate::{Seed, bytes, kernels};
use measured_boot_reference_values::{
    Alternative, ReferenceSet, Sbom, Tee, Validity, VerifyingKey, Workload,
};

/// CoRIMs, to be signed by the target.
pub(crate) fn corim() -> Vec<Seed> {
    let least = set(Tee::Snp);
    let more = ReferenceSet {
        alternatives: [1, 2, 4]
            .map(|vcpus| alternative(vcpus, [None; 4]))
            .to_vec(),
        min_svn: Some(3),
        sbom: Some(Sbom {
            file: "a.spdx".to_owned(),
            sha384: [9; 48],
        }),
        ..set(Tee::Snp)
    };
    let tdx = ReferenceSet {
        alternatives: vec![alternative(2, [Some([1; 48]), None, Some([3; 48]), None])],
        ..set(Tee::Tdx)
    };
    vec![
        ("least", payload(&least)),
        ("alternatives", payload(&more)),
        ("tdx", payload(&tdx)),
        ("simulated", payload(&set(Tee::Simulated))),
    ]
}

fn set(tee: Tee) -> ReferenceSet {
    ReferenceSet {
        workload: Workload {
            name: "seed".to_owned(),
            version: Some("1.0".to_owned()),
        },
        tee,
        alternatives: vec![alternative(1, [None; 4])],
        validity: Validity {
            not_before: 1000,
            not_after: 2000,
        },
        min_svn: None,
        sbom: None,
    }
}

fn alternative(vcpus: u32, rtmrs: [Option<[u8; 48]>; 4]) -> Alternative {
    Alternative {
        vcpus,
        digest: [7; 48],
        rtmrs,
    }
}

fn payload(set: &ReferenceSet) -> Vec<u8> {
    // The generator of the curve: any point will do, since nothing is signed here.
    let point = hex_point();
    let key = VerifyingKey::from_point(&point).expect("a point of the curve");
    set.unsigned("seed", &key)
        .expect("it is whole")
        .payload()
        .to_vec()
}

fn hex_point() -> [u8; 97] {
    let signing = p384::ecdsa::SigningKey::from_slice(&[7; 48]).expect("below the order");
    let point = signing.verifying_key().to_sec1_point(false);
    point.as_bytes().try_into().expect("97 bytes")
}

pub(crate) fn cbor() -> Vec<Seed> {
    let mut seeds = corim();
    seeds.truncate(1);
    seeds.extend([
        (
            "every-kind",
            b"\x84\x01\x20\xa2\x00\x61a\x61b\x41b\xd8\x20\x18\x18".to_vec(),
        ),
        (
            "numbers",
            b"\x84\x19\x01\0\x1a\0\x01\0\0\x1b\0\0\0\x01\0\0\0\0\x18\xff".to_vec(),
        ),
        ("deep", [vec![0x81; 16], vec![0]].concat()),
        ("indefinite", b"\x9f\xff".to_vec()),
        (
            "long-array",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
    ]);
    seeds
}

pub(crate) fn differences() -> Vec<Seed> {
    let manifests = kernels::manifest();
    let manifest = |index: usize| manifests[index].1.as_slice();
    let pair = |a: &[u8], b: &[u8]| {
        let length = u16::try_from(a.len()).expect("small").to_le_bytes();
        bytes(&[&length, a, b])
    };
    let mut other = manifest(0).to_vec();
    let last = other.len() - 1;
    other[last] ^= 1;
    let mut reports = vec![0; 2 * 1184];
    reports[0] = 3;
    reports[1184] = 3;
    reports[1184 + 0x0A] = 8;
    vec![
        ("equal", pair(manifest(0), manifest(0))),
        ("one-byte", pair(manifest(0), &other)),
        ("component-gone", pair(manifest(0), manifest(1))),
        ("small", pair(manifest(2), manifest(1))),
        ("reports", reports),
    ]
}
