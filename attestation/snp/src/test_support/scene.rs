//! Inputs that are accepted, to be spoiled.

use super::chip::{Certificates, Chip, chip_id};
use super::{NOW, offset};
use crate::{
    Anchors, Endorsement, EndorsementError, FirmwareVersion, Product, Proof, ReferenceValue,
    SnpCheck, SnpInput, SnpLimits, SnpRejection, TcbLimit, TcbLimits, VekKind, judge,
};
use attestation_certificates::Seen;
use attestation_verdict::{Check, CheckResult, ExpectedData, Judgement, Rejection};

/// The launch digest of [`unsigned_report`].
const LAUNCH_DIGEST: [u8; 48] = [0xA5; 48];
/// Its REPORT_DATA.
const REPORT_DATA: [u8; 64] = [0x5A; 64];

/// A whole attestation, accepted as it stands; tests spoil one member.
pub struct Scene {
    /// Who signed the report.
    pub chip: Chip,
    /// The report.
    pub report: Box<[u8; 1184]>,
    /// The VEK's certificate, as a file.
    pub vek: Option<Vec<u8>>,
    /// The certificates above it, each a file.
    pub chain: Vec<Vec<u8>>,
    /// Revocation lists, each a file.
    pub crls: Vec<Vec<u8>>,
    /// The trusted roots.
    pub anchors: Anchors,
    /// What is accepted.
    pub limits: SnpLimits,
    /// What is expected in REPORT_DATA.
    pub expected: ExpectedData,
    /// Which launches are accepted.
    pub references: Option<Vec<ReferenceValue>>,
    /// The newest lists seen.
    pub seen: Option<Seen>,
    /// The time.
    pub now: u64,
}

/// Limits that ask for what the reports made here have, and for nothing where a list can be null.
#[must_use]
pub fn limits() -> SnpLimits {
    let least = TcbLimit {
        fmc: 0,
        boot_loader: 4,
        tee: 1,
        snp: 24,
        microcode: 219,
    };
    SnpLimits {
        products: Product::ALL.to_vec(),
        signing_keys: VekKind::ALL.to_vec(),
        require_crl: false,
        allow_masked_chip_id: false,
        chip_allow: None,
        chip_deny: Vec::new(),
        minimum_tcb: TcbLimits {
            reported: least,
            committed: least,
            current: least,
            launch: least,
        },
        minimum_firmware: FirmwareVersion {
            major: 1,
            minor: 55,
            build: 29,
        },
        minimum_abi: crate::AbiVersion {
            major: 0,
            minor: 31,
        },
        allow_debug: false,
        allow_migration: false,
        allow_smt: true,
        require_single_socket: false,
        allow_cxl: false,
        require_policy_aes_256_xts: false,
        require_policy_rapl_disabled: false,
        require_policy_ciphertext_hiding: false,
        require_policy_page_swap_disabled: false,
        max_vmpl: 0,
        require_alias_check: true,
        require_ciphertext_hiding: false,
        require_smt_disabled: false,
        require_tsme: false,
        require_ecc: true,
        require_rapl_disabled: false,
        allow_tio: false,
        id_keys: None,
        author_keys: None,
        family_ids: None,
        image_ids: None,
        minimum_guest_svn: 3,
        host_data: None,
        launch_mitigations: 0,
        current_mitigations: 0,
    }
}

/// A report that is right in every field, and not signed: of version 3, on Turin 5.
#[must_use]
pub fn unsigned_report(product: Product, kind: VekKind) -> Box<[u8; 1184]> {
    let mut report = Box::new([0; 1184]);
    let mut put = |at: usize, bytes: &[u8]| report[at..at + bytes.len()].copy_from_slice(bytes);
    let (version, cpu, tcb) = match product {
        Product::Milan => (3_u32, [0x19, 0x01, 0x01], [4, 1, 0, 0, 0, 0, 24, 219]),
        Product::Genoa => (3, [0x19, 0x11, 0x01], [4, 1, 0, 0, 0, 0, 24, 219]),
        Product::Turin => (5, [0x1A, 0x02, 0x01], [7, 4, 1, 24, 0, 0, 0, 219]),
    };
    put(offset::VERSION, &version.to_le_bytes());
    put(offset::GUEST_SVN, &3_u32.to_le_bytes());
    put(offset::POLICY, &0x3_001F_u64.to_le_bytes());
    put(offset::SIGNATURE_ALGO, &1_u32.to_le_bytes());
    put(offset::PLATFORM_INFO, &0x25_u64.to_le_bytes());
    put(offset::KEY_INFO, &[kind.signing_key() << 2]);
    put(offset::REPORT_DATA, &REPORT_DATA);
    put(offset::MEASUREMENT, &LAUNCH_DIGEST);
    put(offset::REPORT_ID_MA, &[0xFF; 32]);
    put(offset::CPUID_FAM_ID, &cpu);
    put(offset::CHIP_ID, &chip_id(product));
    for at in [
        offset::CURRENT_TCB,
        offset::REPORTED_TCB,
        offset::COMMITTED_TCB,
        offset::LAUNCH_TCB,
    ] {
        put(at, &tcb);
    }
    // Build, minor, major, and a reserved byte.
    put(offset::CURRENT_BUILD, &[29, 55, 1, 0]);
    put(offset::COMMITTED_BUILD, &[29, 55, 1, 0]);
    report
}

impl Scene {
    /// A chip of the product that signs with its own key.
    #[must_use]
    pub fn new(product: Product) -> Self {
        Self::of(Certificates::of(product, VekKind::Vcek))
    }

    /// A chip that signs with a provider's key.
    #[must_use]
    pub fn with_vlek(product: Product) -> Self {
        Self::of(Certificates::of(product, VekKind::Vlek))
    }

    /// A chip with these certificates.
    #[must_use]
    pub fn of(certificates: Certificates) -> Self {
        Self::on(certificates.into_chip())
    }

    /// A chip that exists.
    #[must_use]
    pub fn on(chip: Chip) -> Self {
        let mut report = unsigned_report(chip.product, chip.kind);
        chip.sign(&mut report);
        Self {
            report,
            vek: Some(chip.vek.clone()),
            chain: vec![chip.issuer.clone(), chip.ark.clone()],
            crls: Vec::new(),
            anchors: chip.anchors(),
            limits: limits(),
            expected: ExpectedData::Exactly(REPORT_DATA),
            references: Some(vec![ReferenceValue {
                name: "demo".to_owned(),
                launch_digest: LAUNCH_DIGEST,
                min_guest_svn: Some(3),
                not_before: NOW - 3600,
                not_after: NOW + 3600,
            }]),
            seen: None,
            now: NOW,
            chip,
        }
    }

    /// Changed, its report as it was signed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// With another report, which the chip signs again.
    #[must_use]
    pub fn with_report(mut self, change: impl FnOnce(&mut [u8; 1184])) -> Self {
        change(&mut self.report);
        self.chip.sign(&mut self.report);
        self
    }

    /// The same, one field.
    #[must_use]
    pub fn with_field(self, at: usize, bytes: &[u8]) -> Self {
        self.with_report(|report| report[at..at + bytes.len()].copy_from_slice(bytes))
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, change: impl FnOnce(&mut SnpLimits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// What becomes of the files.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn prove(&self) -> Result<Proof, EndorsementError> {
        let chain: Vec<&[u8]> = self.chain.iter().map(Vec::as_slice).collect();
        let crls: Vec<&[u8]> = self.crls.iter().map(Vec::as_slice).collect();
        let read = Endorsement::read(self.vek.as_deref(), &chain, &crls, &self.anchors)?;
        Ok(read.prove())
    }

    /// Judges it.
    ///
    /// # Panics
    /// If a file cannot be read.
    #[must_use]
    pub fn judge(&self) -> Judgement<SnpRejection> {
        let proof = self.prove().expect("the files can be read");
        self.judge_under(&proof)
    }

    /// Judges it by a proof that was made before.
    #[must_use]
    pub fn judge_under(&self, proof: &Proof) -> Judgement<SnpRejection> {
        judge(&SnpInput {
            report: &self.report,
            proof,
            limits: &self.limits,
            expected: &self.expected,
            references: self.references.as_deref(),
            seen: self.seen.as_ref(),
            now: self.now,
        })
    }

    /// The code of the one reason why it is refused.
    ///
    /// # Panics
    /// If it is accepted, or any other check failed or was not made.
    #[track_caller]
    #[must_use]
    pub fn refused_only_by(&self, check: SnpCheck) -> &'static str {
        self.refused_by(check, &[])
    }

    /// The same, where these other checks have nothing to look at.
    ///
    /// # Panics
    /// If it is accepted, or any other check has another result.
    #[track_caller]
    #[must_use]
    pub fn refused_by(&self, check: SnpCheck, not_made: &[SnpCheck]) -> &'static str {
        let judgement = self.judge();
        for (name, record) in SnpCheck::ALL.iter().zip(judgement.record().checks) {
            let is_fine = match record.result {
                CheckResult::Pass => *name != check && !not_made.contains(name),
                CheckResult::Fail => *name == check,
                CheckResult::NotChecked => not_made.contains(name) || name.may_be_left_out(),
            };
            assert!(
                is_fine,
                "{}: {:?}: {}",
                record.name, record.result, record.reason
            );
        }
        let mut reasons = judgement.rejections();
        let first = reasons.next().expect("it is refused");
        let more: Vec<_> = reasons.collect();
        assert!(more.is_empty(), "{first:?} and {more:?}");
        assert_eq!(first.check(), check);
        assert!(!judgement.accepted());
        first.code()
    }
}
