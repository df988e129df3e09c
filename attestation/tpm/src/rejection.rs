//! Why a quote is refused: a closed list.

use crate::{Bank, HclError, KeyError, QuoteError, RuntimeDataError, SignatureError, TpmCheck};
use attestation_certificates::ChainProblem;
use attestation_verdict::Rejection;
use measured_boot_event_log::{Algorithm, Finding, LogError};

/// One reason to refuse. Its text repeats nothing that a host could write freely.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TpmRejection {
    /// Not an HCL report.
    #[error("the HCL report cannot be read: {0}")]
    HclUnreadable(HclError),
    /// A TEE is to bind the key, and what says how is missing.
    #[error("there is no HCL report, and without it a TEE's report binds no attestation key")]
    HclMissing,
    /// Nothing binds it.
    #[error("an HCL report came along, and no TEE's report was judged that could bind it")]
    HclUnbound,

    /// Of another TEE.
    #[error("the HCL report holds a report of {found}, and the judged one is of {judged}")]
    TeeOther {
        /// In the HCL report.
        found: &'static str,
        /// What was judged.
        judged: &'static str,
    },
    /// Another report.
    #[error("the SNP report in the HCL report is not the one that was judged")]
    SnpReportOther,
    /// Asked for by the guest itself.
    #[error(
        "the SNP report was made for VMPL {0}: only the paravisor's, at VMPL 0, binds the vTPM's key"
    )]
    Vmpl(u32),
    /// The judged quote has another body than any.
    #[error("the TD quote's body has {0} bytes; 584, 648 and 885 are known")]
    TdBodyLength(usize),
    /// A TDREPORT that no TD made.
    #[error(
        "the TD report in the HCL report is not of a TD, or its digests are not those of its parts"
    )]
    TdReportInconsistent,
    /// Another TD, or another time.
    #[error("{0} of the TD report in the HCL report is not that of the judged quote")]
    TdReportOther(&'static str),

    /// Changed, or another machine's.
    #[error(
        "REPORT_DATA is not the {hash} digest of the runtime data followed by zeros: the report does not bind it"
    )]
    RuntimeDataUnbound {
        /// The algorithm that the HCL report names.
        hash: Algorithm,
    },
    /// Bound, and not understood.
    #[error("the runtime data cannot be read: {0}")]
    RuntimeDataUnreadable(RuntimeDataError),

    /// The limits need it.
    #[error("the runtime data does not say that Secure Boot is enforced")]
    SecureBootOff,
    /// The limits forbid it.
    #[error("the runtime data does not say that there is no serial console")]
    Console,
    /// Nothing says how the machine is configured.
    #[error("a limit is on the machine's configuration, and no TEE's report binds one")]
    ConfigurationMissing,

    /// The limits need a TEE.
    #[error(
        "no TEE's report binds the attestation key, and the limits do not accept one that is named or certified alone"
    )]
    AkNotBound,
    /// Not certified by somebody who is trusted.
    #[error("the attestation key's certificates: {0}")]
    AkChain(ChainProblem),
    /// For something else.
    #[error("the attestation key's certificate does not say that the key makes signatures")]
    AkUsage,
    /// No certificate, or one of another kind of key.
    #[error("there is no certificate of a key that can sign quotes")]
    AkCertificate,
    /// Too small.
    #[error("the attestation key has {found} bits and the limits need {needed}")]
    AkBits {
        /// Its modulus's.
        found: u32,
        /// The limits'.
        needed: u32,
    },
    /// The sender's own is another.
    #[error("the attestation key that came along is not the one that is believed")]
    AkSentOther,
    /// The sender's own is none.
    #[error("the attestation key that came along cannot be read: {0}")]
    AkSentUnreadable(KeyError),

    /// Not a quote.
    #[error("the quote cannot be read: {0}")]
    QuoteUnreadable(QuoteError),
    /// Not a signature.
    #[error("the signature cannot be read: {0}")]
    SignatureUnreadable(SignatureError),
    /// Of another key or over another message.
    #[error("the attestation key did not sign this quote")]
    SignatureInvalid,

    /// A replay, or for somebody else.
    #[error("the quote does not bind the expected nonce: it was made for another request")]
    NonceOther,
    /// The TPM may repeat itself.
    #[error("clockInfo.safe is not set: the TPM's clock may have gone back")]
    ClockUnsafe,

    /// Nothing is quoted.
    #[error("the quote covers no PCR of a bank that the limits accept")]
    SelectionEmpty,
    /// The limits need it.
    #[error("the quote does not cover PCR {0}, which the limits need, in a bank that they accept")]
    SelectionMissing(u8),

    /// Nobody knows what the quote says.
    #[error("the quote covers PCR {index} of {algorithm}, and its value did not come along")]
    PcrMissing {
        /// The bank.
        algorithm: Algorithm,
        /// The PCR.
        index: u8,
    },
    /// Made up.
    #[error("the PCR values that came along are not the quoted ones")]
    PcrDigestOther,

    /// Not as expected.
    #[error("PCR {index} of {bank} has none of the values that {source_name} allows")]
    PcrOther {
        /// The bank.
        bank: Bank,
        /// The PCR.
        index: u8,
        /// Who expects: the limits or the reference.
        source_name: &'static str,
    },
    /// Expected and not quoted.
    #[error("PCR {index} of {bank} has a value in {source_name}, and the quote does not cover it")]
    PcrNotQuoted {
        /// The bank.
        bank: Bank,
        /// The PCR.
        index: u8,
        /// Who expects: the limits or the reference.
        source_name: &'static str,
    },

    /// The limits need it.
    #[error("there is no event log, and the limits need one")]
    LogMissing,
    /// Not a log.
    #[error("the event log cannot be read: {0}")]
    LogUnreadable(LogError),
    /// A CC log instead of a TPM's.
    #[error("the event log is of RTMRs, not of PCRs")]
    LogOfRtmrs,
    /// Ambiguous.
    #[error("the event log is ambiguous: {0}")]
    LogAmbiguous(Finding),
    /// Says nothing of what is quoted: whoever sent it may have left it out.
    #[error(
        "the event log does not have a digest of {0} for each event, and the quote covers PCRs of that bank, which the limits accept"
    )]
    LogBank(Bank),
    /// Not this boot's.
    #[error("the event log makes another value of PCR {index} of {bank} than the quoted one")]
    LogOther {
        /// The bank.
        bank: Bank,
        /// The PCR.
        index: u8,
    },
    /// More happened than it says.
    #[error("PCR {index} of {bank} was extended and the event log has no event for it")]
    LogSilent {
        /// The bank.
        bank: Bank,
        /// The PCR.
        index: u8,
    },
}

impl Rejection for TpmRejection {
    type Check = TpmCheck;

    fn check(&self) -> TpmCheck {
        use TpmCheck as C;
        match self {
            Self::HclUnreadable(_) | Self::HclMissing | Self::HclUnbound => C::HclFormat,
            Self::TeeOther { .. }
            | Self::SnpReportOther
            | Self::Vmpl(_)
            | Self::TdBodyLength(_)
            | Self::TdReportInconsistent
            | Self::TdReportOther(_) => C::TeeReport,
            Self::RuntimeDataUnbound { .. } | Self::RuntimeDataUnreadable(_) => C::RuntimeData,
            Self::SecureBootOff | Self::Console | Self::ConfigurationMissing => C::VmConfiguration,
            Self::AkNotBound
            | Self::AkChain(_)
            | Self::AkUsage
            | Self::AkCertificate
            | Self::AkBits { .. }
            | Self::AkSentOther
            | Self::AkSentUnreadable(_) => C::Ak,
            Self::QuoteUnreadable(_) => C::QuoteFormat,
            Self::SignatureUnreadable(_) | Self::SignatureInvalid => C::Signature,
            Self::NonceOther => C::Nonce,
            Self::ClockUnsafe => C::Clock,
            Self::SelectionEmpty | Self::SelectionMissing(_) => C::PcrSelection,
            Self::PcrMissing { .. } | Self::PcrDigestOther => C::PcrDigest,
            Self::PcrOther { .. } | Self::PcrNotQuoted { .. } => C::Pcrs,
            Self::LogMissing
            | Self::LogUnreadable(_)
            | Self::LogOfRtmrs
            | Self::LogAmbiguous(_)
            | Self::LogBank(_)
            | Self::LogOther { .. }
            | Self::LogSilent { .. } => C::EventLog,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::HclUnreadable(_) => "hcl_unreadable",
            Self::HclMissing => "hcl_missing",
            Self::HclUnbound => "hcl_unbound",
            Self::TeeOther { .. } => "tee_other",
            Self::SnpReportOther => "snp_report_other",
            Self::Vmpl(_) => "vmpl",
            Self::TdBodyLength(_) => "td_body_length",
            Self::TdReportInconsistent => "td_report_inconsistent",
            Self::TdReportOther(_) => "td_report_other",
            Self::RuntimeDataUnbound { .. } => "runtime_data_unbound",
            Self::RuntimeDataUnreadable(_) => "runtime_data_unreadable",
            Self::SecureBootOff => "secure_boot_off",
            Self::Console => "console",
            Self::ConfigurationMissing => "configuration_missing",
            Self::AkNotBound => "ak_not_bound",
            Self::AkChain(_) => "ak_chain",
            Self::AkUsage => "ak_usage",
            Self::AkCertificate => "ak_certificate",
            Self::AkBits { .. } => "ak_bits",
            Self::AkSentOther => "ak_sent_other",
            Self::AkSentUnreadable(_) => "ak_sent_unreadable",
            Self::QuoteUnreadable(_) => "quote_unreadable",
            Self::SignatureUnreadable(_) => "signature_unreadable",
            Self::SignatureInvalid => "signature_invalid",
            Self::NonceOther => "nonce_other",
            Self::ClockUnsafe => "clock_unsafe",
            Self::SelectionEmpty => "selection_empty",
            Self::SelectionMissing(_) => "selection_missing",
            Self::PcrMissing { .. } => "pcr_missing",
            Self::PcrDigestOther => "pcr_digest_other",
            Self::PcrOther { .. } => "pcr_other",
            Self::PcrNotQuoted { .. } => "pcr_not_quoted",
            Self::LogMissing => "log_missing",
            Self::LogUnreadable(_) => "log_unreadable",
            Self::LogOfRtmrs => "log_of_rtmrs",
            Self::LogAmbiguous(_) => "log_ambiguous",
            Self::LogBank(_) => "log_bank",
            Self::LogOther { .. } => "log_other",
            Self::LogSilent { .. } => "log_silent",
        }
    }
}
