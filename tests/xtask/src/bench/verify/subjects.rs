//! What of ours is timed: every check of a verdict, under the limits of the strict policy.

use std::hint::black_box;

use anyhow::{Context, Result, ensure};
use attestation_appraisal::{Policy, Tee};
use attestation_snp::{Anchors, Endorsement, Proof, SnpClaims, SnpInput, SnpLimits};
use attestation_tdx::{Collateral, ProvenCollateral, TdxClaims, TdxInput, TdxLimits, TrustedRoot};
use attestation_verdict::ExpectedData;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::inputs::{SNP_NOW, Snp, TDX_NOW, Tdx};
use super::repeated;
use crate::bench::samples::Subject;

/// A report whose chain was proven before.
pub const SNP_PROVEN: &str = "SNP report, chain proven before";
/// A report with its chain, from bytes.
pub const SNP_CHAIN: &str = "SNP report and whole chain";
/// A quote whose collateral was proven before.
pub const TDX_PROVEN: &str = "TDX quote, collateral proven before";
/// A quote with its collateral, from bytes.
pub const TDX_SCRATCH: &str = "TDX quote and collateral";
/// The same, with a second implementation that has to agree.
pub const TDX_SECOND: &str = "TDX quote, second opinion asked";

/// Nobody asks for REPORT_DATA here: comparing 64 bytes takes no time.
const UNBOUND: ExpectedData = ExpectedData::Unbound;

/// The report under a chain that was proven before, and under one that is proven each time. ARK and ASK come along as
/// files, as they do for the sev crate.
///
/// # Errors
/// The report is not accepted.
pub fn snp<'a>(snp: &'a Snp, anchors: &'a Anchors) -> Result<Vec<Subject<'a>>> {
    let report = snp.report.as_slice().try_into()?;
    let proof = prove(snp, anchors)?;
    let limits: SnpLimits = limits(Tee::Snp, &SnpClaims::of(report, &proof))?;
    let judge = move |proof: &Proof, limits: &SnpLimits| -> Result<()> {
        let judgement = attestation_snp::judge(black_box(&SnpInput {
            report,
            proof,
            limits,
            expected: &UNBOUND,
            references: None,
            seen: None,
            now: SNP_NOW,
        }));
        let reasons: Vec<_> = judgement.rejections().collect();
        ensure!(judgement.accepted(), "the report is refused: {reasons:?}");
        Ok(())
    };
    let same = limits.clone();
    Ok(vec![
        repeated(SNP_PROVEN, 100, move || judge(&proof, &limits)),
        repeated(SNP_CHAIN, 50, move || judge(&prove(snp, anchors)?, &same)),
    ])
}

fn prove(snp: &Snp, anchors: &Anchors) -> Result<Proof> {
    let chain = [snp.ask.as_slice(), &snp.ark];
    let endorsement = Endorsement::read(Some(black_box(&snp.vcek)), &chain, &[], anchors)?;
    Ok(endorsement.prove())
}

/// The quote under collateral that was proven before, from scratch, and with a second opinion.
///
/// # Errors
/// The quote is not accepted.
pub fn tdx(tdx: &Tdx) -> Result<Vec<Subject<'_>>> {
    let root = TrustedRoot::intel();
    let proven = prove_collateral(tdx, &root)?.with_chain_of(&tdx.quote);
    let limits: TdxLimits = limits(Tee::Tdx, &TdxClaims::read(&tdx.quote, &proven))?;
    let judge = |collateral: &ProvenCollateral, limits: &TdxLimits, second_opinion| {
        let judgement = attestation_tdx::judge(black_box(&TdxInput {
            quote: &tdx.quote,
            collateral,
            event_log: None,
            expected: &UNBOUND,
            reference: None,
            limits,
            seen: None,
            second_opinion,
            now: TDX_NOW,
        }));
        let reasons: Vec<_> = judgement.rejections().collect();
        ensure!(judgement.accepted(), "the quote is refused: {reasons:?}");
        Ok(())
    };
    let (same, second) = (limits.clone(), (limits.clone(), proven.clone()));
    Ok(vec![
        repeated(TDX_PROVEN, 100, move || judge(&proven, &limits, false)),
        repeated(TDX_SCRATCH, 50, move || {
            judge(&prove_collateral(tdx, &root)?, &same, false)
        }),
        repeated(TDX_SECOND, 50, move || judge(&second.1, &second.0, true)),
    ])
}

fn prove_collateral(tdx: &Tdx, root: &TrustedRoot) -> Result<ProvenCollateral> {
    let collateral = Collateral::read(black_box(&tdx.collateral))?;
    Ok(ProvenCollateral::prove(collateral, root))
}

/// The strict policy's, for these claims.
fn limits<T: DeserializeOwned>(tee: Tee, claims: &impl Serialize) -> Result<T> {
    let claims = serde_json::to_value(claims)?;
    let limits = Policy::strict().limits_as(tee, &claims);
    let (limits, _) = limits.context("the strict policy gives no limits")?;
    Ok(limits)
}
