//! The checks, and what they look at.

use attestation_evidence::{SimulatedEvidence, Tee};
use measured_boot_snp_abi::AttestationReport;

use crate::{AppraisalInput, Rejection};

pub(crate) mod certificates;
pub(crate) mod claims;
pub(crate) mod guest_policy;
pub(crate) mod launch;
pub(crate) mod report;

/// What one check found.
pub(crate) enum Finding {
    /// As it should be; the text says what was seen.
    Pass(String),
    /// Not as it should be.
    Fail(Rejection),
    /// What it looks at is not there, for a reason that another check gives.
    NotChecked(&'static str),
}

impl From<Result<String, Rejection>> for Finding {
    fn from(result: Result<String, Rejection>) -> Self {
        match result {
            Ok(reason) => Self::Pass(reason),
            Err(rejection) => Self::Fail(rejection),
        }
    }
}

/// The primary evidence, read as far as it can be.
pub(crate) enum Exhibit {
    /// The claimed TEE's evidence is not understood by this build, so it is not read at all.
    Unsupported,
    /// There is no report in it.
    Unreadable(Rejection),
    /// A report and certificates, of which nothing is checked yet.
    Read(Box<ReadEvidence>),
}

pub(crate) struct ReadEvidence {
    pub report: AttestationReport,
    pub evidence: SimulatedEvidence,
}

/// Why a check was not made where there is no report.
pub(crate) const NO_REPORT: &str = "there is no report to look at";

impl Exhibit {
    /// Reads the evidence as what the client claims it to be, and never as anything else.
    pub fn read(input: &AppraisalInput) -> Self {
        match input.tee {
            Tee::Simulated => match report::read(&input.primary_evidence) {
                Ok(read) => Self::Read(Box::new(read)),
                Err(rejection) => Self::Unreadable(rejection),
            },
            _ => Self::Unsupported,
        }
    }

    pub fn read_evidence(&self) -> Option<&ReadEvidence> {
        match self {
            Self::Read(read) => Some(read),
            Self::Unsupported | Self::Unreadable(_) => None,
        }
    }

    pub fn report(&self) -> Option<&AttestationReport> {
        self.read_evidence().map(|read| &read.report)
    }
}
