//! How tests ask.

use attestation_certificates::Seen;
use attestation_tdx::test_support::{Made, NOW, Scene, strict};
use attestation_tdx::{ProvenCollateral, TdxInput, TdxLimits, TdxReference, TdxRejection, judge};
use attestation_verdict::{ExpectedData, Judgement, Rejection as _};
use std::path::PathBuf;

/// The bytes of a vector; `None`, and a word, where the vectors are not there.
pub fn vector(name: &str) -> Option<Vec<u8>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let bytes = std::fs::read(root.join(name));
    if bytes.is_err() {
        println!("skipped: ../shared/vectors/{name} is not there");
    }
    bytes.ok()
}

/// A question, with answers that ask nothing beyond the strict limits.
pub struct Question {
    pub quote: Vec<u8>,
    pub collateral: ProvenCollateral,
    pub event_log: Option<Vec<u8>>,
    pub expected: ExpectedData,
    pub reference: Option<TdxReference>,
    pub limits: TdxLimits,
    pub seen: Option<Seen>,
    pub second_opinion: bool,
    pub now: u64,
}

impl Question {
    pub fn new(quote: Vec<u8>, collateral: ProvenCollateral, now: u64) -> Self {
        Self {
            quote,
            collateral,
            event_log: None,
            expected: ExpectedData::Unbound,
            reference: None,
            limits: strict(),
            seen: None,
            second_opinion: false,
            now,
        }
    }

    pub fn of(made: &Made) -> Self {
        Self::new(made.quote.clone(), made.proven(), NOW)
    }

    pub fn input(&self) -> TdxInput<'_> {
        TdxInput {
            quote: &self.quote,
            collateral: &self.collateral,
            event_log: self.event_log.as_deref(),
            expected: &self.expected,
            reference: self.reference.as_ref(),
            limits: &self.limits,
            seen: self.seen.as_ref(),
            second_opinion: self.second_opinion,
            now: self.now,
        }
    }

    pub fn judge(&self) -> Judgement<TdxRejection> {
        judge(&self.input())
    }

    /// Refused for exactly these reasons: check and code of each.
    #[track_caller]
    pub fn is_refused_for(&self, expected: &[(&str, &str)]) {
        let judgement = self.judge();
        let found: Vec<_> = judgement
            .rejections()
            .map(|rejection| {
                use attestation_verdict::Check as _;
                (rejection.check().name(), rejection.code())
            })
            .collect();
        assert_eq!(found, expected, "{:#?}", judgement.record().rejections);
        assert!(!judgement.accepted());
    }

    #[track_caller]
    pub fn is_accepted(&self) {
        let judgement = self.judge();
        let record = judgement.record();
        let checks = record
            .checks
            .iter()
            .filter(|check| check.result != attestation_verdict::CheckResult::Pass);
        assert!(judgement.accepted(), "{:#?}", checks.collect::<Vec<_>>());
    }
}

/// A scene with one thing spoiled is refused for exactly these reasons.
#[track_caller]
pub fn refused(spoil: impl FnOnce(&mut Scene), expected: &[(&str, &str)]) {
    let mut scene = Scene::new();
    spoil(&mut scene);
    Question::of(&scene.make()).is_refused_for(expected);
}

/// The same of TDX 1.5.
#[track_caller]
pub fn refused_of_tdx_1_5(spoil: impl FnOnce(&mut Scene), expected: &[(&str, &str)]) {
    let mut scene = Scene::of_tdx_1_5();
    spoil(&mut scene);
    Question::of(&scene.make()).is_refused_for(expected);
}

/// A good scene, with something spoiled after everything was signed.
#[track_caller]
pub fn refused_after(spoil: impl FnOnce(&mut Made), expected: &[(&str, &str)]) {
    let mut made = Scene::new().make();
    spoil(&mut made);
    Question::of(&made).is_refused_for(expected);
}
