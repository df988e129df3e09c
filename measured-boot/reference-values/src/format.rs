//! The numbers of the format, and where they are from.

use crate::Tee;

/// The profile: what these values mean beyond the draft (RFC 4151 URI).
pub const PROFILE: &str = "tag:cloister.invalid,2026:reference-values:1";

/// Tags: RFC 8949 (1, 32), RFC 9052 (18), RFC 9090 (111), draft-ietf-rats-corim-10 (others).
pub mod tag {
    pub const TIME: u64 = 1;
    pub const COSE_SIGN1: u64 = 18;
    pub const URI: u64 = 32;
    pub const OID: u64 = 111;
    pub const CORIM: u64 = 501;
    pub const COMID: u64 = 506;
    pub const MIN_SVN: u64 = 553;
}

/// Labels of the protected header: RFC 9052 (1, 3, 4), the draft (8), RFC 9597 (15).
pub mod header {
    pub const ALGORITHM: u64 = 1;
    pub const CONTENT_TYPE: u64 = 3;
    pub const KEY_ID: u64 = 4;
    pub const CORIM_META: u64 = 8;
    pub const CWT_CLAIMS: u64 = 15;
    /// ES384 is -35, which CBOR has as 34 less than -1.
    pub const ES384: i64 = -35;
    pub const RIM: &str = "application/rim+cbor";
}

/// Claims of a CWT: RFC 8392.
pub mod claim {
    pub const ISSUER: u64 = 1;
    pub const EXPIRATION: u64 = 4;
    pub const NOT_BEFORE: u64 = 5;
}

/// SHA-384 in IANA's registry of named information hashes (RFC 6920), by which CoRIM names digests.
pub const SHA384: u64 = 7;

/// Keys of the claims about a workload that its evidence does not show.
pub const WORKLOAD: &str = "workload";
pub const SBOM: &str = "sbom";

/// Keys of the claims about a TD.
pub const MRTD: &str = "mrtd";
pub const RTMR: &str = "rtmr";

/// Keys of the claims about an SNP guest: MEASUREMENT and GUEST_SVN in AMD's profile
/// (draft-deeglaze-amd-sev-snp-corim-profile).
pub const MEASUREMENT: u64 = 641;
pub const GUEST_SVN: u64 = 1;

/// The class of an SNP guest whose report a VCEK signs: 1.3.6.1.4.1.3704.3.1, without its DER head (RFC 9090).
pub const SNP_CLASS: [u8; 9] = [0x2B, 6, 1, 4, 1, 0x9C, 0x78, 3, 1];

/// Vendor and model of the environments that have no OID.
pub const fn vendor_and_model(tee: Tee) -> Option<(&'static str, &'static str)> {
    match tee {
        Tee::Snp => None,
        Tee::Tdx => Some(("Intel Corporation", "TDX")),
        Tee::Simulated => Some(("Cloister", "simulated")),
    }
}
