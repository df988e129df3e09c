//! The questions that a verdict about a TPM's quote answers.

use attestation_verdict::Check;

/// One question. docs/verdict.md has a sentence on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TpmCheck {
    /// Is the HCL report well formed?
    HclFormat,
    /// Is the TEE's report in the HCL report the one that was judged?
    TeeReport,
    /// Does the TEE's report bind the runtime data, and is that well formed?
    RuntimeData,
    /// Does the machine's configuration in the runtime data suffice?
    VmConfiguration,
    /// Is there one attestation key, fit to sign, and why is it believed?
    Ak,
    /// Is the quote well formed?
    QuoteFormat,
    /// Did the attestation key sign the quote?
    Signature,
    /// Does the quote bind what is expected?
    Nonce,
    /// Can the TPM's clock be relied upon?
    Clock,
    /// Does the quote cover the PCRs that are needed?
    PcrSelection,
    /// Are the PCR values the quoted ones?
    PcrDigest,
    /// Are the PCR values the expected ones?
    Pcrs,
    /// Does the event log explain the quoted PCRs?
    EventLog,
}

impl Check for TpmCheck {
    const ALL: &'static [Self] = &[
        Self::HclFormat,
        Self::TeeReport,
        Self::RuntimeData,
        Self::VmConfiguration,
        Self::Ak,
        Self::QuoteFormat,
        Self::Signature,
        Self::Nonce,
        Self::Clock,
        Self::PcrSelection,
        Self::PcrDigest,
        Self::Pcrs,
        Self::EventLog,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::HclFormat => "tpm_hcl_format",
            Self::TeeReport => "tpm_tee_report",
            Self::RuntimeData => "tpm_runtime_data",
            Self::VmConfiguration => "tpm_vm_configuration",
            Self::Ak => "tpm_ak",
            Self::QuoteFormat => "tpm_quote_format",
            Self::Signature => "tpm_signature",
            Self::Nonce => "tpm_nonce",
            Self::Clock => "tpm_clock",
            Self::PcrSelection => "tpm_pcr_selection",
            Self::PcrDigest => "tpm_pcr_digest",
            Self::Pcrs => "tpm_pcrs",
            Self::EventLog => "tpm_event_log",
        }
    }

    /// What a TEE binds is not asked of a key that the relying party named; PCRs and logs only where it gave something
    /// to compare with.
    fn may_be_left_out(self) -> bool {
        matches!(
            self,
            Self::HclFormat
                | Self::TeeReport
                | Self::RuntimeData
                | Self::VmConfiguration
                | Self::Nonce
                | Self::Clock
                | Self::Pcrs
                | Self::EventLog
        )
    }
}
