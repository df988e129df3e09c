//! Why a TDX quote is refused.

use crate::{QuoteFault, TdAttribute, TdxCheck, instant};
use attestation_certificates::Older;
use attestation_verdict::Rejection;
use dcap_qvl::TcbStatus;
use thiserror::Error;

/// One reason to refuse. Its text repeats nothing that a host can write freely.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TdxRejection {
    /// The quote cannot be read.
    #[error("the quote: {0}")]
    Quote(QuoteFault),
    /// A document of the collateral cannot be read.
    #[error("{document}: {problem}")]
    Document {
        /// Which document.
        document: Piece,
        /// What is wrong.
        problem: &'static str,
    },
    /// A chain or a list cannot be read, or has the wrong number of certificates.
    #[error("{chain}: {problem}")]
    Unreadable {
        /// Which.
        chain: Piece,
        /// What is wrong.
        problem: &'static str,
    },
    /// The last certificate of a chain is not the trusted root.
    #[error("{chain} does not end in the trusted root")]
    RootNotTrusted {
        /// Which.
        chain: Piece,
    },
    /// A certificate of a chain is not as it has to be.
    #[error("{chain}: {problem}")]
    Chain {
        /// Which.
        chain: Piece,
        /// What is wrong.
        problem: String,
    },
    /// A certificate is used for something that it is not named for.
    #[error("{certificate} has another name than Intel's certificates for this")]
    CertificateName {
        /// Which.
        certificate: Piece,
    },
    /// The PCK revocation list's issuer is another certificate than the PCK certificate's.
    #[error("the PCK revocation list comes with another CA than the PCK certificate's")]
    PckCaDiffers,
    /// A piece is not yet valid.
    #[error("{piece} is not valid before {}", instant::text(*from))]
    NotYetValid {
        /// Which.
        piece: Piece,
        /// Its first second.
        from: u64,
    },
    /// A piece's time is over.
    #[error("{piece} expired: its last second was {}", instant::text(*until))]
    Expired {
        /// Which.
        piece: Piece,
        /// Its last second.
        until: u64,
    },
    /// A signed document or list does not have its signer's signature.
    #[error("{piece} does not have the signature of its signer")]
    CollateralSignature {
        /// Which.
        piece: Piece,
    },
    /// A revocation list is not as it has to be, or another CA's.
    #[error("{list}: {problem}")]
    RevocationList {
        /// Which.
        list: Piece,
        /// What is wrong.
        problem: String,
    },
    /// A certificate is revoked.
    #[error("{certificate} is revoked")]
    Revoked {
        /// Which.
        certificate: Piece,
    },
    /// A piece of collateral is older than one that was seen.
    #[error("{piece} is {older}")]
    Older {
        /// Which.
        piece: Piece,
        /// How old both are.
        older: Older,
    },
    /// The evaluation is older than the relying party's minimum.
    #[error("{piece}: tcbEvaluationDataNumber {found}, where at least {least} is needed")]
    EvaluationNumber {
        /// Which.
        piece: Piece,
        /// What it has.
        found: u32,
        /// What is needed.
        least: u32,
    },
    /// TCB info and QE identity are of two evaluations.
    #[error("TCB info of evaluation {tcb_info} with a QE identity of evaluation {qe_identity}")]
    EvaluationsDiffer {
        /// The TCB info's.
        tcb_info: u32,
        /// The QE identity's.
        qe_identity: u32,
    },
    /// Neither quote nor collateral have a PCK certificate.
    #[error("neither the quote nor the collateral brings a PCK certificate")]
    NoPck,
    /// The quote's own PCK chain is another than the collateral's.
    #[error("the quote's own PCK chain is not the collateral's")]
    PckChainDiffers,
    /// The TCB info is about another model of platform.
    #[error("the TCB info is for FMSPC {tcb_info}, the PCK certificate for {pck}")]
    Fmspc {
        /// The TCB info's.
        tcb_info: String,
        /// The PCK certificate's.
        pck: String,
    },
    /// The TCB info is about another provisioning enclave.
    #[error("the TCB info is for PCEID {tcb_info}, the PCK certificate for {pck}")]
    PceId {
        /// The TCB info's.
        tcb_info: String,
        /// The PCK certificate's.
        pck: String,
    },
    /// The PCK certificate contradicts itself.
    #[error("the PCK certificate's CPUSVN is not that of its SGX TCB components")]
    PckSvns,
    /// The PCK key did not sign the quoting enclave's report.
    #[error("the PCK key did not sign the quoting enclave's report")]
    QeReportSignature,
    /// The quoting enclave's report binds another attestation key.
    #[error("the quoting enclave's report does not bind the attestation key")]
    AttestationKey,
    /// The attestation key did not sign the quote.
    #[error("the attestation key did not sign the quote")]
    QuoteSignature,
    /// A second implementation of the verification, dcap-qvl, refuses what ours accepts.
    #[error("dcap-qvl, asked for a second opinion, refuses the quote or its collateral")]
    SecondOpinion,
    /// Another vendor's quoting enclave.
    #[error("the quoting enclave's vendor is not Intel")]
    QeVendor,
    /// A field of the quoting enclave's report is not that of the QE identity.
    #[error("the quoting enclave's {0} is not that of the QE identity")]
    QeIdentity(&'static str),
    /// A quoting enclave that can be debugged.
    #[error("the quoting enclave is open to debuggers")]
    QeDebug,
    /// A quoting enclave older than any that is known.
    #[error("the quoting enclave's ISVSVN {0} is below every level of the QE identity")]
    QeNoLevel(u16),
    /// A platform older than any that is known.
    #[error("the platform is below every level of the TCB info")]
    TcbNoLevel,
    /// A module older than any that is known.
    #[error("the TDX module's security version {0} is below every level of its identity")]
    ModuleNoLevel(u8),
    /// The state is not an accepted one.
    #[error("the platform's TCB is {0}")]
    TcbStatus(TcbStatus),
    /// The keys of this TCB level are no longer trusted; no policy accepts that.
    #[error("the platform's TCB is revoked")]
    TcbRevoked,
    /// Out of date, and for longer than the relying party accepts.
    #[error("the platform's TCB is {status}, of {date}: the {days} days of grace are over")]
    GraceOver {
        /// The state.
        status: TcbStatus,
        /// The level's date.
        date: String,
        /// The days of grace.
        days: u32,
    },
    /// No identity for the module's version.
    #[error("the TCB info knows no TDX module of version {0}")]
    ModuleUnknown(u8),
    /// Another signer of the TDX module.
    #[error("MRSIGNERSEAM is not the signer of the TDX module")]
    ModuleSigner,
    /// Another mode of the TDX module.
    #[error("SEAMATTRIBUTES are not those of the TDX module")]
    ModuleAttributes,
    /// An advisory applies that the relying party does not accept.
    #[error("advisory {0} applies")]
    Advisory(String),
    /// Another model of platform than the relying party accepts.
    #[error("FMSPC {0} is not an accepted one")]
    FmspcNotAccepted(String),
    /// The platform has a property that the relying party does not accept.
    #[error("the platform {0}")]
    Platform(&'static str),
    /// The TD is open to its host.
    #[error("the TD is in debug mode: its host can read and write its memory")]
    Debug,
    /// The TD can be profiled by its host.
    #[error("the TD can be profiled by its host (TD_ATTRIBUTES {0:#04x})")]
    Profiling(u64),
    /// An attribute that the relying party does not allow.
    #[error("the TD has the attribute {}, which is not allowed", .0.name())]
    AttributeNotAllowed(TdAttribute),
    /// An attribute that the relying party requires.
    #[error("the TD does not have the attribute {}, which is required", .0.name())]
    AttributeMissing(TdAttribute),
    /// A bit that no TD has.
    #[error("reserved bits are set in TD_ATTRIBUTES: {0:#x}")]
    AttributesReserved(u64),
    /// Features that every TD has.
    #[error("XFAM lacks x87 or SSE, which every TD has")]
    XfamMissing,
    /// Bits that no TD can have.
    #[error("reserved bits are set in XFAM: {0:#x}")]
    XfamReserved(u64),
    /// Features that the relying party does not allow.
    #[error("XFAM has features that are not allowed: {0:#x}")]
    XfamNotAllowed(u64),
    /// Service TDs that the relying party does not know.
    #[error("{0} names service TDs that are not accepted")]
    ServiceTd(&'static str),
    /// A TD that service TDs may move, and a body that does not name them.
    #[error(
        "service TDs may move or change the TD, and a body of TDX 1.0 does not say which there are"
    )]
    ServiceTdUnknown,
    /// The body says less than the relying party demands.
    #[error("a body of TDX 1.0, where one of TDX 1.5 is demanded")]
    Body10,
    /// A register or a field is not among the accepted values.
    #[error("{field} is {found}, which is not an accepted value")]
    NotAccepted {
        /// Which.
        field: Field,
        /// What it is.
        found: String,
    },
    /// The event log cannot be read.
    #[error("the event log cannot be read, at offset {0:#x}")]
    EventLogUnreadable(usize),
    /// The event log is of another kind.
    #[error("the event log {0}")]
    EventLogKind(&'static str),
    /// The event log is ambiguous.
    #[error("the event log is ambiguous, at offset {offset:#x} (and in {more} more places)")]
    EventLogAmbiguous {
        /// Where first.
        offset: usize,
        /// In how many more places.
        more: usize,
    },
    /// The event log does not replay to a register.
    #[error("the event log does not replay to RTMR{0}")]
    EventLogReplay(u8),
    /// REPORTDATA binds something else.
    #[error("REPORTDATA is not what was expected: the quote was made for something else")]
    Binding,
}

/// A piece of what is judged beside the quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// The trusted root's certificate.
    Root,
    /// The PCK certificate's CA.
    PckCa,
    /// The PCK certificate.
    Pck,
    /// The chain of the PCK certificate.
    PckChain,
    /// The chain of the PCK revocation list's issuer.
    PckCrlChain,
    /// The TCB info's signer.
    TcbSigner,
    /// The chain of the TCB info's signer.
    TcbSignerChain,
    /// The QE identity's signer.
    QeSigner,
    /// The chain of the QE identity's signer.
    QeSignerChain,
    /// The root's revocation list.
    RootCrl,
    /// The PCK CA's revocation list.
    PckCrl,
    /// The TCB info.
    TcbInfo,
    /// The QE identity.
    QeIdentity,
}

impl std::fmt::Display for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Root => "the root certificate",
            Self::PckCa => "the PCK CA's certificate",
            Self::Pck => "the PCK certificate",
            Self::PckChain => "the chain of the PCK certificate",
            Self::PckCrlChain => "the chain of the PCK revocation list",
            Self::TcbSigner => "the certificate of the TCB info's signer",
            Self::TcbSignerChain => "the chain of the TCB info's signer",
            Self::QeSigner => "the certificate of the QE identity's signer",
            Self::QeSignerChain => "the chain of the QE identity's signer",
            Self::RootCrl => "the root's revocation list",
            Self::PckCrl => "the PCK revocation list",
            Self::TcbInfo => "the TCB info",
            Self::QeIdentity => "the QE identity",
        })
    }
}

/// A field of the TD report that is compared with accepted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// What the TD was built from.
    MrTd,
    /// A runtime register, 0 to 3.
    Rtmr(u8),
    /// The host's configuration.
    MrConfigId,
    /// The owner.
    MrOwner,
    /// The owner's configuration.
    MrOwnerConfig,
}

impl Field {
    const fn check(self) -> TdxCheck {
        match self {
            Self::MrTd => TdxCheck::LaunchDigest,
            Self::Rtmr(0) => TdxCheck::Rtmr0,
            Self::Rtmr(1) => TdxCheck::Rtmr1,
            Self::Rtmr(2) => TdxCheck::Rtmr2,
            Self::Rtmr(_) => TdxCheck::Rtmr3,
            Self::MrConfigId => TdxCheck::MrConfigId,
            Self::MrOwner => TdxCheck::MrOwner,
            Self::MrOwnerConfig => TdxCheck::MrOwnerConfig,
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MrTd => f.write_str("MRTD"),
            Self::Rtmr(number) => write!(f, "RTMR{number}"),
            Self::MrConfigId => f.write_str("MRCONFIGID"),
            Self::MrOwner => f.write_str("MROWNER"),
            Self::MrOwnerConfig => f.write_str("MROWNERCONFIG"),
        }
    }
}

impl Rejection for TdxRejection {
    type Check = TdxCheck;

    fn check(&self) -> TdxCheck {
        match self {
            Self::Quote(_) => TdxCheck::QuoteFormat,
            Self::Document { .. } => TdxCheck::CollateralFormat,
            Self::Unreadable { .. }
            | Self::RootNotTrusted { .. }
            | Self::Chain { .. }
            | Self::CertificateName { .. }
            | Self::PckCaDiffers
            | Self::NoPck => TdxCheck::Chain,
            Self::NotYetValid { .. } | Self::Expired { .. } => TdxCheck::Dates,
            Self::CollateralSignature { .. } => TdxCheck::CollateralSignatures,
            Self::RevocationList { .. } | Self::Revoked { .. } => TdxCheck::Revocation,
            Self::Older { .. } | Self::EvaluationNumber { .. } | Self::EvaluationsDiffer { .. } => {
                TdxCheck::Freshness
            }
            Self::PckChainDiffers | Self::Fmspc { .. } | Self::PceId { .. } | Self::PckSvns => {
                TdxCheck::PckMatch
            }
            Self::QeReportSignature | Self::AttestationKey | Self::QuoteSignature => {
                TdxCheck::Signature
            }
            Self::SecondOpinion => TdxCheck::SecondOpinion,
            Self::QeVendor | Self::QeIdentity(_) | Self::QeDebug | Self::QeNoLevel(_) => {
                TdxCheck::QeIdentity
            }
            Self::TcbNoLevel
            | Self::ModuleNoLevel(_)
            | Self::TcbStatus(_)
            | Self::TcbRevoked
            | Self::GraceOver { .. } => TdxCheck::TcbStatus,
            Self::ModuleUnknown(_) | Self::ModuleSigner | Self::ModuleAttributes => {
                TdxCheck::ModuleIdentity
            }
            Self::Advisory(_) => TdxCheck::Advisories,
            Self::FmspcNotAccepted(_) | Self::Platform(_) => TdxCheck::Platform,
            Self::Debug | Self::Profiling(_) => TdxCheck::Debug,
            Self::AttributeNotAllowed(_)
            | Self::AttributeMissing(_)
            | Self::AttributesReserved(_) => TdxCheck::TdAttributes,
            Self::XfamMissing | Self::XfamReserved(_) | Self::XfamNotAllowed(_) => TdxCheck::Xfam,
            Self::ServiceTd(_) | Self::ServiceTdUnknown | Self::Body10 => TdxCheck::ServiceTd,
            Self::NotAccepted { field, .. } => field.check(),
            Self::EventLogUnreadable(_)
            | Self::EventLogKind(_)
            | Self::EventLogAmbiguous { .. }
            | Self::EventLogReplay(_) => TdxCheck::EventLog,
            Self::Binding => TdxCheck::Binding,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Quote(QuoteFault::Sgx { .. }) => "quote_of_an_sgx_enclave",
            Self::Quote(QuoteFault::NotPadding(_)) => "quote_trailing_bytes",
            Self::Quote(_) => "quote_malformed",
            Self::Document { .. } => "collateral_malformed",
            Self::Unreadable { .. } => "chain_unreadable",
            Self::RootNotTrusted { .. } => "root_not_trusted",
            Self::Chain { .. } => "chain_invalid",
            Self::CertificateName { .. } => "certificate_name",
            Self::PckCaDiffers => "pck_ca_differs",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Expired { .. } => "expired",
            Self::CollateralSignature { .. } => "collateral_signature_invalid",
            Self::RevocationList { .. } => "revocation_list_invalid",
            Self::Revoked { .. } => "certificate_revoked",
            Self::Older { .. } => "older_than_seen",
            Self::EvaluationNumber { .. } => "evaluation_number_too_low",
            Self::EvaluationsDiffer { .. } => "evaluation_numbers_differ",
            Self::NoPck => "pck_missing",
            Self::PckChainDiffers => "pck_chain_differs",
            Self::Fmspc { .. } => "fmspc_differs",
            Self::PceId { .. } => "pceid_differs",
            Self::PckSvns => "pck_svns_differ",
            Self::QeReportSignature => "qe_report_signature_invalid",
            Self::AttestationKey => "attestation_key_not_bound",
            Self::QuoteSignature => "quote_signature_invalid",
            Self::SecondOpinion => "second_opinion",
            Self::QeVendor => "qe_vendor",
            Self::QeIdentity(_) => "qe_identity_differs",
            Self::QeDebug => "qe_debug",
            Self::QeNoLevel(_) => "qe_below_every_level",
            Self::TcbNoLevel => "tcb_below_every_level",
            Self::ModuleNoLevel(_) => "module_below_every_level",
            Self::TcbStatus(_) => "tcb_status",
            Self::TcbRevoked => "tcb_revoked",
            Self::GraceOver { .. } => "grace_over",
            Self::ModuleUnknown(_) => "module_unknown",
            Self::ModuleSigner => "module_signer",
            Self::ModuleAttributes => "module_attributes",
            Self::Advisory(_) => "advisory",
            Self::FmspcNotAccepted(_) => "fmspc_not_accepted",
            Self::Platform(_) => "platform_not_accepted",
            Self::Debug => "debug_mode",
            Self::Profiling(_) => "profiling",
            Self::AttributeNotAllowed(_) => "attribute_not_allowed",
            Self::AttributeMissing(_) => "attribute_missing",
            Self::AttributesReserved(_) => "attributes_reserved",
            Self::XfamMissing => "xfam_missing",
            Self::XfamReserved(_) => "xfam_reserved",
            Self::XfamNotAllowed(_) => "xfam_not_allowed",
            Self::ServiceTd(_) => "service_td_not_accepted",
            Self::ServiceTdUnknown => "service_td_unknown",
            Self::Body10 => "body_1_5_required",
            Self::NotAccepted { .. } => "value_not_accepted",
            Self::EventLogUnreadable(_) => "event_log_unreadable",
            Self::EventLogKind(_) => "event_log_kind",
            Self::EventLogAmbiguous { .. } => "event_log_ambiguous",
            Self::EventLogReplay(_) => "event_log_replay",
            Self::Binding => "binding_mismatch",
        }
    }
}
