//! `cloister verify tpm`.

mod key;
mod parts;
mod tee;

use anyhow::{Context, Result};
use attestation_judge::TpmSubject;
use attestation_tpm::{AkTrust, ExpectedNonce, NonceError, Reference, TpmClaims};
use attestation_verdict::ExpectedData;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::arguments::Common;
use crate::evidence::Evidence;
use crate::files::Limit;
use crate::session::{Found, Session};
use crate::snp::Certificates;
use crate::warning;
use parts::Parts;
use tee::Vouching;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    parts: parts::Arguments,
    /// Values that PCRs may have: {"sha256": {"4": ["...", "..."]}}. A PCR that is named has to be quoted.
    #[arg(long, value_name = "FILE")]
    expect_pcrs: Option<PathBuf>,
    #[command(flatten)]
    key: key::Arguments,
    #[command(flatten)]
    certificates: Certificates,
    /// What Intel says of the platform, for evidence with a TDX quote in it: collateral as dcap-qvl writes it (JSON).
    #[arg(long, value_name = "FILE")]
    collateral: Option<PathBuf>,
    #[command(flatten)]
    binding: Binding,
    #[command(flatten)]
    common: Common,
}

/// What the quote has to bind: one of the two, always.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
#[command(next_help_heading = "What the evidence has to bind (one of the two is needed)")]
struct Binding {
    /// What the TPM has to have signed as extraData: 1 to 64 bytes in hexadecimal.
    #[arg(long, value_name = "HEX", value_parser = nonce)]
    expect_nonce: Option<ExpectedNonce>,
    /// Accept evidence that is tied to nothing: anybody may have sent it again. The verdict says so.
    #[arg(long)]
    no_binding: bool,
}

fn nonce(text: &str) -> Result<ExpectedNonce, NonceError> {
    ExpectedNonce::from_hex(text)
}

/// Judges a TPM's quote, and the TEE's report that vouches for the TPM.
///
/// # Errors
/// A file cannot be read as what it is given as.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut session = Session::of(&arguments.common)?;
    let parts = arguments.parts.read(&mut session)?;
    let expected = arguments.binding.expect_nonce.clone();
    let expected = expected.unwrap_or(ExpectedNonce::Unbound);
    let found = whole(arguments, &parts, &expected, &mut session)?;
    session.end(found, bound(&expected), &parts.came)
}

/// The nonce as verdicts show what was to be bound.
fn bound(expected: &ExpectedNonce) -> ExpectedData {
    let ExpectedNonce::Exactly(bytes) = expected else {
        return ExpectedData::Unbound;
    };
    let mut data = [0; 64];
    for (to, from) in data.iter_mut().zip(bytes) {
        *to = *from;
    }
    ExpectedData::Exactly(data)
}

/// The TEE's report, if it is what vouches for the key, and the quote.
fn whole(
    arguments: &Arguments,
    parts: &Parts,
    expected: &ExpectedNonce,
    session: &mut Session<'_>,
) -> Result<Found> {
    let believed = arguments.key.believed(session)?;
    let vouching = match &believed {
        // Who names the key believes it, whatever a TEE says.
        Some(_) => None,
        None => tee::judge(parts, arguments, session)?,
    };
    let report = vouching.as_ref().map(Vouching::report);
    let trust = key::trust(believed.as_ref(), report, session.at);
    let mut quote = quoted(arguments, parts, expected, trust, session)?;
    let Some(Vouching { found, .. }) = vouching else {
        if believed.is_none() && parts.hcl_report.is_none() {
            session.warn(warning::UNVOUCHED_KEY);
        }
        session.without_launch()?;
        return Ok(quote);
    };
    session.with_bound_key();
    quote.facts.extend(found.facts);
    Ok(Found {
        subject: found.subject.with_tpm(),
        judged: found.judged.and(quote.judged)?,
        observations: found.observations,
        facts: quote.facts,
    })
}

/// The quote alone.
fn quoted(
    arguments: &Arguments,
    parts: &Parts,
    expected: &ExpectedNonce,
    trust: AkTrust<'_>,
    session: &mut Session<'_>,
) -> Result<Found> {
    let reference = arguments.expect_pcrs.as_deref();
    let reference = reference.map(|path| expected_pcrs(path, session));
    let reference = reference.transpose()?;
    let found = TpmSubject {
        evidence: parts.evidence(),
        trust,
        expected,
        reference: reference.as_ref(),
    }
    .judge(&session.policy);
    Ok(Found {
        subject: Evidence::Tpm,
        facts: facts(&found.claims),
        judged: found.judged,
        observations: Vec::new(),
    })
}

fn expected_pcrs(path: &Path, session: &mut Session<'_>) -> Result<Reference> {
    let json = session.read("--expect-pcrs", path, Limit::Mebibyte)?;
    let place = || format!("--expect-pcrs {}: not values of PCRs", path.display());
    serde_json::from_slice(&json).with_context(place)
}

fn facts(claims: &TpmClaims) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(quote) = &claims.quote {
        facts.push(("nonce", quote.nonce.clone()));
    }
    if let Some(ak) = &claims.ak {
        facts.push((
            "AK",
            format!("{} of {} bits, {}", ak.kind, ak.bits, ak.fingerprint),
        ));
    }
    facts
}
