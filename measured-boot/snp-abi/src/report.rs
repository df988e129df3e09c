//! The attestation report, as the firmware signs it.

use crate::{GuestPolicy, PlatformInfo};
use std::mem::{offset_of, size_of};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Size of a report in bytes.
pub const REPORT_SIZE: usize = 1184;

/// How many bytes of a report the signature covers: all before it.
pub const SIGNED_SIZE: usize = 0x2A0;

/// SIGNATURE_ALGO of ECDSA with curve P-384 and SHA-384 (56860 rev 1.58, "Encoding for the
/// SIGNATURE_ALGO field").
pub const SIGNATURE_ECDSA_P384_SHA384: u32 = 1;

/// ATTESTATION_REPORT (56860 rev 1.58, "ATTESTATION_REPORT Structure"), versions 2 to 5.
///
/// Fields that came after version 2 are reserved, that is zero, in older reports: read them only
/// after looking at `version`.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct AttestationReport {
    /// Version of this structure: 2, 3 or 5.
    pub version: U32,
    /// Guest security version number, from the ID block.
    pub guest_svn: U32,
    /// The guest policy; see [`AttestationReport::guest_policy`].
    pub policy: U64,
    /// Family id, from the ID block.
    pub family_id: [u8; 16],
    /// Image id, from the ID block.
    pub image_id: [u8; 16],
    /// VMPL that asked for the report.
    pub vmpl: U32,
    /// Signature algorithm; [`SIGNATURE_ECDSA_P384_SHA384`] is the only one defined.
    pub signature_algorithm: U32,
    /// CurrentTcb.
    pub current_tcb: TcbVersion,
    /// Platform information: bit 0 SMT_EN, 1 TSME_EN, 2 ECC_EN, 3 RAPL_DIS, 4
    /// CIPHERTEXT_HIDING_DRAM_EN, 5 ALIAS_CHECK_COMPLETE, 7 TIO_EN.
    pub platform_info: U64,
    /// Key information: bit 0 AUTHOR_KEY_EN, 1 MASK_CHIP_KEY, 4..2 SIGNING_KEY (0 VCEK, 1 VLEK,
    /// 7 none).
    pub key_info: U32,
    /// Must be zero.
    pub reserved_04c: U32,
    /// What the guest asked to have signed.
    pub report_data: [u8; 64],
    /// The launch digest.
    pub measurement: [u8; 48],
    /// What the host supplied at launch.
    pub host_data: [u8; 32],
    /// SHA-384 of the ID key.
    pub id_key_digest: [u8; 48],
    /// SHA-384 of the author key.
    pub author_key_digest: [u8; 48],
    /// Report id of this guest.
    pub report_id: [u8; 32],
    /// Report id of its migration agent; all ones when there is none.
    pub report_id_ma: [u8; 32],
    /// ReportedTcb: the one that the VCEK was derived from.
    pub reported_tcb: TcbVersion,
    /// CPU family, combined extended and base (version 3 and later).
    pub cpuid_family: u8,
    /// CPU model, combined (version 3 and later).
    pub cpuid_model: u8,
    /// CPU stepping (version 3 and later).
    pub cpuid_stepping: u8,
    /// Must be zero.
    pub reserved_18b: [u8; 21],
    /// Chip id, or zeros where it is masked.
    pub chip_id: [u8; 64],
    /// CommittedTcb.
    pub committed_tcb: TcbVersion,
    /// Build number of the running firmware.
    pub current_build: u8,
    /// Minor version of the running firmware.
    pub current_minor: u8,
    /// Major version of the running firmware.
    pub current_major: u8,
    /// Must be zero.
    pub reserved_1eb: u8,
    /// Build number of the committed firmware.
    pub committed_build: u8,
    /// Minor version of the committed firmware.
    pub committed_minor: u8,
    /// Major version of the committed firmware.
    pub committed_major: u8,
    /// Must be zero.
    pub reserved_1ef: u8,
    /// The TCB at the guest's launch or import.
    pub launch_tcb: TcbVersion,
    /// Mitigation vector at launch (version 5).
    pub launch_mitigation_vector: U64,
    /// Mitigation vector now (version 5).
    pub current_mitigation_vector: U64,
    /// Must be zero.
    pub reserved_208: [u8; 152],
    /// Signature over the first [`SIGNED_SIZE`] bytes.
    pub signature: Signature,
}

const _: () = {
    assert!(size_of::<AttestationReport>() == REPORT_SIZE);
    assert!(offset_of!(AttestationReport, policy) == 0x008);
    assert!(offset_of!(AttestationReport, family_id) == 0x010);
    assert!(offset_of!(AttestationReport, image_id) == 0x020);
    assert!(offset_of!(AttestationReport, vmpl) == 0x030);
    assert!(offset_of!(AttestationReport, current_tcb) == 0x038);
    assert!(offset_of!(AttestationReport, platform_info) == 0x040);
    assert!(offset_of!(AttestationReport, key_info) == 0x048);
    assert!(offset_of!(AttestationReport, report_data) == 0x050);
    assert!(offset_of!(AttestationReport, measurement) == 0x090);
    assert!(offset_of!(AttestationReport, host_data) == 0x0C0);
    assert!(offset_of!(AttestationReport, id_key_digest) == 0x0E0);
    assert!(offset_of!(AttestationReport, author_key_digest) == 0x110);
    assert!(offset_of!(AttestationReport, report_id) == 0x140);
    assert!(offset_of!(AttestationReport, report_id_ma) == 0x160);
    assert!(offset_of!(AttestationReport, reported_tcb) == 0x180);
    assert!(offset_of!(AttestationReport, cpuid_family) == 0x188);
    assert!(offset_of!(AttestationReport, chip_id) == 0x1A0);
    assert!(offset_of!(AttestationReport, committed_tcb) == 0x1E0);
    assert!(offset_of!(AttestationReport, current_build) == 0x1E8);
    assert!(offset_of!(AttestationReport, committed_build) == 0x1EC);
    assert!(offset_of!(AttestationReport, launch_tcb) == 0x1F0);
    assert!(offset_of!(AttestationReport, launch_mitigation_vector) == 0x1F8);
    assert!(offset_of!(AttestationReport, signature) == SIGNED_SIZE);
};

impl AttestationReport {
    /// Reads a report of exactly [`REPORT_SIZE`] bytes; `None` for any other length.
    ///
    /// Only the length is checked: every value in it is still the sender's claim.
    pub fn from_untrusted(bytes: &[u8]) -> Option<&Self> {
        Self::ref_from_bytes(bytes).ok()
    }

    /// The bytes that the signature covers.
    pub fn signed_bytes(&self) -> &[u8] {
        &self.as_bytes()[..SIGNED_SIZE]
    }

    /// The guest policy.
    pub fn guest_policy(&self) -> GuestPolicy {
        GuestPolicy::from_bits(self.policy.get())
    }

    /// How the host's platform is set up.
    pub fn platform(&self) -> PlatformInfo {
        PlatformInfo::from_bits(self.platform_info.get())
    }

    /// Which key signed: 0 VCEK, 1 VLEK, 7 none (KEY_INFO bits 4..2).
    pub fn signing_key(&self) -> u8 {
        let [low, ..] = self.key_info.get().to_le_bytes();
        (low >> 2) & 0b111
    }

    /// Whether an author key signed the ID key (KEY_INFO bit 0).
    pub fn author_key_enabled(&self) -> bool {
        self.key_info.get() & 1 != 0
    }

    /// Whether the chip key is masked, so that no VCEK signs (KEY_INFO bit 1).
    pub fn chip_key_masked(&self) -> bool {
        self.key_info.get() & 1 << 1 != 0
    }
}

/// TCB_VERSION (56860 rev 1.58, "TCB_VERSION structure"); which byte means what depends on the
/// product.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct TcbVersion(pub [u8; 8]);

impl TcbVersion {
    /// A version as Milan and Genoa lay it out.
    pub const fn milan(boot_loader: u8, tee: u8, snp: u8, microcode: u8) -> Self {
        Self([boot_loader, tee, 0, 0, 0, 0, snp, microcode])
    }

    /// Security version of the boot loader (Milan and Genoa).
    pub const fn boot_loader(self) -> u8 {
        self.0[0]
    }

    /// Security version of the secure processor's operating system (Milan and Genoa).
    pub const fn tee(self) -> u8 {
        self.0[1]
    }

    /// Security version of the SNP firmware (Milan and Genoa).
    pub const fn snp(self) -> u8 {
        self.0[6]
    }

    /// Lowest microcode patch level of all cores (every product).
    pub const fn microcode(self) -> u8 {
        self.0[7]
    }

    /// The whole as a number, as the host interfaces pass it.
    pub const fn bits(self) -> u64 {
        u64::from_le_bytes(self.0)
    }
}

/// ECDSA P-384 signature (56860 rev 1.58, "Signature Format"): both numbers little-endian, zero
/// extended to 72 bytes.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Signature {
    /// R, little-endian.
    pub r: [u8; 72],
    /// S, little-endian.
    pub s: [u8; 72],
    /// Must be zero.
    pub reserved: [u8; 368],
}

const _: () = assert!(size_of::<Signature>() == 512);

impl Signature {
    /// From R and S as 48 big-endian bytes each, the order that cryptographic libraries use.
    pub fn from_big_endian(r: &[u8; 48], s: &[u8; 48]) -> Self {
        Self {
            r: reverse_into(r),
            s: reverse_into(s),
            reserved: [0; 368],
        }
    }

    /// R then S as 48 big-endian bytes each; `None` if either does not fit in 384 bits or the
    /// reserved bytes are not zero.
    pub fn to_big_endian(&self) -> Option<[u8; 96]> {
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        if !(zero(&self.r[48..]) && zero(&self.s[48..]) && zero(&self.reserved)) {
            return None;
        }
        let mut fixed = [0; 96];
        for (position, byte) in self.r[..48]
            .iter()
            .rev()
            .chain(self.s[..48].iter().rev())
            .enumerate()
        {
            fixed[position] = *byte;
        }
        Some(fixed)
    }
}

fn reverse_into(big_endian: &[u8; 48]) -> [u8; 72] {
    let mut little_endian = [0; 72];
    for (target, byte) in little_endian.iter_mut().zip(big_endian.iter().rev()) {
        *target = *byte;
    }
    little_endian
}

#[cfg(test)]
mod tests {
    use super::*;
    use zerocopy::FromZeros;

    #[test]
    fn report_of_wrong_length_is_refused() {
        assert!(AttestationReport::from_untrusted(&[0; REPORT_SIZE]).is_some());
        assert!(AttestationReport::from_untrusted(&[0; REPORT_SIZE - 1]).is_none());
        assert!(AttestationReport::from_untrusted(&[0; REPORT_SIZE + 1]).is_none());
    }

    #[test]
    fn signature_round_trips_through_little_endian() {
        let r: [u8; 48] = std::array::from_fn(|i| u8::try_from(i).expect("48 fits"));
        let signature = Signature::from_big_endian(&r, &[0xAA; 48]);
        assert_eq!(signature.r[0], 47);
        let fixed = signature.to_big_endian().expect("both numbers fit");
        assert_eq!((&fixed[..48], &fixed[48..]), (&r[..], &[0xAA; 48][..]));
    }

    #[test]
    fn signature_with_bytes_beyond_the_numbers_is_refused() {
        for position in [48, 71, 72 + 48, 144, 511] {
            let mut signature = Signature::new_zeroed();
            signature.as_mut_bytes()[position] = 1;
            assert!(signature.to_big_endian().is_none(), "byte {position}");
        }
    }

    #[test]
    fn key_info_fields_are_read_from_their_bits() {
        let mut report = AttestationReport::new_zeroed();
        report.key_info = U32::new(0b1_0110);
        assert_eq!(
            (report.signing_key(), report.chip_key_masked()),
            (0b101, true)
        );
    }
}
