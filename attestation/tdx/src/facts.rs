//! What several checks look at, worked out once.

use crate::matched::MatchedTcb;
use crate::pck::ProvenPck;
use crate::{EnclaveReport, Platform, ProvenCollateral, Quote, QuoteFault, TdxRejection};
use std::borrow::Cow;

pub(crate) struct Facts<'a> {
    pub(crate) quote: Result<(Quote<'a>, EnclaveReport), QuoteFault>,
    pub(crate) collateral: &'a ProvenCollateral,
    /// The quote's own PCK chain.
    pub(crate) quote_pck: Option<Cow<'a, ProvenPck>>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(quote: &'a [u8], collateral: &'a ProvenCollateral) -> Self {
        let quote = Quote::read(quote).and_then(|quote| {
            let qe = EnclaveReport::read(&quote.qe_report)?;
            Ok((quote, qe))
        });
        let pem = quote.as_ref().ok().and_then(|(quote, _)| quote.pck_chain);
        Self {
            quote_pck: pem.map(|pem| proven(collateral, pem)),
            quote,
            collateral,
        }
    }

    /// The PCK chain that is judged: the collateral's, or the quote's where the collateral has none.
    pub(crate) fn pck(&self) -> Option<&ProvenPck> {
        self.collateral
            .own_pck
            .as_ref()
            .or(self.quote_pck.as_deref())
    }

    pub(crate) fn platform(&self) -> Option<&Platform> {
        self.pck()?.platform.as_ref()
    }

    /// The state of the platform; `None` where something that it depends on cannot be read.
    pub(crate) fn tcb(&self) -> Option<Result<MatchedTcb, TdxRejection>> {
        let (quote, qe) = self.quote.as_ref().ok()?;
        Some(MatchedTcb::of(
            self.collateral.tcb_info.as_ref()?,
            self.collateral.qe_identity.as_ref()?,
            self.platform()?,
            qe,
            &quote.body,
        ))
    }
}

/// A chain of the same bytes is proven already.
fn proven<'a>(collateral: &'a ProvenCollateral, pem: &[u8]) -> Cow<'a, ProvenPck> {
    let known = [&collateral.quote_pck, &collateral.own_pck]
        .into_iter()
        .flatten();
    match known.into_iter().find(|known| known.source == pem) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(collateral.prove_chain(pem)),
    }
}
