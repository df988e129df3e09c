//! The evidence of guest-components' attesters outside Azure.

use crate::azure::hex_pcrs;
use crate::certificates::CertificateTable;
use crate::members::Members;
use crate::{
    EventLog, QuoteSignature, Shape, ShapeError, SnpEvidence, TdxEvidence, TpmEvidence, TpmQuote,
    sev,
};
use measured_boot_snp_abi::{AttestationReport, REPORT_SIZE};

/// A report with the certificates that a host gave with it.
pub(crate) fn with_certificates(
    report: Box<[u8; REPORT_SIZE]>,
    mut certificates: CertificateTable,
    shape: Shape,
) -> SnpEvidence {
    let parsed = AttestationReport::from_untrusted(report.as_slice());
    let key = parsed.map_or(0, AttestationReport::signing_key);
    SnpEvidence {
        vek: certificates.vek(key),
        chain: certificates.chain,
        report,
        hcl_report: None,
        shape,
        layers: Vec::new(),
    }
}

/// guest-components' `snp`.
pub(crate) fn snp(from: Members<'_>) -> Result<SnpEvidence, ShapeError> {
    const REPORT: &str = "attestation_report";
    let report = sev::rebuild(from.object(REPORT)?, REPORT)?;
    let certificates = CertificateTable::from_list(&from, "cert_chain")?;
    Ok(with_certificates(report, certificates, Shape::SnpAttester))
}

/// guest-components' `tdx`. Its own log of an earlier version, `aa_eventlog`, is text of another kind: not used.
pub(crate) fn tdx(from: Members<'_>) -> Result<TdxEvidence, ShapeError> {
    from.text_or_null("aa_eventlog")?;
    let log = match from.text_or_null("cc_eventlog")? {
        None => None,
        Some(_) => Some(EventLog::Tcg(from.base64("cc_eventlog")?)),
    };
    Ok(evidence(from.base64("quote")?, log, Shape::TdxAttester))
}

pub(crate) fn evidence(quote: Vec<u8>, event_log: Option<EventLog>, shape: Shape) -> TdxEvidence {
    TdxEvidence {
        quote,
        event_log,
        hcl_report: None,
        vm_config: None,
        shape,
        layers: Vec::new(),
    }
}

/// guest-components' `tpm`.
pub(crate) fn tpm(from: Members<'_>) -> Result<TpmEvidence, ShapeError> {
    let quote = from.object("tpm_quote")?;
    quote.only("tpm_quote", &["signature", "message", "pcrs"])?;
    Ok(TpmEvidence {
        quote: TpmQuote {
            message: quote.base64("message")?,
            signature: QuoteSignature::Tagged(quote.base64("signature")?),
            pcrs: hex_pcrs(&quote)?,
        },
        hcl_report: None,
        ak_public: Some(from.base64("ak_public")?),
        vek: None,
        chain: Vec::new(),
        td_quote: None,
        event_log: None,
        shape: Shape::TpmAttester,
        layers: Vec::new(),
    })
}
