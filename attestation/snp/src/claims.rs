//! What a report says, as plain data for appraisal policies.

use crate::checks::layout;
use crate::checks::tcb::firmware_of;
use crate::judge::report_of;
use crate::names::lower_case;
use crate::vek::Vek;
use crate::{FirmwareVersion, Hex, Proof, VekKind};
use attestation_certificates::Validity;
use measured_boot_snp_abi::{
    AttestationReport, GuestPolicy, PlatformInfo, Product, REPORT_SIZE, TcbVersion,
};
use serde::Serialize;

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

impl SnpClaims {
    /// Of a report and what became of its certificates.
    #[must_use]
    pub fn of(report: &[u8; REPORT_SIZE], proof: &Proof) -> Self {
        let report = report_of(report);
        let product = proof.proven().map(|proven| proven.product);
        let tcb = |version: TcbVersion| TcbClaims::of(version, layout(report, proof));
        let (current, committed) = firmware_of(report);
        let version = report.version.get();
        let tells_mitigations = version >= 5;
        Self {
            tee: "snp",
            version,
            product: product.map(lower_case),
            generation: product.map(Product::generation),
            cpu: (version >= 3).then(|| CpuClaims::of(report)),
            report_data: Hex(report.report_data),
            launch_digest: Hex(report.measurement),
            host_data: Hex(report.host_data),
            id_key_digest: Hex(report.id_key_digest),
            author_key_digest: Hex(report.author_key_digest),
            report_id: Hex(report.report_id),
            report_id_ma: Hex(report.report_id_ma),
            family_id: Hex(report.family_id),
            image_id: Hex(report.image_id),
            guest_svn: report.guest_svn.get(),
            vmpl: report.vmpl.get(),
            policy: report.guest_policy().into(),
            platform: report.platform().into(),
            key_info: KeyInfoClaims::of(report),
            chip_id: (report.chip_id != [0; 64]).then_some(Hex(report.chip_id)),
            current_tcb: tcb(report.current_tcb),
            committed_tcb: tcb(report.committed_tcb),
            reported_tcb: tcb(report.reported_tcb),
            launch_tcb: tcb(report.launch_tcb),
            current_firmware: current.into(),
            committed_firmware: committed.into(),
            launch_mitigations: tells_mitigations.then(|| report.launch_mitigation_vector.get()),
            current_mitigations: tells_mitigations.then(|| report.current_mitigation_vector.get()),
            vek: proof.vek().map(VekClaims::of),
            chain: ChainClaims::of(proof),
        }
    }
}

impl CpuClaims {
    fn of(report: &AttestationReport) -> Self {
        Self {
            family: report.cpuid_family,
            model: report.cpuid_model,
            stepping: report.cpuid_stepping,
            known: Product::of_cpu(report.cpuid_family, report.cpuid_model).is_some(),
        }
    }
}

impl KeyInfoClaims {
    fn of(report: &AttestationReport) -> Self {
        let kinds = VekKind::ALL.into_iter();
        Self {
            author_key: report.author_key_enabled(),
            chip_key_masked: report.chip_key_masked(),
            signing_key: kinds
                .clone()
                .find(|kind| kind.signing_key() == report.signing_key()),
        }
    }
}

impl TcbClaims {
    fn of(version: TcbVersion, product: Product) -> Self {
        let parts = version.components(product);
        Self {
            fmc: parts.fmc,
            boot_loader: parts.boot_loader,
            tee: parts.tee,
            snp: parts.snp,
            microcode: parts.microcode,
            raw: Hex(version.0),
        }
    }
}

impl VekClaims {
    fn of(vek: &Vek) -> Self {
        Self {
            kind: vek.kind,
            product_name: vek.product_name.clone().ok(),
            chip_id: vek
                .chip_id
                .as_ref()
                .ok()
                .and_then(|id| id.as_ref().map(hex::encode)),
            provider: vek.provider.clone().ok().flatten(),
            not_before: vek.validity.not_before,
            not_after: vek.validity.not_after,
        }
    }
}

impl ChainClaims {
    fn of(proof: &Proof) -> Option<Self> {
        let proven = proof.proven()?;
        let Validity {
            not_before,
            not_after,
        } = proven.validity();
        Some(Self {
            root_is_built_in: proven.root_is_built_in,
            not_before,
            not_after,
            revocation_lists: proven.observations().count(),
        })
    }
}

impl From<FirmwareVersion> for FirmwareClaims {
    fn from(version: FirmwareVersion) -> Self {
        let FirmwareVersion {
            major,
            minor,
            build,
        } = version;
        Self {
            major,
            minor,
            build,
        }
    }
}

impl From<GuestPolicy> for PolicyClaims {
    fn from(policy: GuestPolicy) -> Self {
        let (abi_major, abi_minor) = policy.minimum_abi();
        Self {
            bits: policy.bits(),
            abi_major,
            abi_minor,
            smt_allowed: policy.smt_allowed(),
            migration_allowed: policy.migration_agent_allowed(),
            debug_allowed: policy.debug_allowed(),
            single_socket: policy.single_socket_required(),
            cxl_allowed: policy.cxl_allowed(),
            aes_256_xts: policy.aes_256_xts_required(),
            rapl_disabled: policy.rapl_disabled_required(),
            ciphertext_hiding: policy.ciphertext_hiding_required(),
            page_swap_disabled: policy.page_swap_disabled(),
        }
    }
}

impl From<PlatformInfo> for PlatformClaims {
    fn from(info: PlatformInfo) -> Self {
        Self {
            bits: info.bits(),
            smt: info.smt(),
            tsme: info.tsme(),
            ecc: info.ecc(),
            rapl_disabled: info.rapl_disabled(),
            ciphertext_hiding: info.ciphertext_hiding(),
            alias_check_complete: info.alias_check_complete(),
            tio: info.tio(),
        }
    }
}
