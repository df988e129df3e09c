//! A TDX quote, from the policy's limits to what was judged.

use attestation_appraisal::{Judged, Policy, Tee};
use attestation_certificates::{Observation, Seen};
use attestation_evidence::Tee as Measured;
use attestation_tdx::{
    Bytes, ProvenCollateral, TdxCheck, TdxClaims, TdxInput, TdxLimits, TdxReference, TdxRejection,
    judge, seen_after,
};
use attestation_verdict::Judgement;
use serde_json::json;
use std::sync::Arc;

use crate::{Bound, Launch, ReferenceValue};

/// A quote with its collateral, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct TdxSubject<'a> {
    /// The quote, with the zeros that may follow it.
    pub quote: &'a [u8],
    /// The log of what extended the RTMRs (CCEL's data), where there is one.
    pub event_log: Option<&'a [u8]>,
    /// The collateral, proven under the root that is trusted.
    pub collateral: &'a ProvenCollateral,
    /// Who compares what it binds.
    pub bound: Bound<'a>,
    /// Which launches are accepted; `None` if the relying party says nothing of it.
    pub references: Option<&'a [Arc<ReferenceValue>]>,
    /// The newest collateral that was seen, if somebody keeps account.
    pub seen: Option<&'a Seen>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

/// What came of it, before the policy is asked what that is worth.
#[derive(Debug)]
pub struct TdxJudged {
    /// The checks, with claims and limits.
    pub judged: Judged,
    /// What quote and collateral say.
    pub claims: TdxClaims,
    /// What is to be remembered, whatever the verdict: what was seen before, too.
    pub observations: Vec<Observation>,
}

impl TdxSubject<'_> {
    /// Judges it by the limits that the policy gives for its claims.
    #[must_use]
    pub fn judge(&self, policy: &Policy) -> TdxJudged {
        let claims = TdxClaims::read(self.quote, self.collateral);
        let given = json!(claims);
        let limits = policy.limits_as::<TdxLimits>(Tee::Tdx, &given);
        let (judged, seen) = match limits {
            Err(error) => (
                Judged::without_limits::<TdxCheck>(Tee::Tdx, given, error),
                self.seen.cloned().unwrap_or_default(),
            ),
            Ok((limits, limits_given)) => {
                let (judgement, seen) = self.held_to(limits, &claims);
                (Judged::of(Tee::Tdx, &judgement, given, limits_given), seen)
            }
        };
        TdxJudged {
            judged,
            claims,
            observations: seen.observations().copied().collect(),
        }
    }

    fn held_to(
        &self,
        mut limits: TdxLimits,
        claims: &TdxClaims,
    ) -> (Judgement<TdxRejection>, Seen) {
        let reference = self.reference(claims, &mut limits);
        let mut input = TdxInput {
            quote: self.quote,
            collateral: self.collateral,
            event_log: self.event_log,
            expected: self.bound.expected(),
            reference: reference.as_ref(),
            limits: &limits,
            seen: self.seen,
            second_opinion: false,
            now: self.now,
        };
        let mut judgement = judge(&input);
        if judgement.accepted() {
            // Asked of what is accepted only: of anything else it says again that something is wrong.
            input.second_opinion = true;
            judgement = judge(&input);
        }
        let seen = seen_after(&input, &judgement);
        let judgement = self.bound.told(judgement, TdxCheck::Binding, "REPORTDATA");
        (judgement, seen)
    }

    /// What the quote is held to: one launch, all of it. Registers of different launches make none that anybody
    /// accepts, so lists of each register will not do.
    fn reference(&self, claims: &TdxClaims, limits: &mut TdxLimits) -> Option<TdxReference> {
        let launches = self.references?.iter();
        let good = launches.filter(|one| one.tee == Measured::Tdx && one.is_in_force_at(self.now));
        let td = claims.quote.as_ref().map(|quote| &quote.td);
        let agree = |launch: &&Arc<ReferenceValue>| {
            let rtmrs = launch.rtmrs.iter().zip(td.iter().flat_map(|td| td.rtmrs));
            let same = rtmrs.filter(|(wanted, found)| wanted.is_none_or(|it| it.0 == found.0));
            (
                td.is_some_and(|td| launch.launch_digest == Some(td.mr_td.0)),
                same.count(),
            )
        };
        // The one that is meant is the one that agrees in most: its differences are what has to be told.
        let meant = good.max_by_key(agree);
        let Some((meant, digest)) = meant.and_then(|meant| Some((meant, meant.launch_digest?)))
        else {
            // None of none: an empty list of the limits says so, and one of reference values does not.
            limits.mr_tds = Some(Vec::new());
            return None;
        };
        let registers = meant.rtmrs.map(|rtmr| rtmr.map(|it| Bytes(it.0)));
        Some(TdxReference {
            mr_tds: vec![Bytes(digest)],
            rtmrs: registers.map(|rtmr| rtmr.into_iter().collect()),
        })
    }
}

impl TdxJudged {
    /// What the quote shows of the launch, if it can be read.
    #[must_use]
    pub fn launch(&self) -> Option<Launch> {
        let td = &self.claims.quote.as_ref()?.td;
        Some(Launch {
            tee: Measured::Tdx,
            digest: Some(td.mr_td.0),
            rtmrs: Some(td.rtmrs.map(|rtmr| rtmr.0)),
            svn: None,
        })
    }
}
