//! Why a report is refused: a closed list.

use crate::SnpCheck;
use crate::limits::{AbiVersion, FirmwareVersion};
use crate::names::VekKind;
use attestation_certificates::{CertificateProblem, CrlProblem, Older, rfc3339};
use attestation_verdict::Rejection;
use measured_boot_snp_abi::Product;
use thiserror::Error;

mod codes;
mod parts;

pub use parts::{CertificateName, GuestPolicyDemand, PlatformDemand, TcbName};

/// One reason to refuse. Its text says what was found and repeats nothing that a host could write freely.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the fields are what the text names")]
pub enum SnpRejection {
    /// Another version.
    #[error("the report has version {found}; known are 2, 3 and 5")]
    ReportVersion { found: u32 },
    /// Another algorithm.
    #[error(
        "the report names signature algorithm {found}; only 1, ECDSA P-384 with SHA-384, is known"
    )]
    SignatureAlgorithm { found: u32 },
    /// Bytes whose meaning nobody knows.
    #[error(
        "the report's reserved bytes from {offset:#x} are not all zero: they would go unchecked"
    )]
    ReservedNotZero { offset: usize },

    /// No certificate of the signing key.
    #[error("there is no VEK certificate: nothing says whose key signed the report")]
    VekMissing,
    /// Not the name that AMD's have.
    #[error("the VEK certificate's common name is neither SEV-VCEK nor SEV-VLEK")]
    VekName,
    /// Not a key that signs reports.
    #[error("the VEK certificate's key is none on P-384")]
    VekKey,
    /// Nobody above it.
    #[error("no {certificate} certificate is there that the VEK certificate names as its issuer")]
    IssuerMissing { certificate: CertificateName },
    /// A kind of key that this issuer does not certify.
    #[error("the VEK certificate is of a {}, and its issuer is not the one that certifies those", .kind.name())]
    IssuerName { kind: VekKind },
    /// A certificate is not fit for its place.
    #[error("the {certificate} certificate: {problem}")]
    Certificate {
        certificate: CertificateName,
        problem: CertificateProblem,
    },
    /// The chain does not end where it has to.
    #[error("the chain ends in a root that is not trusted")]
    RootNotTrusted,
    /// A root of AMD's, but another.
    #[error("the chain came with the root of another product than the one that it ends in")]
    ChainOfOtherProduct,
    /// A certificate that has nothing to do with it.
    #[error("the chain came with a certificate that is not of this root")]
    ChainUnrelated,

    /// Before its time.
    #[error(
        "the {certificate} certificate is valid from {} and it is {}", rfc3339(*not_before), rfc3339(*now)
    )]
    NotYetValid {
        certificate: CertificateName,
        not_before: u64,
        now: u64,
    },
    /// After its time.
    #[error("the {certificate} certificate expired at {} and it is {}", rfc3339(*not_after), rfc3339(*now))]
    Expired {
        certificate: CertificateName,
        not_after: u64,
        now: u64,
    },

    /// None came along.
    #[error("a revocation list of the root is required and none is there")]
    CrlMissing,
    /// One was seen before, and none came along: what it revokes would be forgotten.
    #[error("a revocation list of the {certificate} was seen before and none is there")]
    CrlLeftOut { certificate: CertificateName },
    /// Not one to go by.
    #[error("the revocation list: {problem}")]
    Crl { problem: CrlProblem },
    /// Of the future.
    #[error("the revocation list is of {} and it is {}", rfc3339(*this_update), rfc3339(*now))]
    CrlNotYetValid { this_update: u64, now: u64 },
    /// Its successor has to be there.
    #[error("a newer revocation list was due at {} and it is {}", rfc3339(*next_update), rfc3339(*now))]
    CrlExpired { next_update: u64, now: u64 },
    /// Older than one that is known.
    #[error("the revocation list is {older}")]
    CrlOlder { older: Older },
    /// Listed.
    #[error("the {certificate} certificate is revoked")]
    Revoked { certificate: CertificateName },
    /// Listed by a list that is known here, whether it came along or not.
    #[error("the {certificate} certificate is revoked: AMD's list said so when this was built")]
    KnownRevoked { certificate: CertificateName },

    /// Not among the accepted.
    #[error("reports of {} are not accepted", .product.name())]
    ProductNotAccepted { product: Product },
    /// A CPU that nothing here knows.
    #[error(
        "the report is of a CPU of family {family:#x} and model {model:#x}, which is no known product"
    )]
    CpuUnknown { family: u8, model: u8 },
    /// Chain and CPU disagree.
    #[error("the report is of a {} CPU and the chain is of {}", .cpu.name(), .chain.name())]
    CpuOfOtherProduct { cpu: Product, chain: Product },
    /// Chain and certificate disagree.
    #[error("the VEK certificate's product name is missing or none of {}", .chain.name())]
    ProductName { chain: Product },

    /// No kind of key that there is.
    #[error(
        "the report says that key kind {found} signed it; known are 0, the VCEK, and 1, the VLEK"
    )]
    SigningKeyUnknown { found: u8 },
    /// The other kind.
    #[error("the report says that a {} signed it and the certificate is of a {}", .report.name(), .certificate.name())]
    SigningKeyOfOtherKind {
        report: VekKind,
        certificate: VekKind,
    },
    /// What firmware does not sign with.
    #[error(
        "the report says that a VCEK signed it and that VCEKs are masked (MASK_CHIP_KEY): firmware signs nothing then"
    )]
    ChipKeyMasked,
    /// Not among the accepted.
    #[error("reports signed by a {} are not accepted", .kind.name())]
    SigningKeyNotAccepted { kind: VekKind },

    /// Not a signature.
    #[error("the report's signature is not two 384-bit numbers followed by zeros")]
    SignatureMalformed,
    /// Does not hold.
    #[error(
        "the report's signature does not hold under the VEK: a signed byte was changed, or another key signed it"
    )]
    SignatureInvalid,

    /// A VCEK's certificate has to name its chip.
    #[error("the VEK certificate's hardware id is missing, unreadable, or not as long as {}'s are", .product.name())]
    HardwareId { product: Product },
    /// A VLEK's must not.
    #[error("the certificate is of a VLEK and names a chip")]
    HardwareIdOfVlek,
    /// Another chip.
    #[error("the report is of another chip than the certificate")]
    ChipIdMismatch,
    /// The host hides which chip it is.
    #[error("the report's chip id is masked: nothing in it says which chip it is of")]
    ChipIdMasked,

    /// Not among the accepted.
    #[error("the chip is not one of those that are accepted")]
    ChipNotAllowed,
    /// Among those that are not.
    #[error("the chip is one of those that are not accepted")]
    ChipDenied,
    /// Neither report nor certificate says which chip it is.
    #[error("chips are listed, and neither report nor certificate says which chip it is")]
    ChipUnknown,

    /// A part of the certificate's TCB.
    #[error("the VEK certificate's {extension} is missing or unreadable")]
    CertificateTcb { extension: &'static str },
    /// Only Turin's have an FMC.
    #[error("the VEK certificate's TCB is not laid out as {}'s are", .product.name())]
    CertificateTcbLayout { product: Product },
    /// The certificate is of another TCB.
    #[error("the reported TCB's {part} is {report} and the VEK certificate is for {certificate}")]
    TcbNotOfCertificate {
        part: &'static str,
        report: u8,
        certificate: u8,
    },

    /// A version that should not be higher than another.
    #[error("the {lower} TCB's {part} is above the {higher} one's: firmware keeps them in order")]
    TcbOrder {
        lower: TcbName,
        higher: TcbName,
        part: &'static str,
    },
    /// The same of the firmware's own version.
    #[error("the committed firmware is newer than the running one: firmware keeps them in order")]
    FirmwareOrder,
    /// Bytes that mean nothing.
    #[error("the {which} TCB has bytes that {} reserves and that are not zero", .product.name())]
    TcbReserved { which: TcbName, product: Product },
    /// Too low.
    #[error("the {which} TCB's {part} is {found}; at least {minimum} is accepted")]
    TcbBelow {
        which: TcbName,
        part: &'static str,
        found: u8,
        minimum: u8,
    },
    /// Too old.
    #[error("the committed firmware is {found}; at least {minimum} is accepted")]
    FirmwareBelow {
        found: FirmwareVersion,
        minimum: FirmwareVersion,
    },

    /// Bit 19.
    #[error("the guest policy allows debugging (bit 19): the host can read and change the guest")]
    DebugAllowed,
    /// Bit 18.
    #[error(
        "the guest policy allows a migration agent (bit 18), which can move the guest's memory"
    )]
    MigrationAllowed,
    /// There is one.
    #[error("the report names a migration agent (REPORT_ID_MA), which can move the guest's memory")]
    MigrationAgent,
    /// Bit 16.
    #[error("the guest policy allows SMT (bit 16), by which another guest can share a core")]
    SmtAllowed,
    /// Bit 20.
    #[error("the guest policy does not keep the guest to one socket (bit 20)")]
    SingleSocketMissing,
    /// Bit 21.
    #[error(
        "the guest policy allows CXL (bit 21), by which devices outside of the processor may hold the guest's memory"
    )]
    CxlAllowed,
    /// Not asked for by the guest.
    #[error("{0}")]
    GuestPolicy(GuestPolicyDemand),
    /// Bits 15 to 0.
    #[error(
        "the guest policy asks for firmware ABI {found}; at least {minimum} has to be asked for"
    )]
    AbiBelow {
        found: AbiVersion,
        minimum: AbiVersion,
    },
    /// What the guest asked for is not there.
    #[error("the guest policy asks for firmware ABI {asked} and {running} is running")]
    AbiNotMet {
        asked: AbiVersion,
        running: AbiVersion,
    },
    /// Bit 17 and those from 26 on.
    #[error(
        "the guest policy {found:#x} has reserved bits set wrongly: bit 17 must be 1, bits 26 to 63 must be 0"
    )]
    GuestPolicyReserved { found: u64 },
    /// Too little privilege.
    #[error("the report is from VMPL {found}; at most {max} is accepted")]
    VmplTooHigh { found: u32, max: u8 },
    /// Asked for by nobody in the guest.
    #[error("the host asked for the report, and not the guest")]
    HostReport,
    /// Not set up as asked for.
    #[error("{0}")]
    Platform(PlatformDemand),

    /// Not among the accepted.
    #[error("the launch was authorised by no ID key that is accepted")]
    IdKey,
    /// There is none.
    #[error("no author key signed the ID key")]
    AuthorKeyMissing,
    /// Not among the accepted.
    #[error("the ID key was signed by no author key that is accepted")]
    AuthorKey,
    /// Not among the accepted.
    #[error("the guest's family is none that is accepted")]
    FamilyId,
    /// Not among the accepted.
    #[error("the guest's image is none that is accepted")]
    ImageId,
    /// Too low.
    #[error("the guest's SVN is {found}; at least {minimum} is accepted")]
    GuestSvnBelow { found: u32, minimum: u32 },
    /// Too low for its reference value.
    #[error("the guest's SVN is {found}; its reference value asks for {minimum}")]
    GuestSvnBelowReference { found: u32, minimum: u32 },
    /// Not among the accepted.
    #[error("the data that the host supplied at launch (HOST_DATA) is none that is accepted")]
    HostData,
    /// Not in place.
    #[error("of the mitigations asked for {when}, those of bits {missing:#x} are not in place")]
    Mitigation { when: &'static str, missing: u64 },
    /// Nobody knows.
    #[error(
        "mitigations are asked for, and reports of version {version} do not say which are in place"
    )]
    MitigationUnknown { version: u32 },

    /// Not what was expected.
    #[error("REPORT_DATA is not what is expected: the report was made for something else")]
    BindingMismatch,
    /// Not expected.
    #[error("launch digest {digest} is that of no reference value")]
    LaunchDigestUnknown { digest: String },
    /// Too early.
    #[error(
        "reference value {index} for this launch holds from {} and it is {}", rfc3339(*not_before), rfc3339(*now)
    )]
    ReferenceNotYetValid {
        index: usize,
        not_before: u64,
        now: u64,
    },
    /// Too late.
    #[error(
        "reference value {index} for this launch expired at {} and it is {}", rfc3339(*not_after), rfc3339(*now)
    )]
    ReferenceExpired {
        index: usize,
        not_after: u64,
        now: u64,
    },
}

impl Rejection for SnpRejection {
    type Check = SnpCheck;

    fn check(&self) -> SnpCheck {
        codes::check_and_code(self).0
    }

    fn code(&self) -> &'static str {
        codes::check_and_code(self).1
    }
}
