//! What a relying party accepts.

use crate::VekKind;
use crate::hexadecimal::{Hex, present};
use crate::names::products;
use measured_boot_snp_abi::{Product, TcbComponents};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// Limits on a report, as an appraisal policy evaluates to: every member has to be there, and no other. Lists that
/// are null ask for nothing, and the verdict says so; an empty list accepts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnpLimits {
    /// Accepted products: `milan`, `genoa`, `turin`.
    #[serde(deserialize_with = "products")]
    pub products: Vec<Product>,
    /// Accepted kinds of signing keys: `vcek`, `vlek`.
    pub signing_keys: Vec<VekKind>,
    /// Whether a revocation list of the root has to be there.
    pub require_crl: bool,
    /// Whether a VCEK's report may have a masked chip id. A VLEK's may always.
    pub allow_masked_chip_id: bool,
    /// Accepted chips.
    #[serde(deserialize_with = "present")]
    pub chip_allow: Option<Vec<ChipId>>,
    /// Chips that are not accepted.
    pub chip_deny: Vec<ChipId>,
    /// The least TCB versions.
    pub minimum_tcb: TcbLimits,
    /// The least version of the committed firmware, which is what the running one can be taken back to.
    pub minimum_firmware: FirmwareVersion,
    /// The least ABI version that the guest policy has to ask for.
    pub minimum_abi: AbiVersion,
    /// Whether the host may debug the guest.
    pub allow_debug: bool,
    /// Whether a migration agent may take the guest.
    pub allow_migration: bool,
    /// Whether the guest may run while SMT is on.
    pub allow_smt: bool,
    /// Whether the guest has to be kept to one socket.
    pub require_single_socket: bool,
    /// Whether CXL devices may hold the guest's memory: what the guest policy allows (bit 21).
    pub allow_cxl: bool,
    /// Whether the guest policy has to ask for memory encrypted by AES-256 in XTS mode (bit 22).
    pub require_policy_aes_256_xts: bool,
    /// Whether it has to ask for RAPL to be off (bit 23): firmware then runs the guest nowhere else.
    pub require_policy_rapl_disabled: bool,
    /// Whether it has to ask that the host cannot read the memory's ciphertext (bit 24).
    pub require_policy_ciphertext_hiding: bool,
    /// Whether it has to forbid the host to swap pages (bit 25).
    pub require_policy_page_swap_disabled: bool,
    /// The least privileged VMPL that is accepted, 0 to 3.
    pub max_vmpl: u8,
    /// Whether the platform has to have checked for aliasing memory.
    pub require_alias_check: bool,
    /// Whether the host must not be able to read the memory's ciphertext.
    pub require_ciphertext_hiding: bool,
    /// Whether SMT has to be off on the platform.
    pub require_smt_disabled: bool,
    /// Whether the platform has to have transparent memory encryption.
    pub require_tsme: bool,
    /// Whether the platform has to have memory with error-correcting codes.
    pub require_ecc: bool,
    /// Whether the platform has to have RAPL off.
    pub require_rapl_disabled: bool,
    /// Whether the platform may have trusted I/O on.
    pub allow_tio: bool,
    /// Accepted digests of the ID key, 96 hexadecimal digits each.
    #[serde(deserialize_with = "present")]
    pub id_keys: Option<Vec<Hex<48>>>,
    /// Accepted digests of the author key.
    #[serde(deserialize_with = "present")]
    pub author_keys: Option<Vec<Hex<48>>>,
    /// Accepted families, 32 hexadecimal digits each.
    #[serde(deserialize_with = "present")]
    pub family_ids: Option<Vec<Hex<16>>>,
    /// Accepted images.
    #[serde(deserialize_with = "present")]
    pub image_ids: Option<Vec<Hex<16>>>,
    /// The least GUEST_SVN.
    pub minimum_guest_svn: u32,
    /// Accepted values of HOST_DATA, 64 hexadecimal digits each.
    #[serde(deserialize_with = "present")]
    pub host_data: Option<Vec<Hex<32>>>,
    /// Mitigations that have to have been in place at launch, as bits.
    pub launch_mitigations: u64,
    /// Mitigations that have to be in place now.
    pub current_mitigations: u64,
}

/// The least TCB version of each of the four that a report has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcbLimits {
    /// Of the one that the certificate is for.
    pub reported: TcbLimit,
    /// Of the one that firmware cannot be taken back from.
    pub committed: TcbLimit,
    /// Of the running one.
    pub current: TcbLimit,
    /// Of the one at the guest's launch or import.
    pub launch: TcbLimit,
}

/// The least security version of each part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcbLimit {
    /// Of the firmware management controller; products without one have 0.
    pub fmc: u8,
    /// Of the boot loader.
    pub boot_loader: u8,
    /// Of the secure processor's operating system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the microcode.
    pub microcode: u8,
}

/// A version of the SNP firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FirmwareVersion {
    /// Of its ABI.
    pub major: u8,
    /// Of its ABI.
    pub minor: u8,
    /// Which of its builds.
    pub build: u8,
}

/// A version of the firmware's ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbiVersion {
    /// Changes with what breaks.
    pub major: u8,
    /// Changes with what is added.
    pub minor: u8,
}

/// Which chip: 128 hexadecimal digits, or the 16 of Turin's that are not always zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChipId(pub [u8; 64]);

impl ChipId {
    /// Of 8 or 64 bytes, as certificates and reports have it; `None` of any other length.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let mut chip = [0; 64];
        match bytes.len() {
            8 | 64 => {
                chip[..bytes.len()].copy_from_slice(bytes);
                Some(Self(chip))
            }
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for ChipId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = hex::decode(String::deserialize(deserializer)?).ok();
        let chip = bytes.and_then(|bytes| Self::of(&bytes));
        chip.ok_or_else(|| serde::de::Error::custom("a chip id has 128 or 16 hexadecimal digits"))
    }
}

impl From<TcbLimit> for TcbComponents {
    fn from(limit: TcbLimit) -> Self {
        Self {
            fmc: Some(limit.fmc),
            boot_loader: limit.boot_loader,
            tee: limit.tee,
            snp: limit.snp,
            microcode: limit.microcode,
        }
    }
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} build {}", self.major, self.minor, self.build)
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
