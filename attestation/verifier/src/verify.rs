//! `cloister-verifier verify`: one appraisal, offline.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use attestation_appraisal::{Policy, SHIPPED};
use attestation_evidence::encoding::base64_decode;
use attestation_evidence::{Attestation, Nonce, Tee};
use attestation_judge::{
    Attempt, Case, Collateral, Exchange, Freshness, IssuedSession, NonceState, Protocol,
    ReferenceValue, References, Session, Trust, Verdict, judge,
};
use attestation_service::simulated_trust;
use attestation_verdict::CheckResult;
use clap::Subcommand;

use crate::output::Output;

/// Judged and refused.
const REFUSED: u8 = 3;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Appraise an attestation of a simulated TEE, which proves nothing about hardware.
    Simulated(Simulated),
}

#[derive(clap::Args)]
struct Simulated {
    /// The attestation: the JSON body of `POST /kbs/v0/attest`.
    #[arg(long, value_name = "FILE")]
    attestation: PathBuf,
    /// The nonce that the evidence has to bind, as the challenge spelled it (base64).
    #[arg(long, value_name = "BASE64", value_parser = nonce)]
    nonce: Nonce,
    /// The simulated root certificate (PEM).
    #[arg(long, value_name = "FILE")]
    simulated_root: PathBuf,
    /// The appraisal policy: a file in Rego, or the name of a built-in one.
    #[arg(long, value_name = "FILE|NAME", default_value = "simulated")]
    policy: PathBuf,
    /// A reference value (JSON). Repeat it for more.
    #[arg(long = "reference", value_name = "FILE", required = true)]
    references: Vec<PathBuf>,
    /// Judge as of this time, in seconds since 1970-01-01 UTC; the present if not given.
    #[arg(long, value_name = "SECONDS")]
    at: Option<u64>,
    /// How to print the verdict.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

fn nonce(text: &str) -> Result<Nonce, String> {
    base64_decode(text)
        .and_then(|bytes| bytes.try_into().ok())
        .map(Nonce::from_bytes)
        .ok_or_else(|| "expected 32 bytes in base64: 44 characters, the last one `=`".to_owned())
}

pub fn run(
    Args {
        kind: Kind::Simulated(args),
    }: &Args,
) -> anyhow::Result<ExitCode> {
    let verdict = judge(&case(args)?);
    let document: serde_json::Value = serde_json::from_str(&verdict.document())?;
    args.output.print(&document, &describe(&verdict))?;
    Ok(match verdict.is_accepted() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(REFUSED),
    })
}

fn case(args: &Simulated) -> anyhow::Result<Case> {
    let attestation = parse(&args.attestation, Attestation::from_json)?;
    let now = match args.at {
        Some(seconds) => seconds,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let references = args.references.iter();
    let references = references.map(|file| parse(file, ReferenceValue::from_plain));
    Ok(Case {
        tee: Tee::Simulated,
        evidence: attestation.tee_evidence.primary_evidence.get().to_owned(),
        exchange: Exchange {
            additional_evidence: attestation.tee_evidence.additional_evidence,
            init_data: None,
            freshness: Freshness::Session(Attempt {
                // Offline there is no session to be late for: the nonce is the caller's to have kept fresh.
                session: Session::Issued(IssuedSession {
                    nonce: args.nonce,
                    state: NonceState::Fresh,
                    expires_at: now.saturating_add(1),
                }),
                runtime_data: attestation.runtime_data,
                protocol: Protocol::Kbs,
            }),
        },
        trust: Trust {
            simulated: simulated_trust(&args.simulated_root)?,
            ..Trust::default()
        },
        collateral: Collateral::default(),
        seen: None,
        policy: Arc::new(policy(&args.policy)?),
        references: Arc::new(References::new(
            references.collect::<anyhow::Result<Vec<_>>>()?,
        )),
        now,
    })
}

fn policy(named: &Path) -> anyhow::Result<Policy> {
    let shipped = SHIPPED.iter().find(|one| Path::new(one.name) == named);
    let source = match shipped {
        Some(one) => one.source.to_owned(),
        None => std::fs::read_to_string(named)
            .with_context(|| format!("cannot read {}", named.display()))?,
    };
    Policy::from_rego(&source).with_context(|| format!("{} cannot be used", named.display()))
}

fn parse<T, E>(file: &Path, parse: impl Fn(&[u8]) -> Result<T, E>) -> anyhow::Result<T>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&bytes).with_context(|| format!("{} cannot be used", file.display()))
}

fn describe(verdict: &Verdict) -> String {
    let outcome = match verdict.is_accepted() {
        true => "accepted",
        false => "refused",
    };
    let mut text = format!("{outcome}, tee {} (protects nothing)\n", verdict.tee());
    for check in verdict.record().checks {
        let result = match check.result {
            CheckResult::Pass => "pass       ",
            CheckResult::Fail => "fail       ",
            CheckResult::NotChecked => "not checked",
        };
        text.push_str(&format!("  {result} {}: {}\n", check.name, check.reason));
    }
    text
}
