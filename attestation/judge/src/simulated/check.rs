//! The questions that are asked of a simulated report.

use attestation_verdict::Check;

/// One question. docs/simulated-verdict.md tells each one's source and its test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimulatedCheck {
    /// Is the report well-formed, of a known version?
    ReportFormat,
    /// Does REPORT_DATA bind what it has to?
    Binding,
    /// Does the signing key's chain lead to the root that was given?
    CertificateChain,
    /// Are the certificates in their time?
    CertificateDates,
    /// Did the signing key sign the report?
    Signature,
    /// Is the guest closed to debugging by the host?
    Debug,
    /// Did the report come from a privilege level that the limits allow?
    Vmpl,
    /// Are the other bits of the guest policy as the limits want them?
    PolicyBits,
    /// Is the launch digest that of a reference value?
    LaunchDigest,
    /// Is that reference value in its time?
    ReferenceValidity,
}

impl Check for SimulatedCheck {
    const ALL: &'static [Self] = &[
        Self::ReportFormat,
        Self::Binding,
        Self::CertificateChain,
        Self::CertificateDates,
        Self::Signature,
        Self::Debug,
        Self::Vmpl,
        Self::PolicyBits,
        Self::LaunchDigest,
        Self::ReferenceValidity,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ReportFormat => "report_format",
            Self::Binding => "binding",
            Self::CertificateChain => "certificate_chain",
            Self::CertificateDates => "certificate_dates",
            Self::Signature => "signature",
            Self::Debug => "debug",
            Self::Vmpl => "vmpl",
            Self::PolicyBits => "policy_bits",
            Self::LaunchDigest => "launch_digest",
            Self::ReferenceValidity => "reference_validity",
        }
    }

    fn may_be_left_out(self) -> bool {
        // A relying party may look at evidence that it ties to nothing; the verdict says so.
        self == Self::Binding
    }
}
