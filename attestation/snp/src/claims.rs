//! What a report says, as plain data for appraisal policies.

use crate::{Hex, VekKind};
use serde::Serialize;

mod of;

/// Everything that a report and its certificates say. It proves nothing: a judgement does, over the same input.
/// Bytes are lower-case hexadecimal digits, times are seconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnpClaims {
    /// Always `snp`.
    pub tee: &'static str,
    /// Of the report's format.
    pub version: u32,
    /// Of the chain: `milan`, `genoa`, `turin`; null if no trusted root vouches for it.
    pub product: Option<String>,
    /// Of its cores: `zen3`, `zen4`, `zen5`.
    pub generation: Option<&'static str>,
    /// The CPU; null in reports of version 2.
    pub cpu: Option<CpuClaims>,
    /// What the guest asked to have signed.
    pub report_data: Hex<64>,
    /// The launch digest.
    pub launch_digest: Hex<48>,
    /// What the host supplied at launch.
    pub host_data: Hex<32>,
    /// SHA-384 of the ID key; zeros if there was none.
    pub id_key_digest: Hex<48>,
    /// SHA-384 of the author key; zeros if there was none.
    pub author_key_digest: Hex<48>,
    /// Of this guest, as long as it runs.
    pub report_id: Hex<32>,
    /// Of its migration agent; all ones if there is none.
    pub report_id_ma: Hex<32>,
    /// From the ID block.
    pub family_id: Hex<16>,
    /// From the ID block.
    pub image_id: Hex<16>,
    /// From the ID block.
    pub guest_svn: u32,
    /// Which asked for the report; 4294967295 if the host did.
    pub vmpl: u32,
    /// The guest policy.
    pub policy: PolicyClaims,
    /// How the platform is set up.
    pub platform: PlatformClaims,
    /// Which key signed, by the report.
    pub key_info: KeyInfoClaims,
    /// The chip, by the report; null if masked.
    pub chip_id: Option<Hex<64>>,
    /// Which runs.
    pub current_tcb: TcbClaims,
    /// Which the firmware cannot be taken back from.
    pub committed_tcb: TcbClaims,
    /// Which the signing key is derived from.
    pub reported_tcb: TcbClaims,
    /// Which ran at the guest's launch or import.
    pub launch_tcb: TcbClaims,
    /// The running firmware.
    pub current_firmware: FirmwareClaims,
    /// The one that it cannot be taken back from.
    pub committed_firmware: FirmwareClaims,
    /// Mitigations at launch, as bits; null before version 5.
    pub launch_mitigations: Option<u64>,
    /// Mitigations now, as bits; null before version 5.
    pub current_mitigations: Option<u64>,
    /// The signing key's certificate; null if there is none.
    pub vek: Option<VekClaims>,
    /// The chain; null if no trusted root vouches for it.
    pub chain: Option<ChainClaims>,
}

/// A CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CpuClaims {
    /// Combined.
    pub family: u8,
    /// Combined.
    pub model: u8,
    /// Of the model.
    pub stepping: u8,
    /// Whether it is one that is known.
    pub known: bool,
}

/// The guest policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub struct PolicyClaims {
    pub bits: u64,
    pub abi_major: u8,
    pub abi_minor: u8,
    pub smt_allowed: bool,
    pub migration_allowed: bool,
    pub debug_allowed: bool,
    pub single_socket: bool,
    pub cxl_allowed: bool,
    pub aes_256_xts: bool,
    pub rapl_disabled: bool,
    pub ciphertext_hiding: bool,
    pub page_swap_disabled: bool,
}

/// PLATFORM_INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are the specification's")]
pub struct PlatformClaims {
    pub bits: u64,
    pub smt: bool,
    pub tsme: bool,
    pub ecc: bool,
    pub rapl_disabled: bool,
    pub ciphertext_hiding: bool,
    pub alias_check_complete: bool,
    pub tio: bool,
}

/// KEY_INFO.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KeyInfoClaims {
    /// Whether an author key signed the ID key.
    pub author_key: bool,
    /// Whether no VCEK is used.
    pub chip_key_masked: bool,
    /// Which kind of key signed; null for one that is not known.
    pub signing_key: Option<VekKind>,
}

/// A TCB version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct TcbClaims {
    /// Of the firmware management controller; null where there is none.
    pub fmc: Option<u8>,
    /// Of the boot loader.
    pub boot_loader: u8,
    /// Of the secure processor's operating system.
    pub tee: u8,
    /// Of the SNP firmware.
    pub snp: u8,
    /// Of the microcode.
    pub microcode: u8,
    /// All eight bytes, in the report's order.
    pub raw: Hex<8>,
}

/// A version of the SNP firmware.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "a version's usual parts")]
pub struct FirmwareClaims {
    pub major: u8,
    pub minor: u8,
    pub build: u8,
}

/// What the signing key's certificate says, whoever vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VekClaims {
    /// By its name; null for another name.
    pub kind: Option<VekKind>,
    /// As AMD names it, with a stepping or without; null if it is missing or unreadable.
    pub product_name: Option<String>,
    /// The chip, 16 or 128 digits; null on VLEKs.
    pub chip_id: Option<String>,
    /// The cloud provider's name; null on VCEKs.
    pub provider: Option<String>,
    /// Its first second.
    pub not_before: u64,
    /// Its last second.
    pub not_after: u64,
}

/// A chain that leads to a trusted root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChainClaims {
    /// Whether that is AMD's, which is built in, and not one that was named in its place.
    pub root_is_built_in: bool,
    /// The first second at which every certificate and list is valid.
    pub not_before: u64,
    /// The last.
    pub not_after: u64,
    /// How many revocation lists were given and proven.
    pub revocation_lists: usize,
}
