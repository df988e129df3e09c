//! The TEE's report that vouches for a TPM's key.

use anyhow::Result;
use attestation_evidence::Tee;
use attestation_judge::{Bound, td_quote_body};
use attestation_tpm::{HardwareReport, HclReport, TeeReport};

use super::Arguments;
use super::parts::Parts;
use crate::output::Usage;
use crate::session::{Found, Session};
use crate::{snp, tdx};

/// A TEE's report, judged.
pub struct Vouching {
    report: Report,
    pub found: Found,
}

enum Report {
    Snp(Box<[u8; 1184]>),
    /// The quote's body.
    Tdx(Vec<u8>),
}

impl Vouching {
    /// What the TPM's judge compares with the HCL report.
    pub fn report(&self) -> TeeReport<'_> {
        match &self.report {
            Report::Snp(report) => TeeReport::Snp(report),
            Report::Tdx(body) => TeeReport::Tdx(body),
        }
    }
}

/// Judges the report in the HCL report. Whether it binds the runtime data is the TPM's judge's to say. Nothing where there is none to be read.
///
/// # Errors
/// Collateral is missing, or a file cannot be read.
pub fn judge(
    parts: &Parts,
    arguments: &Arguments,
    session: &mut Session<'_>,
) -> Result<Option<Vouching>> {
    // One that cannot be read is the TPM's judge's to refuse.
    let hcl = parts.hcl_report.as_deref().map(HclReport::read);
    let Some(Ok(hcl)) = hcl else {
        return Ok(None);
    };
    let vouching = match hcl.hardware {
        HardwareReport::Snp(report) => {
            let launches = session.launches(Tee::Snp)?;
            let found = snp::Subject {
                report: &report,
                vek: parts.vek.as_deref(),
                chain: &parts.chain,
                certificates: &arguments.certificates,
                bound: Bound::ByTpm,
                launches: launches.as_deref(),
            }
            .judge(session)?;
            Vouching {
                report: Report::Snp(report),
                found,
            }
        }
        HardwareReport::Tdx(_) => tdx(parts, arguments, session)?,
    };
    Ok(Some(vouching))
}

fn tdx(parts: &Parts, arguments: &Arguments, session: &mut Session<'_>) -> Result<Vouching> {
    let quote = parts.td_quote.as_deref();
    let quote = quote.ok_or(Usage(
        "the HCL report has a TD report in it: give the quote over it, --td-quote",
    ))?;
    let collateral = arguments.collateral.as_deref();
    let collateral = collateral.ok_or(Usage(
        "the evidence has a TDX quote in it: give its collateral, --collateral",
    ))?;
    let launches = session.launches(Tee::Tdx)?;
    let found = tdx::Subject {
        quote,
        // The log that comes along is the TPM's, not the RTMRs'.
        event_log: None,
        collateral,
        root: arguments.certificates.root(),
        bound: Bound::ByTpm,
        launches: launches.as_deref(),
    }
    .judge(session)?;
    Ok(Vouching {
        report: Report::Tdx(td_quote_body(quote).to_vec()),
        found,
    })
}
