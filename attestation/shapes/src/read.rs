//! From bytes to evidence: what is around it is taken off, then it is of one form or of none.

use crate::azure::{self, InHcl};
use crate::certificates::CertificateTable;
use crate::document::{Document, recognise};
use crate::json::{self, Json};
use crate::members::Members;
use crate::text::{self, Spelling};
use crate::{
    Evidence, LARGEST_EVIDENCE, Layer, Shape, ShapeError, SnpEvidence, TdxEvidence, TpmEvidence,
    attesters, dstack,
};
use measured_boot_snp_abi::REPORT_SIZE;

/// The least that a TDX quote has: a header of 48 bytes and a body of 584 (Intel TDX DCAP quoting library, version 4).
pub const SMALLEST_QUOTE: usize = 48 + 584;

const SNP_REPORT: &str = "SNP report";
const TDX_QUOTE: &str = "TDX quote";
const TPM_QUOTE: &str = "quote of a TPM";

pub(crate) fn snp(bytes: &[u8]) -> Result<SnpEvidence, ShapeError> {
    match read(bytes, SNP_REPORT)? {
        Evidence::Snp(evidence) => Ok(evidence),
        Evidence::Tpm(TpmEvidence {
            hcl_report: Some(hcl),
            vek,
            shape,
            layers,
            ..
        }) => {
            let evidence = of_hcl(&hcl, shape).ok_or_else(|| not_in(shape, SNP_REPORT))?;
            Ok(SnpEvidence {
                vek,
                layers,
                ..evidence
            })
        }
        other => Err(not_in(other.shape(), SNP_REPORT)),
    }
}

pub(crate) fn tdx(bytes: &[u8]) -> Result<TdxEvidence, ShapeError> {
    match read(bytes, TDX_QUOTE)? {
        Evidence::Tdx(evidence) => Ok(evidence),
        Evidence::Tpm(TpmEvidence {
            td_quote: Some(quote),
            hcl_report,
            shape,
            layers,
            ..
        }) => Ok(TdxEvidence {
            hcl_report,
            layers,
            ..attesters::evidence(quote, None, shape)
        }),
        other => Err(not_in(other.shape(), TDX_QUOTE)),
    }
}

pub(crate) fn tpm(bytes: &[u8]) -> Result<TpmEvidence, ShapeError> {
    match read(bytes, TPM_QUOTE)? {
        Evidence::Tpm(evidence) => Ok(evidence),
        other => Err(not_in(other.shape(), TPM_QUOTE)),
    }
}

pub(crate) fn any(bytes: &[u8]) -> Result<Evidence, ShapeError> {
    read(bytes, "evidence")
}

fn not_in(shape: Shape, wanted: &'static str) -> ShapeError {
    ShapeError::NotInThere { shape, wanted }
}

/// The SNP report in an HCL report.
fn of_hcl(hcl: &[u8], shape: Shape) -> Option<SnpEvidence> {
    let report = azure::snp_report(hcl)?;
    Some(SnpEvidence {
        hcl_report: Some(hcl.to_vec()),
        ..attesters::with_certificates(report, CertificateTable::default(), shape)
    })
}

/// Takes off what is around the evidence: at most one spelling as text, then at most one KBS envelope.
fn read(bytes: &[u8], wanted: &'static str) -> Result<Evidence, ShapeError> {
    bounded(bytes)?;
    let (Some(text), false) = (text::as_text(bytes), bytes.len() == REPORT_SIZE) else {
        return binary(bytes, wanted);
    };
    let text = text.trim_ascii();
    if text.starts_with('{') {
        return document(text, Vec::new());
    }
    if text.starts_with("-----BEGIN") {
        return Err(ShapeError::UnknownText("PEM, in which no evidence comes"));
    }
    let (spelling, decoded) = text::decode(text)?;
    bounded(&decoded)?;
    let layers = vec![match spelling {
        Spelling::Hex => Layer::Hex,
        Spelling::Base64 => Layer::Base64,
    }];
    match text::as_text(&decoded).map(str::trim_ascii) {
        Some(inner) if inner.starts_with('{') => document(inner, layers),
        Some(_) if decoded.len() != REPORT_SIZE => Err(ShapeError::UnknownText("text once more")),
        _ => Ok(binary(&decoded, wanted)?.wrapped(layers)),
    }
}

fn bounded(bytes: &[u8]) -> Result<(), ShapeError> {
    match bytes.len() {
        0 => Err(ShapeError::Empty),
        size if size > LARGEST_EVIDENCE => Err(ShapeError::TooLarge {
            size,
            limit: LARGEST_EVIDENCE,
        }),
        _ => Ok(()),
    }
}

/// Exactly 1,184 bytes are an SNP report, whatever they say; HCL reports and quotes say themselves what they are. Where
/// a quote is wanted, anything that has the size of one is taken for it, so that a wrong version is judged, not unread.
fn binary(bytes: &[u8], wanted: &'static str) -> Result<Evidence, ShapeError> {
    // A quote that was cut to this size is still judged as the quote that somebody asks for.
    let cut_quote = wanted == TDX_QUOTE && says_quote(bytes);
    if let Ok(report) = <[u8; REPORT_SIZE]>::try_from(bytes)
        && !cut_quote
    {
        let none = CertificateTable::default();
        return Ok(bare_report(report, none, Shape::SnpReport));
    }
    match azure::in_hcl(bytes) {
        Some(InHcl::Snp) => {
            let evidence = of_hcl(bytes, Shape::HclReportSnp);
            return evidence
                .map(Evidence::Snp)
                .ok_or_else(|| not_in(Shape::HclReportSnp, wanted));
        }
        // A TD report is not evidence by itself: nothing but the machine that made it can check it.
        Some(InHcl::Tdx) => return Err(not_in(Shape::HclReportTdx, wanted)),
        None => {}
    }
    if bytes.len() >= SMALLEST_QUOTE && (wanted == TDX_QUOTE || says_quote(bytes)) {
        let quote = attesters::evidence(bytes.to_vec(), None, Shape::TdxQuote);
        return Ok(Evidence::Tdx(quote));
    }
    // Without a certificate it is a report with zeros behind it.
    if let Some((report, table)) = bytes.split_first_chunk::<REPORT_SIZE>()
        && let Ok(table) = CertificateTable::read(table)
        && table != CertificateTable::default()
    {
        return Ok(bare_report(*report, table, Shape::SnpExtendedReport));
    }
    Err(ShapeError::UnknownBytes {
        size: bytes.len(),
        wanted,
    })
}

fn bare_report(report: [u8; REPORT_SIZE], table: CertificateTable, shape: Shape) -> Evidence {
    Evidence::Snp(attesters::with_certificates(Box::new(report), table, shape))
}

/// Version 4 or 5, and the TEE type of TDX, 0x81, at offset 4. An SNP report has its guest's SVN there.
fn says_quote(bytes: &[u8]) -> bool {
    matches!(bytes, [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..])
}

fn document(text: &str, mut layers: Vec<Layer>) -> Result<Evidence, ShapeError> {
    let parsed = json::parse(text)?;
    let (kind, members) = recognise(object(&parsed)?)?;
    if kind != Document::KbsEvidence {
        return Ok(evidence(kind, members)?.wrapped(layers));
    }
    // An empty text and an empty object are what KBS clients write where there is none.
    if !matches!(members.text("additional_evidence")?.trim(), "" | "{}") {
        return Err(ShapeError::AdditionalEvidence);
    }
    layers.push(Layer::KbsEvidence);
    let (kind, members) = recognise(object(members.needed("primary_evidence")?)?)?;
    Ok(evidence(kind, members)?.wrapped(layers))
}

fn object(value: &Json) -> Result<&[(String, Json)], ShapeError> {
    match value {
        Json::Object(object) => Ok(object),
        _ => Err(ShapeError::UnknownText("JSON without an object")),
    }
}

fn evidence(kind: Document, members: Members<'_>) -> Result<Evidence, ShapeError> {
    match kind {
        Document::SnpAttester => attesters::snp(members).map(Evidence::Snp),
        Document::TdxAttester => attesters::tdx(members).map(Evidence::Tdx),
        Document::Dstack => dstack::read(members).map(Evidence::Tdx),
        Document::AzSnpVtpm0 => azure::snp_0(members).map(Evidence::Tpm),
        Document::AzSnpVtpm => azure::snp(members).map(Evidence::Tpm),
        Document::AzTdxVtpm0 => azure::tdx_0(members).map(Evidence::Tpm),
        Document::AzTdxVtpm => azure::tdx(members).map(Evidence::Tpm),
        Document::TpmAttester => attesters::tpm(members).map(Evidence::Tpm),
        Document::Simulated => Err(ShapeError::Simulated),
        Document::KbsEvidence => Err(ShapeError::UnknownText("KBS evidence in KBS evidence")),
    }
}
