//! A TPM's evidence, in one piece or in several.

use anyhow::{Context, Result};
use attestation_judge::quote_signature;
use attestation_shapes::{QuoteSignature, TpmEvidence};
use attestation_tpm::PcrTable;
use ring::digest::{SHA256, digest};
use std::path::{Path, PathBuf};

use crate::evidence::{self, Came};
use crate::files::Limit;
use crate::session::Session;

/// Lengths of an RSA signature alone, of 2048, 3072 and 4096 bits; a TPMT_SIGNATURE has none of these.
const BARE: [usize; 3] = [256, 384, 512];

/// Where the evidence is.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("subject").required(true).args(["evidence", "quote"]))]
#[group(skip)]
pub struct Arguments {
    /// The evidence in one piece: one of the JSON forms of docs/evidence-shapes.md.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quote", "signature", "pcrs", "hcl_report", "td_quote"])]
    evidence: Option<PathBuf>,
    /// Or in several: the quote that was signed (TPMS_ATTEST).
    #[arg(long, value_name = "FILE", requires_all = ["signature", "pcrs"])]
    quote: Option<PathBuf>,
    /// The signature over it: TPMT_SIGNATURE, or the RSA number alone.
    #[arg(long, value_name = "FILE", requires = "quote")]
    signature: Option<PathBuf>,
    /// The PCRs as they were read: {"sha256": {"0": "...", ...}}.
    #[arg(long, value_name = "FILE", requires = "quote")]
    pcrs: Option<PathBuf>,
    /// Azure's HCL report, which binds the TPM's key.
    #[arg(long, value_name = "FILE", requires = "quote")]
    hcl_report: Option<PathBuf>,
    /// The TDX quote over the TD report in the HCL report.
    #[arg(long, value_name = "FILE", requires = "hcl_report")]
    td_quote: Option<PathBuf>,
    /// The log of what extended the PCRs, in the TCG's binary format. Not needed where the evidence brings it.
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
}

/// What came.
pub struct Parts {
    pub message: Vec<u8>,
    pub signature: QuoteSignature,
    pub pcrs: PcrTable,
    pub hcl_report: Option<Vec<u8>>,
    pub ak_public: Option<Vec<u8>>,
    pub vek: Option<Vec<u8>>,
    pub chain: Vec<Vec<u8>>,
    pub td_quote: Option<Vec<u8>>,
    pub event_log: Option<Vec<u8>>,
    pub came: Came,
}

impl Arguments {
    /// Reads all of it.
    ///
    /// # Errors
    /// A file cannot be read as what it is given as.
    pub fn read(&self, session: &mut Session<'_>) -> Result<Parts> {
        let mut parts = match &self.evidence {
            Some(path) => one(path, session)?,
            None => self.several(session)?,
        };
        if let Some(path) = &self.event_log {
            parts.event_log = Some(session.read("--event-log", path, Limit::SixteenMebibytes)?);
        }
        Ok(parts)
    }

    fn several(&self, session: &mut Session<'_>) -> Result<Parts> {
        let (Some(quote), Some(signature), Some(pcrs)) = (&self.quote, &self.signature, &self.pcrs)
        else {
            unreachable!("without --evidence --quote is required, and the others with it");
        };
        let mut small = |option, path| session.read(option, path, Limit::Mebibyte);
        let message = small("--quote", quote)?;
        let signature = small("--signature", signature)?;
        let table = small("--pcrs", pcrs)?;
        let hcl = self.hcl_report.as_deref();
        let hcl_report = hcl.map(|path| small("--hcl-report", path)).transpose()?;
        let td_quote = self.td_quote.as_deref();
        let td_quote = td_quote.map(|path| small("--td-quote", path)).transpose()?;
        let pieces = [Some(&message), Some(&signature), Some(&table)];
        let pieces = pieces
            .into_iter()
            .chain([hcl_report.as_ref(), td_quote.as_ref()]);
        let all: Vec<u8> = pieces.flatten().flatten().copied().collect();
        Ok(Parts {
            message,
            signature: match BARE.contains(&signature.len()) {
                true => QuoteSignature::Bare(signature),
                false => QuoteSignature::Tagged(signature),
            },
            pcrs: PcrTable::from_json(&table)
                .with_context(|| format!("--pcrs {}: no values of PCRs", pcrs.display()))?,
            hcl_report,
            ak_public: None,
            vek: None,
            chain: Vec::new(),
            td_quote,
            event_log: None,
            came: Came {
                shape: "tpm-quote-in-pieces",
                layers: Vec::new(),
                sha256: hex::encode(digest(&SHA256, &all)),
            },
        })
    }
}

impl Parts {
    /// As the judge takes it.
    pub fn evidence(&self) -> attestation_tpm::TpmEvidence<'_> {
        attestation_tpm::TpmEvidence {
            quote: &self.message,
            signature: quote_signature(&self.signature),
            pcrs: &self.pcrs,
            sent_ak: self.ak_public.as_deref(),
            hcl_report: self.hcl_report.as_deref(),
            event_log: self.event_log.as_deref(),
        }
    }
}

fn one(path: &Path, session: &mut Session<'_>) -> Result<Parts> {
    let (evidence, sha256) = evidence::read("--evidence", path, session, TpmEvidence::read)?;
    Ok(Parts {
        message: evidence.quote.message,
        signature: evidence.quote.signature,
        pcrs: PcrTable::sha256_bank(&evidence.quote.pcrs)
            .with_context(|| format!("--evidence {}: no values of PCRs", path.display()))?,
        hcl_report: evidence.hcl_report,
        ak_public: evidence.ak_public,
        vek: evidence.vek,
        chain: evidence.chain,
        td_quote: evidence.td_quote,
        event_log: evidence.event_log,
        came: Came {
            shape: evidence.shape.name(),
            layers: evidence.layers,
            sha256,
        },
    })
}
