//! TDX quotes with collateral, under a root that is named.

mod chain;
mod collateral;
mod documents;
mod platform;
mod quote;
mod td;

use crate::{Case, Reason};
use attestation_certificates::Seen;
use attestation_tdx::test_support::{Made, NOW, Scene, strict};
use attestation_tdx::{
    ProvenCollateral, TdxInput, TdxLimits, TdxReference, TrustedRoot, judge, seen_after,
};
use attestation_verdict::{ExpectedData, Record};

type Tdx = Case<Asked>;

/// A quote and its collateral, and what is asked of them.
pub struct Asked {
    /// Both, signed.
    pub made: Made,
    /// The root that is trusted.
    pub root: TrustedRoot,
    /// What extended the RTMRs.
    pub event_log: Option<Vec<u8>>,
    /// What is expected in REPORTDATA.
    pub expected: ExpectedData,
    /// Which launches are accepted.
    pub reference: Option<TdxReference>,
    /// What else is accepted.
    pub limits: TdxLimits,
    /// The newest collateral seen.
    pub seen: Option<Seen>,
    /// Whether dcap-qvl has to agree.
    pub second_opinion: bool,
    /// The time.
    pub now: u64,
}

impl Asked {
    /// What a scene comes to, strictly judged under its own root.
    pub fn of(scene: &Scene) -> Self {
        let made = scene.make();
        Self {
            root: TrustedRoot::named(&made.root).expect("it was made as a certificate"),
            made,
            event_log: None,
            expected: ExpectedData::Exactly([0x50; 64]),
            reference: None,
            limits: strict(),
            seen: None,
            second_opinion: false,
            now: NOW,
        }
    }

    fn with_input<T>(&self, then: impl FnOnce(&TdxInput<'_>) -> T) -> T {
        let collateral = ProvenCollateral::prove(self.made.collateral.clone(), &self.root);
        then(&TdxInput {
            quote: &self.made.quote,
            collateral: &collateral,
            event_log: self.event_log.as_deref(),
            expected: &self.expected,
            reference: self.reference.as_ref(),
            limits: &self.limits,
            seen: self.seen.as_ref(),
            second_opinion: self.second_opinion,
            now: self.now,
        })
    }

    /// What is remembered after it.
    pub fn remembered(&self) -> Seen {
        self.with_input(|input| seen_after(input, &judge(input)))
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl crate::Scene for Asked {
    const KIND: &'static str = "tdx";

    fn record(&self) -> Record {
        self.with_input(|input| judge(input).record())
    }
}

/// Every case.
pub fn cases() -> Vec<Tdx> {
    let all = [
        quote::cases(),
        collateral::cases(),
        documents::cases(),
        chain::cases(),
        platform::cases(),
        td::cases(),
        td::values(),
        td::event_log(),
    ];
    all.into_iter().flatten().collect()
}

fn good() -> Asked {
    Asked::of(&Scene::new())
}

fn good_1_5() -> Asked {
    Asked::of(&Scene::of_tdx_1_5())
}

/// One thing changed before everything is signed.
fn spoilt(name: &str, reason: Reason, spoil: fn(&mut Scene)) -> Tdx {
    Case::new(name, reason, good, move || {
        let mut scene = Scene::new();
        spoil(&mut scene);
        Asked::of(&scene)
    })
}

/// The same of a quote of version 5 with a body of TDX 1.5.
fn spoilt_1_5(name: &str, reason: Reason, spoil: fn(&mut Scene)) -> Tdx {
    Case::new(name, reason, good_1_5, move || {
        let mut scene = Scene::of_tdx_1_5();
        spoil(&mut scene);
        Asked::of(&scene)
    })
}

/// One thing changed after it was signed.
fn after(name: &str, reason: Reason, spoil: fn(&mut Made)) -> Tdx {
    Case::new(name, reason, good, move || {
        good().with(|asked| spoil(&mut asked.made))
    })
}

/// Something else asked.
fn asked(name: &str, reason: Reason, ask: fn(&mut Asked)) -> Tdx {
    Case::new(name, reason, good, move || good().with(ask))
}

/// Something asked of both, and something else of one.
fn asked_both(name: &str, reason: Reason, first: fn(&mut Asked), then: fn(&mut Asked)) -> Tdx {
    Case::new(
        name,
        reason,
        move || good().with(first),
        move || good().with(first).with(then),
    )
}
