//! Everything that came, read once: what each check looks at.

use crate::replay::ReplayedLog;
use crate::{
    AkTrust, AttestationKey, Bank, HclError, HclReport, Quote, QuoteError, QuoteSignature,
    RuntimeData, RuntimeDataError, Signature, SignatureError, TeeReport, TpmEvidence, td_report,
};
use measured_boot_event_log::{Algorithm, LogError};
use std::collections::BTreeMap;

pub(crate) struct Reading {
    pub(crate) hcl: Option<Result<HclReport, HclError>>,
    pub(crate) runtime_data: Option<Result<RuntimeData, RuntimeDataError>>,
    /// The key that is believed, where it could be read.
    pub(crate) ak: Option<AttestationKey>,
    pub(crate) quote: Result<Quote, QuoteError>,
    pub(crate) signature: Result<Signature, SignatureError>,
    pub(crate) log: Option<Result<ReplayedLog, LogError>>,
    /// The values of all PCRs that the quote covers, in its order, or the first that did not come along.
    pub(crate) covered: Result<CoveredPcrs, (Algorithm, u8)>,
}

/// Values in the order of a quote.
pub(crate) type CoveredPcrs = Vec<(Algorithm, u8, Vec<u8>)>;

impl Reading {
    pub(crate) fn of(evidence: &TpmEvidence<'_>, trust: AkTrust<'_>) -> Self {
        let hcl = evidence.hcl_report.map(HclReport::read);
        let runtime_data = match &hcl {
            Some(Ok(hcl)) => Some(RuntimeData::read(&hcl.runtime_data)),
            _ => None,
        };
        let quote = Quote::read(evidence.quote);
        let covered = quote
            .as_ref()
            .map_or_else(|_| Ok(Vec::new()), |quote| covered(quote, evidence));
        Self {
            ak: believed(trust, runtime_data.as_ref()),
            hcl,
            runtime_data,
            signature: signature(evidence.signature),
            log: evidence.event_log.map(ReplayedLog::read),
            covered,
            quote,
        }
    }

    /// The quoted value of a PCR.
    pub(crate) fn pcr(&self, bank: Bank, index: u8) -> Option<&[u8]> {
        let covered = self.covered.as_ref().ok()?;
        let found = covered
            .iter()
            .find(|(algorithm, number, _)| *algorithm == bank.algorithm() && *number == index);
        found.map(|(_, _, value)| value.as_slice())
    }

    /// Quoted PCRs of banks that are believed, each bank with its PCRs.
    pub(crate) fn banks(&self) -> BTreeMap<Bank, Vec<(u8, &[u8])>> {
        let mut banks: BTreeMap<Bank, Vec<(u8, &[u8])>> = BTreeMap::new();
        for (algorithm, index, value) in self.covered.iter().flatten() {
            if let Some(bank) = Bank::of(*algorithm) {
                banks.entry(bank).or_default().push((*index, value));
            }
        }
        banks
    }
}

fn believed(
    trust: AkTrust<'_>,
    runtime_data: Option<&Result<RuntimeData, RuntimeDataError>>,
) -> Option<AttestationKey> {
    match trust {
        AkTrust::Named(key) => Some(key.clone()),
        AkTrust::Certified(certificates) => certificates.key(),
        AkTrust::Tee(_) => match runtime_data {
            Some(Ok(data)) => Some(data.ak.clone()),
            _ => None,
        },
    }
}

fn signature(signature: QuoteSignature<'_>) -> Result<Signature, SignatureError> {
    match signature {
        QuoteSignature::Bare(bytes) => Signature::bare(bytes),
        QuoteSignature::Tagged(bytes) => Signature::read(bytes),
    }
}

fn covered(quote: &Quote, evidence: &TpmEvidence<'_>) -> Result<CoveredPcrs, (Algorithm, u8)> {
    let value = |(algorithm, index)| match evidence.pcrs.value(algorithm, index) {
        Some(value) => Ok((algorithm, index, value.to_vec())),
        None => Err((algorithm, index)),
    };
    quote.covered().map(value).collect()
}

impl TeeReport<'_> {
    /// What the TEE's report binds; `None` if it has no such field.
    pub(crate) fn report_data(&self) -> Option<[u8; 64]> {
        match self {
            // ATTESTATION_REPORT, REPORT_DATA (AMD 56860 revision 1.58, table 23).
            Self::Snp(report) => report.get(0x50..).and_then(<[u8]>::first_chunk).copied(),
            Self::Tdx(body) => td_report::report_data(body),
        }
    }

    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Snp(_) => "snp",
            Self::Tdx(_) => "tdx",
        }
    }
}
