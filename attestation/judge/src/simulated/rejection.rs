//! Why a simulated report is refused: a closed list.

use std::fmt;

use attestation_verdict::Rejection;

use super::SimulatedCheck as Check;

/// One reason to refuse. Its text says what was found and repeats nothing that a host could write
/// freely, so it can be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulatedRejection {
    /// The report has another length.
    #[error("the report has {found} bytes and an SNP report has exactly 1184")]
    ReportLength {
        /// Its length in bytes.
        found: usize,
    },
    /// The report has another version.
    #[error("the report has version {found}; known are 2, 3 and 5")]
    ReportVersion {
        /// The VERSION field.
        found: u32,
    },
    /// The report names another signature algorithm.
    #[error(
        "the report names signature algorithm {found}; only 1, ECDSA P-384 with SHA-384, is known"
    )]
    SignatureAlgorithm {
        /// The SIGNATURE_ALGO field.
        found: u32,
    },
    /// A field that must be zero is not.
    #[error(
        "the report's reserved bytes from {offset:#x} are not all zero: they would go unchecked"
    )]
    ReservedNotZero {
        /// Where the reserved field begins in the report.
        offset: usize,
    },

    /// REPORT_DATA is not the hash of what came with it.
    #[error(
        "REPORT_DATA does not bind the nonce and the key that came with the report: the report \
         was made for another key or another session"
    )]
    BindingMismatch,

    /// A certificate is not fit for its place.
    #[error("the {certificate} certificate {problem}")]
    Certificate {
        /// Which one.
        certificate: CertificateName,
        /// What is wrong.
        problem: CertificateProblem,
    },
    /// The ARK is not the given root.
    #[error("the ARK certificate is not the simulated root that this verifier was given")]
    RootNotTrusted,
    /// A certificate is used before its time.
    #[error(
        "the {certificate} certificate is valid from {not_before} and it is {now} (unix seconds)"
    )]
    CertificateNotYetValid {
        /// Which one.
        certificate: CertificateName,
        /// Its first second.
        not_before: i64,
        /// The time of judgement.
        now: u64,
    },
    /// A certificate is used after its time.
    #[error("the {certificate} certificate expired at {not_after} and it is {now} (unix seconds)")]
    CertificateExpired {
        /// Which one.
        certificate: CertificateName,
        /// Its last second.
        not_after: i64,
        /// The time of judgement.
        now: u64,
    },

    /// The report says that another key than the VCEK signed it.
    #[error("the report says that key kind {found} signed it; only 0, the VCEK, is accepted")]
    SigningKey {
        /// The SIGNING_KEY field.
        found: u8,
    },
    /// The signature does not have an SNP report's form.
    #[error("the report's signature is not two 384-bit numbers followed by zeros")]
    SignatureMalformed,
    /// The signature does not verify.
    #[error(
        "the report's signature does not verify under the VCEK: a signed byte was changed, or another key signed it"
    )]
    SignatureInvalid,

    /// The guest may be debugged by its host.
    #[error("the guest policy allows debugging (bit 19): the host can read and change the guest")]
    DebugAllowed,
    /// The report comes from too low a privilege level.
    #[error("the report is from VMPL {found}; the policy accepts at most {max}")]
    VmplTooHigh {
        /// The VMPL field; 0xFFFFFFFF if the host asked for the report.
        found: u32,
        /// The policy's limit.
        max: u32,
    },
    /// A migration agent may take the guest.
    #[error(
        "the guest policy allows a migration agent (bit 18), which can move the guest's memory"
    )]
    MigrationAllowed,
    /// The guest may run with SMT.
    #[error("the guest policy allows SMT (bit 16), and the limits do not")]
    SmtAllowed,
    /// Reserved bits of the guest policy are wrong.
    #[error(
        "the guest policy {found:#x} has reserved bits set wrongly: bit 17 must be 1, bits 26 to 63 must be 0"
    )]
    GuestPolicyReserved {
        /// The POLICY field.
        found: u64,
    },

    /// No reference value has this digest, and nothing explains why.
    #[error("launch digest {digest} matches no reference value")]
    LaunchDigestUnknown {
        /// Lower-case hex.
        digest: String,
    },
    /// No reference value has this digest; the evidence's manifest explains the difference.
    #[error(
        "launch digest {digest} matches no reference value; by the evidence's own manifest, which \
         recomputes to this digest, it differs from reference `{reference}` in: {}",
        components.join(", ")
    )]
    ComponentsDiffer {
        /// Lower-case hex.
        digest: String,
        /// The closest reference value's name.
        reference: String,
        /// The components, of a closed list of names.
        components: Vec<String>,
    },
    /// The matching reference value is not valid yet.
    #[error("reference `{reference}` is valid from {not_before} and it is {now} (unix seconds)")]
    ReferenceNotYetValid {
        /// Its name.
        reference: String,
        /// Its first second.
        not_before: u64,
        /// The time of judgement.
        now: u64,
    },
    /// The matching reference value is not valid any more.
    #[error("reference `{reference}` expired at {not_after} and it is {now} (unix seconds)")]
    ReferenceExpired {
        /// Its name.
        reference: String,
        /// Its last second.
        not_after: u64,
        /// The time of judgement.
        now: u64,
    },
}

impl Rejection for SimulatedRejection {
    type Check = Check;

    fn check(&self) -> Check {
        match self {
            Self::ReportLength { .. }
            | Self::ReportVersion { .. }
            | Self::SignatureAlgorithm { .. }
            | Self::ReservedNotZero { .. } => Check::ReportFormat,
            Self::BindingMismatch => Check::Binding,
            Self::Certificate { .. } | Self::RootNotTrusted => Check::CertificateChain,
            Self::CertificateNotYetValid { .. } | Self::CertificateExpired { .. } => {
                Check::CertificateDates
            }
            Self::SigningKey { .. } | Self::SignatureMalformed | Self::SignatureInvalid => {
                Check::Signature
            }
            Self::DebugAllowed => Check::Debug,
            Self::VmplTooHigh { .. } => Check::Vmpl,
            Self::MigrationAllowed | Self::SmtAllowed | Self::GuestPolicyReserved { .. } => {
                Check::PolicyBits
            }
            Self::LaunchDigestUnknown { .. } | Self::ComponentsDiffer { .. } => Check::LaunchDigest,
            Self::ReferenceNotYetValid { .. } | Self::ReferenceExpired { .. } => {
                Check::ReferenceValidity
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::ReportLength { .. } => "report_length",
            Self::ReportVersion { .. } => "report_version",
            Self::SignatureAlgorithm { .. } => "signature_algorithm",
            Self::ReservedNotZero { .. } => "reserved_not_zero",
            Self::BindingMismatch => "binding_mismatch",
            Self::Certificate { .. } => "certificate",
            Self::RootNotTrusted => "root_not_trusted",
            Self::CertificateNotYetValid { .. } => "certificate_not_yet_valid",
            Self::CertificateExpired { .. } => "certificate_expired",
            Self::SigningKey { .. } => "signing_key",
            Self::SignatureMalformed => "signature_malformed",
            Self::SignatureInvalid => "signature_invalid",
            Self::DebugAllowed => "debug_allowed",
            Self::VmplTooHigh { .. } => "vmpl_too_high",
            Self::MigrationAllowed => "migration_allowed",
            Self::SmtAllowed => "smt_allowed",
            Self::GuestPolicyReserved { .. } => "guest_policy_reserved",
            Self::LaunchDigestUnknown { .. } => "launch_digest_unknown",
            Self::ComponentsDiffer { .. } => "components_differ",
            Self::ReferenceNotYetValid { .. } => "reference_not_yet_valid",
            Self::ReferenceExpired { .. } => "reference_expired",
        }
    }
}

/// A place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateName {
    /// Signs the report.
    Vcek,
    /// Signs the VCEK.
    Ask,
    /// Signs the ASK and itself.
    Ark,
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vcek => "VCEK",
            Self::Ask => "ASK",
            Self::Ark => "ARK",
        })
    }
}

/// What makes a certificate unfit for its place. Source: RFC 5280, and AMD 57230 for the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// It does not parse, or bytes follow it.
    #[error("is not exactly one X.509 version 3 certificate in DER")]
    Unreadable,
    /// It is not marked as simulated.
    #[error("does not have one common name that begins with `simulated`, as simulated ones must")]
    NotSimulated,
    /// Its key is of another kind.
    #[error("does not hold an ECDSA key on P-384")]
    KeyKind,
    /// It is signed by another algorithm, or names two.
    #[error("is not signed with ECDSA and SHA-384")]
    SignatureAlgorithm,
    /// Its issuer's name is not the next certificate's subject.
    #[error("is not issued by the next certificate in the chain")]
    Issuer,
    /// The next certificate's key did not sign it.
    #[error("is not signed by the next certificate's key")]
    Signature,
    /// It may not sign certificates, and has to.
    #[error("may not sign certificates (basic constraints, path length, key usage)")]
    NotAuthority,
    /// It may sign certificates, and must not.
    #[error("may sign certificates, which a report-signing key must not")]
    Authority,
    /// It has a critical extension that is not understood.
    #[error("has a critical extension that is not understood here, or one extension twice")]
    Extension,
}
