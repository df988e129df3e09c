//! `cloister verify tdx`.

use anyhow::{Context, Result, bail};
use attestation_evidence::Tee;
use attestation_judge::{Bound, ReferenceValue, TdxSubject};
use attestation_shapes::{EventLog, TdxEvidence};
use attestation_tdx::{Collateral, ProvenCollateral, TdxClaims, TrustedRoot};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crate::arguments::{Binding, Common};
use crate::evidence::{self, Came, Evidence};
use crate::files::Limit;
use crate::moment::Moment;
use crate::output::Usage;
use crate::session::{Found, Session};
use crate::warning;

#[derive(clap::Args)]
pub struct Arguments {
    /// The quote: raw, hexadecimal, base64, or in one of the JSON forms of docs/evidence-shapes.md.
    #[arg(long, value_name = "FILE")]
    quote: PathBuf,
    /// What Intel says of the platform: collateral as dcap-qvl writes it (JSON).
    #[arg(long, value_name = "FILE")]
    collateral: PathBuf,
    /// The log of what extended the RTMRs (CCEL's data). Not needed where the evidence brings it.
    #[arg(long, value_name = "FILE")]
    event_log: Option<PathBuf>,
    /// Trust this root alone, in Intel's place. The verdict says so.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
    #[command(flatten)]
    binding: Binding,
    #[command(flatten)]
    common: Common,
}

/// Judges a quote.
///
/// # Errors
/// A file cannot be read as what it is given as.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut session = Session::of(&arguments.common)?;
    let quote = &arguments.quote;
    let (evidence, sha256) = evidence::read("--quote", quote, &mut session, TdxEvidence::read)?;
    if let Some(warning) = warning::unjudged(evidence.shape) {
        session.warn(warning);
    }
    let launches = session.launches(Tee::Tdx)?;
    let event_log = match arguments.event_log.as_deref() {
        Some(path) => Some(session.read("--event-log", path, Limit::SixteenMebibytes)?),
        None => evidence.event_log.map(EventLog::into_tcg),
    };
    let expected = arguments.binding.expected();
    let found = Subject {
        quote: &evidence.quote,
        event_log: event_log.as_deref(),
        collateral: &arguments.collateral,
        root: arguments.root.as_deref(),
        bound: Bound::ByReport(&expected),
        launches: launches.as_deref(),
    }
    .judge(&mut session)?;
    let came = Came {
        shape: evidence.shape.name(),
        layers: evidence.layers,
        sha256,
    };
    session.end(found, expected, &came)
}

/// A quote with what came along, and what is asked of it.
pub struct Subject<'a> {
    pub quote: &'a [u8],
    pub event_log: Option<&'a [u8]>,
    pub collateral: &'a Path,
    /// Trusted in Intel's place.
    pub root: Option<&'a Path>,
    pub bound: Bound<'a>,
    pub launches: Option<&'a [Arc<ReferenceValue>]>,
}

impl Subject<'_> {
    /// Judges it by the session's policy.
    ///
    /// # Errors
    /// The collateral or the root cannot be read.
    pub fn judge(&self, session: &mut Session<'_>) -> Result<Found> {
        let root = trusted(self.root, session)?;
        let collateral = read_collateral(self.collateral, session)?;
        let collateral = ProvenCollateral::prove(collateral, &root).with_chain_of(self.quote);
        if self.root.is_none() && !session.keeps_state() {
            session.warn(warning::FORGETFUL);
        }
        let found = TdxSubject {
            quote: self.quote,
            event_log: self.event_log,
            collateral: &collateral,
            bound: self.bound,
            references: self.launches,
            seen: session.seen(),
            now: session.at.0,
        }
        .judge(&session.policy);
        Ok(Found {
            subject: Evidence::Tdx,
            facts: facts(&found.claims),
            judged: found.judged,
            observations: found.observations,
        })
    }
}

fn trusted(root: Option<&Path>, session: &mut Session<'_>) -> Result<TrustedRoot> {
    let Some(path) = root else {
        return Ok(TrustedRoot::intel());
    };
    let place = || format!("--root {}", path.display());
    if session.keeps_state() {
        // What was seen is remembered by platform, whoever said it.
        bail!(Usage(
            "--root and --state do not go together: another root than Intel's could have anything remembered"
        ));
    }
    let root = session.read_root(path, "Intel")?;
    TrustedRoot::named(&root).with_context(|| format!("{}: no certificate", place()))
}

fn read_collateral(path: &Path, session: &mut Session<'_>) -> Result<Collateral> {
    let json = session.read("--collateral", path, Limit::SixteenMebibytes)?;
    Collateral::read(&json)
        .with_context(|| format!("--collateral {} cannot be used", path.display()))
}

fn facts(claims: &TdxClaims) -> Vec<(&'static str, String)> {
    let collateral = &claims.collateral;
    let valid = format!(
        "{} to {}",
        Moment(collateral.valid_from),
        Moment(collateral.valid_until)
    );
    let mut facts = vec![("collateral", valid)];
    if let Some(tcb) = &claims.tcb {
        let advisories = match tcb.advisories.as_slice() {
            [] => "no advisories".to_owned(),
            some => some.join(", "),
        };
        facts.push((
            "TCB",
            format!("{:?} of {}, {advisories}", tcb.status, tcb.date),
        ));
    }
    if let Some(quote) = &claims.quote {
        facts.push(("REPORTDATA", quote.td.report_data.to_string()));
    }
    facts
}
