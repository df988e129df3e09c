//! What others do in this process: the signature of a report alone, and a TDX quote from scratch.

use std::hint::black_box;

use anyhow::{Context, Result, anyhow};
use dcap_qvl::QuoteCollateralV3;

use super::inputs::{Snp, TDX_NOW, Tdx};
use super::repeated;
use crate::bench::samples::Subject;

/// One P-384 verification, SHA-384 of the report included; the claims take the fastest of them.
pub const P384: [&str; 3] = [
    "P-384 alone, ring",
    "P-384 alone, aws-lc-rs",
    "P-384 alone, aws-lc-rs, key parsed once",
];
/// The whole of it, collateral included.
pub const DCAP_QVL: &str = "dcap-qvl (ring), TDX quote from scratch";

/// A public key on P-384 in a certificate, up to its point (RFC 5480).
const P384_KEY: &[u8] =
    b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00";
const POINT_BYTES: usize = 97;
/// What a report's signature is over (AMD 56860, ATTESTATION_REPORT).
const SIGNED_BYTES: usize = 0x2A0;

/// The signature of a report, by each library.
///
/// # Errors
/// The certificate has no key on P-384.
pub fn p384(snp: &Snp) -> Result<Vec<Subject<'_>>> {
    let point = point(&snp.vcek).context("the VCEK has no key on P-384")?;
    let (message, signature) = (&snp.report[..SIGNED_BYTES], signature(&snp.report));
    let ring = {
        use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
        let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
        move || key.verify(black_box(message), &signature).map_err(refused)
    };
    use aws_lc_rs::signature::{ECDSA_P384_SHA384_FIXED, ParsedPublicKey, UnparsedPublicKey};
    let key = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
    let each_time = move || key.verify(black_box(message), &signature).map_err(refused);
    let parsed = ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)?;
    let once = move || {
        let verified = parsed.verify_sig(black_box(message), &signature);
        verified.map_err(refused)
    };
    Ok(vec![
        repeated(P384[0], 40, ring),
        repeated(P384[1], 100, each_time),
        repeated(P384[2], 100, once),
    ])
}

/// The quote with its collateral, the JSON of which is read before.
///
/// # Errors
/// The collateral cannot be read.
pub fn dcap_qvl(tdx: &Tdx) -> Result<Subject<'_>> {
    let collateral: QuoteCollateralV3 = serde_json::from_slice(&tdx.collateral)?;
    Ok(repeated(DCAP_QVL, 50, move || {
        let verified = dcap_qvl::verify::verify(black_box(&tdx.quote), &collateral, TDX_NOW);
        verified.map(drop)
    }))
}

fn refused<E>(_: E) -> anyhow::Error {
    anyhow!("the signature of a real report does not hold")
}

fn point(certificate: &[u8]) -> Option<&[u8]> {
    let mut places = certificate.windows(P384_KEY.len());
    let at = places.position(|bytes| bytes == P384_KEY)? + P384_KEY.len();
    certificate.get(at..at + POINT_BYTES)
}

/// As the libraries want it: r and s in 48 bytes each, big-endian. A report has 72 each, little-endian.
fn signature(report: &[u8]) -> [u8; 96] {
    let mut signature = [0; 96];
    for (half, place) in signature.chunks_exact_mut(48).zip([0x2A0, 0x2A0 + 72]) {
        half.copy_from_slice(&report[place..place + 48]);
        half.reverse();
    }
    signature
}
