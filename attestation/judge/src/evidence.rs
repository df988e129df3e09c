//! The evidence, read as what the client claims it to be, and never as anything else.

use attestation_evidence::{SampleEvidence, SimulatedEvidence, Tee};
use attestation_shapes::{Shape, ShapeError, SnpEvidence, TdxEvidence, TpmEvidence};
use attestation_tpm::{HardwareReport, HclReport, PcrTable};

use crate::{Case, CaseRejection as Reason, tpm};

/// What the claimed TEE's evidence holds. Nothing of it is judged yet.
pub(crate) enum Evidence {
    Simulated(Box<SimulatedEvidence>),
    Sample(SampleEvidence),
    Snp(SnpEvidence),
    Tdx(TdxEvidence),
    /// A vTPM's quote, with the report of the TEE that keeps the TPM.
    SnpTpm(Box<Tpm>, Box<[u8; attestation_snp::REPORT_SIZE]>),
    /// The same with a TDX quote.
    TdxTpm(Box<Tpm>, Vec<u8>),
}

/// A vTPM's quote.
pub(crate) struct Tpm {
    pub evidence: TpmEvidence,
    pub pcrs: PcrTable,
}

impl Evidence {
    pub fn read(case: &Case) -> Result<Self, Reason> {
        Self::of(case.tee, &case.evidence)
    }

    pub fn of(tee: Tee, text: &str) -> Result<Self, Reason> {
        match tee {
            Tee::Simulated => SimulatedEvidence::from_json(text)
                .map(|evidence| Self::Simulated(Box::new(evidence)))
                .map_err(unreadable),
            Tee::Sample => SampleEvidence::from_json(text)
                .map(Self::Sample)
                .map_err(unreadable),
            Tee::Snp => read(tee, text, SnpEvidence::read, |it| it.shape).map(Self::Snp),
            Tee::Tdx => read(tee, text, TdxEvidence::read, |it| it.shape).map(Self::Tdx),
            Tee::AzSnpVtpm | Tee::AzTdxVtpm => {
                Self::of_vtpm(read(tee, text, TpmEvidence::read, |it| it.shape)?)
            }
        }
    }

    fn of_vtpm(evidence: TpmEvidence) -> Result<Self, Reason> {
        let problem = |problem: String| Reason::EvidenceUnreadable { problem };
        let pcrs = tpm::pcr_table(&evidence.quote).map_err(problem)?;
        let hcl = evidence.hcl_report.as_deref().unwrap_or_default();
        let hcl = HclReport::read(hcl);
        let hcl = hcl.map_err(|error| problem(format!("in the HCL report, {error}")))?;
        let quote = evidence.td_quote.clone();
        let tpm = Box::new(Tpm { evidence, pcrs });
        match (hcl.hardware, quote) {
            (HardwareReport::Snp(report), None) => Ok(Self::SnpTpm(tpm, report)),
            (HardwareReport::Tdx(_), Some(quote)) => Ok(Self::TdxTpm(tpm, quote)),
            _ => Err(problem(
                "the HCL report is of another TEE than the evidence around it".to_owned(),
            )),
        }
    }
}

fn unreadable(error: impl std::fmt::Display) -> Reason {
    Reason::EvidenceUnreadable {
        problem: error.to_string(),
    }
}

fn read<T>(
    tee: Tee,
    text: &str,
    read: impl Fn(&[u8]) -> Result<T, ShapeError>,
    shape: impl Fn(&T) -> Shape,
) -> Result<T, Reason> {
    let evidence = read(text.as_bytes()).map_err(|error| match error {
        ShapeError::NotInThere { shape, .. } => Reason::EvidenceOfOtherTee { shape, tee },
        error => unreadable(error),
    })?;
    let shape = shape(&evidence);
    match claimed(shape) == Some(tee) {
        true => Ok(evidence),
        false => Err(Reason::EvidenceOfOtherTee { shape, tee }),
    }
}

/// What a client that sends evidence of this form claims. An HCL report alone binds nothing that a session could know, and
/// for a TPM alone nobody vouches.
fn claimed(shape: Shape) -> Option<Tee> {
    match shape {
        Shape::SnpReport | Shape::SnpExtendedReport | Shape::SnpAttester => Some(Tee::Snp),
        Shape::TdxQuote | Shape::TdxAttester | Shape::Dstack => Some(Tee::Tdx),
        Shape::AzSnpVtpm0 | Shape::AzSnpVtpm1 | Shape::AzSnpVtpm2 => Some(Tee::AzSnpVtpm),
        Shape::AzTdxVtpm0 | Shape::AzTdxVtpm1 | Shape::AzTdxVtpm2 => Some(Tee::AzTdxVtpm),
        Shape::HclReportSnp | Shape::HclReportTdx | Shape::TpmAttester => None,
    }
}
