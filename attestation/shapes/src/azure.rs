//! Azure: the HCL report, and the evidence of guest-components' attesters around it.

use crate::error::Fault;
use crate::json::Json;
use crate::members::Members;
use crate::{QuoteSignature, Shape, ShapeError, TpmEvidence, TpmQuote};
use measured_boot_reader::Reader;
use measured_boot_snp_abi::REPORT_SIZE;

/// "HCLA", with which an HCL report begins.
const HCL_MAGIC: &[u8; 4] = b"HCLA";

/// Where in an HCL report the TEE's own report is: behind a header of 32 bytes. It has room for an SNP report.
const TEE_REPORT: usize = 0x20;

/// The PCRs of a bank.
const PCRS: usize = 24;

/// What an HCL report has in it, by its own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InHcl {
    Snp,
    Tdx,
}

/// What is in an HCL report: 2 is an SNP report, 4 a TD report (the type behind the size and the version of the
/// runtime data).
pub(crate) fn in_hcl(hcl: &[u8]) -> Option<InHcl> {
    let mut reader = Reader::new(hcl);
    if reader.take(HCL_MAGIC.len()).ok()? != HCL_MAGIC {
        return None;
    }
    reader.take(TEE_REPORT - HCL_MAGIC.len()).ok()?;
    reader.take(REPORT_SIZE + 8).ok()?;
    match reader.u32().ok()? {
        2 => Some(InHcl::Snp),
        4 => Some(InHcl::Tdx),
        _ => None,
    }
}

/// The SNP report in an HCL report.
pub(crate) fn snp_report(hcl: &[u8]) -> Option<Box<[u8; REPORT_SIZE]>> {
    let report = hcl.get(TEE_REPORT..)?.first_chunk::<REPORT_SIZE>()?;
    (in_hcl(hcl) == Some(InHcl::Snp)).then(|| Box::new(*report))
}

/// The shape of a version, and its name in errors.
type Versions = [(Shape, &'static str); 2];
const SNP: Versions = [
    (Shape::AzSnpVtpm1, "az-snp-vtpm-v1"),
    (Shape::AzSnpVtpm2, "az-snp-vtpm-v2"),
];
const TDX: Versions = [
    (Shape::AzTdxVtpm1, "az-tdx-vtpm-v1"),
    (Shape::AzTdxVtpm2, "az-tdx-vtpm-v2"),
];

/// `az-snp-vtpm` before it had a version: bytes as arrays, the certificate as PEM.
pub(crate) fn snp_0(from: Members<'_>) -> Result<TpmEvidence, ShapeError> {
    let hcl = in_it(&from, "report", from.array("report")?.to_vec(), InHcl::Snp)?;
    let vcek = from.text("vcek")?.as_bytes().to_vec();
    let quote = quote_of_arrays(from.object("quote")?)?;
    Ok(TpmEvidence {
        vek: Some(vcek),
        ..evidence(quote, hcl, Shape::AzSnpVtpm0)
    })
}

/// `az-snp-vtpm`, versions 1 and 2: hexadecimal, and base64 of the DER.
pub(crate) fn snp(from: Members<'_>) -> Result<TpmEvidence, ShapeError> {
    let (from, shape) = versioned(from, SNP)?;
    let hcl = in_it(&from, "hcl_report", from.base64("hcl_report")?, InHcl::Snp)?;
    let quote = quote_of_hex(from.object("tpm_quote")?)?;
    Ok(TpmEvidence {
        vek: Some(from.base64("vcek")?),
        ..evidence(quote, hcl, shape)
    })
}

/// `az-tdx-vtpm` before it had a version.
pub(crate) fn tdx_0(from: Members<'_>) -> Result<TpmEvidence, ShapeError> {
    let hcl = from.array("hcl_report")?.to_vec();
    let hcl = in_it(&from, "hcl_report", hcl, InHcl::Tdx)?;
    let quote = quote_of_arrays(from.object("tpm_quote")?)?;
    Ok(TpmEvidence {
        td_quote: Some(from.array("td_quote")?.to_vec()),
        ..evidence(quote, hcl, Shape::AzTdxVtpm0)
    })
}

/// `az-tdx-vtpm`, versions 1 and 2.
pub(crate) fn tdx(from: Members<'_>) -> Result<TpmEvidence, ShapeError> {
    let (from, shape) = versioned(from, TDX)?;
    let hcl = in_it(&from, "hcl_report", from.base64("hcl_report")?, InHcl::Tdx)?;
    let quote = quote_of_hex(from.object("tpm_quote")?)?;
    Ok(TpmEvidence {
        td_quote: Some(from.base64("td_quote")?),
        ..evidence(quote, hcl, shape)
    })
}

fn versioned(from: Members<'_>, shapes: Versions) -> Result<(Members<'_>, Shape), ShapeError> {
    let [first, second] = shapes;
    let (shape, name) = match from.number("version", 2)? {
        1 => first,
        2 => second,
        _ => return Err(from.fault("version", Fault::NotA("1 or 2"))),
    };
    Ok((from.named(name), shape))
}

fn evidence(quote: TpmQuote, hcl: Vec<u8>, shape: Shape) -> TpmEvidence {
    TpmEvidence {
        quote,
        hcl_report: Some(hcl),
        ak_public: None,
        vek: None,
        chain: Vec::new(),
        td_quote: None,
        event_log: None,
        shape,
        layers: Vec::new(),
    }
}

/// The HCL report, if it has in it what the evidence is about.
fn in_it(
    from: &Members<'_>,
    member: &'static str,
    hcl: Vec<u8>,
    wanted: InHcl,
) -> Result<Vec<u8>, ShapeError> {
    if in_hcl(&hcl) == Some(wanted) {
        return Ok(hcl);
    }
    let what = match wanted {
        InHcl::Snp => "an HCL report with an SNP report in it",
        InHcl::Tdx => "an HCL report with a TD report in it",
    };
    Err(from.fault(member, Fault::NotA(what)))
}

const QUOTE: &[&str] = &["signature", "message", "pcrs"];

fn quote_of_arrays(from: Members<'_>) -> Result<TpmQuote, ShapeError> {
    from.only("quote", QUOTE)?;
    let pcr = |value: &Json| match value {
        Json::Bytes(bytes) => from.sized("pcrs", bytes),
        _ => Err(from.fault("pcrs", Fault::NotA("a list of arrays of bytes"))),
    };
    Ok(TpmQuote {
        message: from.array("message")?.to_vec(),
        signature: QuoteSignature::Bare(from.array("signature")?.to_vec()),
        pcrs: pcrs(&from, pcr)?,
    })
}

fn quote_of_hex(from: Members<'_>) -> Result<TpmQuote, ShapeError> {
    from.only("tpm_quote", QUOTE)?;
    Ok(TpmQuote {
        message: from.hex("message")?,
        signature: QuoteSignature::Bare(from.hex("signature")?),
        pcrs: hex_pcrs(&from)?,
    })
}

/// The PCRs as hexadecimal texts.
pub(crate) fn hex_pcrs(from: &Members<'_>) -> Result<Vec<[u8; 32]>, ShapeError> {
    pcrs(from, |value| match value {
        Json::Text(text) => from.sized("pcrs", &from.hex_of("pcrs", text)?),
        _ => Err(from.fault("pcrs", Fault::NotA("a list of texts"))),
    })
}

fn pcrs(
    from: &Members<'_>,
    read: impl Fn(&Json) -> Result<[u8; 32], ShapeError>,
) -> Result<Vec<[u8; 32]>, ShapeError> {
    let list = from.list("pcrs")?;
    if list.len() != PCRS {
        let (found, wanted) = (list.len(), PCRS);
        return Err(from.fault("pcrs", Fault::Count { found, wanted }));
    }
    list.iter().map(read).collect()
}
