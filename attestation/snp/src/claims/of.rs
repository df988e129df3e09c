//! From a report and its certificates to claims.

use super::{
    ChainClaims, CpuClaims, FirmwareClaims, KeyInfoClaims, PlatformClaims, PolicyClaims, SnpClaims,
    TcbClaims, VekClaims,
};
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
