//! The evidence of guest-components' attesters outside Azure, and dstack's.

use crate::azure::hex_pcrs;
use crate::certificates::CertificateTable;
use crate::error::Fault;
use crate::json::{self, Json};
use crate::members::Members;
use crate::{
    DstackEvent, EventLog, QuoteSignature, Shape, ShapeError, SnpEvidence, TdxEvidence,
    TpmEvidence, TpmQuote, sev,
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

/// dstack's `GetQuote`. What it says of REPORT_DATA beside the quote is not used: the quote's own counts.
pub(crate) fn dstack(from: Members<'_>) -> Result<TdxEvidence, ShapeError> {
    for unused in ["report_data", "hash_algorithm", "prefix"] {
        from.text_or_null(unused)?;
    }
    // What dstack has for other TEEs, in a format of its own.
    if from.text_or_null("attestation")?.unwrap_or_default() != "" {
        let other = Fault::Contradicts("a TDX quote comes without one");
        return Err(from.fault("attestation", other));
    }
    let quote = from.text("quote")?;
    let quote = from.hex_of("quote", quote.strip_prefix("0x").unwrap_or(quote))?;
    let log = match from.needed("event_log")? {
        Json::Text(none) if none.is_empty() => None,
        Json::Text(text) => Some(dstack_log(&json::parse(text)?)?),
        list => Some(dstack_log(list)?),
    };
    let vm_config = from.text_or_null("vm_config")?.map(str::to_owned);
    Ok(TdxEvidence {
        vm_config,
        ..evidence(quote, log.map(EventLog::Dstack), Shape::Dstack)
    })
}

/// dstack's own events.
const DSTACK_EVENT: u32 = 0x0800_0001;

fn dstack_log(list: &Json) -> Result<Vec<DstackEvent>, ShapeError> {
    let log = Members::new("dstack's event_log", &[]);
    let events = log.list_of("event_log", list)?.iter();
    let event = |event| dstack_event(log.entry("event_log", event)?);
    events.map(event).collect()
}

fn dstack_event(from: Members<'_>) -> Result<DstackEvent, ShapeError> {
    let needed = ["imr", "event_type", "digest", "event", "event_payload"];
    let spare = ["version", "preimage"];
    from.only("event_log", &[&needed[..], &spare[..]].concat())?;
    let event_type = from.u32("event_type")?;
    let digest = match from.hex("digest")? {
        none if none.is_empty() && event_type == DSTACK_EVENT => None,
        digest => Some(from.sized("digest", &digest)?),
    };
    let preimage = from.text_or_null("preimage")?;
    Ok(DstackEvent {
        rtmr: from.byte("imr", 3)?,
        event_type,
        digest,
        event: from.text("event")?.to_owned(),
        payload: from.hex("event_payload")?,
        version: dstack_version(&from)?,
        preimage: preimage
            .map(|text| from.hex_of("preimage", text))
            .transpose()?,
    })
}

fn dstack_version(from: &Members<'_>) -> Result<u8, ShapeError> {
    match from.spare("version") {
        None => Ok(1),
        Some(_) => match from.byte("version", 2)? {
            0 => Err(from.fault("version", Fault::NotA("1 or 2"))),
            version => Ok(version),
        },
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
