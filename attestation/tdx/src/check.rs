//! The questions that a verdict over a TDX quote answers.

use attestation_verdict::Check;

/// One check of a TDX quote and its collateral. docs/verdict.md has a sentence and a source for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TdxCheck {
    /// Is it a well-formed TDX quote, with nothing after it but zeros?
    QuoteFormat,
    /// Are TCB info and QE identity well-formed, and of the kinds that judge a TDX quote?
    CollateralFormat,
    /// Do the PCK certificate and the collateral's signers lead to the trusted root?
    Chain,
    /// Is every certificate, revocation list and signed document in its time?
    Dates,
    /// Did the right keys sign the TCB info, the QE identity and the revocation lists?
    CollateralSignatures,
    /// Is no certificate revoked?
    Revocation,
    /// Is no piece of collateral older than the newest seen, or than the relying party's minimum?
    Freshness,
    /// Do quote, PCK certificate and TCB info speak of the same platform?
    PckMatch,
    /// Did the platform's key sign the quoting enclave's report, that the attestation key, and that the quote?
    Signature,
    /// Is the quoting enclave Intel's?
    QeIdentity,
    /// Is the platform's security version good enough?
    TcbStatus,
    /// Is the TDX module Intel's?
    ModuleIdentity,
    /// Does the relying party accept the advisories that apply?
    Advisories,
    /// Does the relying party accept this kind of platform?
    Platform,
    /// Is the TD closed to debuggers and profilers?
    Debug,
    /// Are the TD's other attributes as they have to be?
    TdAttributes,
    /// Does the TD use only CPU features that it may use?
    Xfam,
    /// Are the service TDs accepted that may change this one?
    ServiceTd,
    /// Is MRTD, the launch's digest, an accepted one?
    LaunchDigest,
    /// Is RTMR0 an accepted one?
    Rtmr0,
    /// Is RTMR1 an accepted one?
    Rtmr1,
    /// Is RTMR2 an accepted one?
    Rtmr2,
    /// Is RTMR3 an accepted one?
    Rtmr3,
    /// Does the event log replay to the RTMRs?
    EventLog,
    /// Is MRCONFIGID an accepted one?
    MrConfigId,
    /// Is MROWNER an accepted one?
    MrOwner,
    /// Is MROWNERCONFIG an accepted one?
    MrOwnerConfig,
    /// Does REPORTDATA bind what the relying party expects?
    Binding,
    /// Does dcap-qvl, from scratch, verify quote and collateral too?
    SecondOpinion,
}

impl Check for TdxCheck {
    const ALL: &'static [Self] = &[
        Self::QuoteFormat,
        Self::CollateralFormat,
        Self::Chain,
        Self::Dates,
        Self::CollateralSignatures,
        Self::Revocation,
        Self::Freshness,
        Self::PckMatch,
        Self::Signature,
        Self::QeIdentity,
        Self::TcbStatus,
        Self::ModuleIdentity,
        Self::Advisories,
        Self::Platform,
        Self::Debug,
        Self::TdAttributes,
        Self::Xfam,
        Self::ServiceTd,
        Self::LaunchDigest,
        Self::Rtmr0,
        Self::Rtmr1,
        Self::Rtmr2,
        Self::Rtmr3,
        Self::EventLog,
        Self::MrConfigId,
        Self::MrOwner,
        Self::MrOwnerConfig,
        Self::Binding,
        Self::SecondOpinion,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::QuoteFormat => "quote_format",
            Self::CollateralFormat => "collateral_format",
            Self::Chain => "chain",
            Self::Dates => "dates",
            Self::CollateralSignatures => "collateral_signatures",
            Self::Revocation => "revocation",
            Self::Freshness => "freshness",
            Self::PckMatch => "pck_match",
            Self::Signature => "signature",
            Self::QeIdentity => "qe_identity",
            Self::TcbStatus => "tcb_status",
            Self::ModuleIdentity => "module_identity",
            Self::Advisories => "advisories",
            Self::Platform => "platform",
            Self::Debug => "debug",
            Self::TdAttributes => "td_attributes",
            Self::Xfam => "xfam",
            Self::ServiceTd => "service_td",
            Self::LaunchDigest => "launch_digest",
            Self::Rtmr0 => "rtmr0",
            Self::Rtmr1 => "rtmr1",
            Self::Rtmr2 => "rtmr2",
            Self::Rtmr3 => "rtmr3",
            Self::EventLog => "event_log",
            Self::MrConfigId => "mr_config_id",
            Self::MrOwner => "mr_owner",
            Self::MrOwnerConfig => "mr_owner_config",
            Self::Binding => "binding",
            Self::SecondOpinion => "second_opinion",
        }
    }

    fn may_be_left_out(self) -> bool {
        matches!(
            self,
            Self::LaunchDigest
                | Self::Rtmr0
                | Self::Rtmr1
                | Self::Rtmr2
                | Self::Rtmr3
                | Self::EventLog
                | Self::MrConfigId
                | Self::MrOwner
                | Self::MrOwnerConfig
                | Self::Binding
                | Self::SecondOpinion
        )
    }
}
