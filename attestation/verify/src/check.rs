//! The names of the checks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One question that a verdict answers. docs/simulated-verdict.md tells each one's source and its test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// May evidence of the claimed TEE be accepted here at all?
    TeeAllowed,
    /// Is the nonce this session's own, unused and in time?
    Nonce,
    /// Is there additional evidence that nobody here would check?
    AdditionalEvidence,
    /// Is the evidence a well-formed report of a known version?
    ReportFormat,
    /// Does REPORT_DATA bind this session's nonce and this key?
    Binding,
    /// Does the signing key's chain lead to the root that was given?
    CertificateChain,
    /// Are the certificates in their time?
    CertificateDates,
    /// Did the signing key sign the report?
    Signature,
    /// Is the guest closed to debugging by the host?
    Debug,
    /// Did the report come from a privilege level that the policy allows?
    Vmpl,
    /// Are the other bits of the guest policy as the appraisal policy wants them?
    PolicyBits,
    /// Is the launch digest that of a reference value?
    LaunchDigest,
    /// Is that reference value in its time?
    ReferenceValidity,
}

impl Check {
    /// Every check, in the order of a verdict.
    pub const ALL: [Self; 13] = [
        Self::TeeAllowed,
        Self::Nonce,
        Self::AdditionalEvidence,
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

    /// The name in verdicts and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TeeAllowed => "tee_allowed",
            Self::Nonce => "nonce",
            Self::AdditionalEvidence => "additional_evidence",
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
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// `ALL` lists each check once, in declaration order: the last one's position says how many there are.
const _: () = {
    let mut index = 0;
    while index < Check::ALL.len() {
        assert!(Check::ALL[index] as usize == index);
        index += 1;
    }
    assert!(Check::ReferenceValidity as usize + 1 == Check::ALL.len());
};
