//! The forms that are known.

use std::fmt;

/// What a document turned out to be. The list is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// The 1,184 bytes of an SNP report.
    SnpReport,
    /// An SNP report with the certificate table of an extended request behind it.
    SnpExtendedReport,
    /// The JSON of guest-components' `snp` attester: the sev crate's report as a structure.
    SnpAttester,
    /// A TDX quote.
    TdxQuote,
    /// The JSON of guest-components' `tdx` attester.
    TdxAttester,
    /// The JSON of dstack's `GetQuote`.
    Dstack,
    /// An HCL report, as Azure's vTPM keeps it, with an SNP report in it.
    HclReportSnp,
    /// An HCL report with a TD report in it.
    HclReportTdx,
    /// The JSON of guest-components' `az-snp-vtpm` attester without a version.
    AzSnpVtpm0,
    /// The same, version 1.
    AzSnpVtpm1,
    /// The same, version 2.
    AzSnpVtpm2,
    /// The JSON of guest-components' `az-tdx-vtpm` attester without a version.
    AzTdxVtpm0,
    /// The same, version 1.
    AzTdxVtpm1,
    /// The same, version 2.
    AzTdxVtpm2,
    /// The JSON of guest-components' `tpm` attester.
    TpmAttester,
}

impl Shape {
    /// Every form, in the order of docs/evidence-shapes.md.
    pub const ALL: &'static [Self] = &[
        Self::SnpReport,
        Self::SnpExtendedReport,
        Self::SnpAttester,
        Self::TdxQuote,
        Self::TdxAttester,
        Self::Dstack,
        Self::HclReportSnp,
        Self::HclReportTdx,
        Self::AzSnpVtpm0,
        Self::AzSnpVtpm1,
        Self::AzSnpVtpm2,
        Self::AzTdxVtpm0,
        Self::AzTdxVtpm1,
        Self::AzTdxVtpm2,
        Self::TpmAttester,
    ];

    /// The name in verdicts and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SnpReport => "snp-report",
            Self::SnpExtendedReport => "snp-extended-report",
            Self::SnpAttester => "snp-attester",
            Self::TdxQuote => "tdx-quote",
            Self::TdxAttester => "tdx-attester",
            Self::Dstack => "dstack",
            Self::HclReportSnp => "hcl-report-snp",
            Self::HclReportTdx => "hcl-report-tdx",
            Self::AzSnpVtpm0 => "az-snp-vtpm-v0",
            Self::AzSnpVtpm1 => "az-snp-vtpm-v1",
            Self::AzSnpVtpm2 => "az-snp-vtpm-v2",
            Self::AzTdxVtpm0 => "az-tdx-vtpm-v0",
            Self::AzTdxVtpm1 => "az-tdx-vtpm-v1",
            Self::AzTdxVtpm2 => "az-tdx-vtpm-v2",
            Self::TpmAttester => "tpm-attester",
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a document was wrapped in. The list is closed, and nothing is wrapped in the same twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Hexadecimal digits.
    Hex,
    /// Base64.
    Base64,
    /// The `primary_evidence` of a KBS client's `tee-evidence`.
    KbsEvidence,
}

impl Layer {
    /// The name in verdicts and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::KbsEvidence => "kbs-evidence",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_form_has_a_name_of_its_own_in_the_documentation() {
        let names: BTreeSet<&str> = Shape::ALL.iter().map(|shape| shape.name()).collect();
        assert_eq!(names.len(), Shape::ALL.len());
        let page = include_str!("../../../docs/evidence-shapes.md");
        let layers = [Layer::Hex, Layer::Base64, Layer::KbsEvidence].map(Layer::name);
        for name in names.into_iter().chain(layers) {
            assert!(page.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
