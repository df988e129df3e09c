//! Every check of a list, asked once.

use crate::{CheckRecord, CheckResult, Finding, Record, RejectionRecord};
use std::fmt::{Debug, Display};

/// One question that a verdict answers: an enum, whose variants are all the questions there are.
pub trait Check: Copy + Eq + Debug + 'static {
    /// Every check, in the order of a verdict.
    const ALL: &'static [Self];

    /// The name in verdicts and logs: lower case, with underscores.
    fn name(self) -> &'static str;

    /// Whether evidence may be accepted without it, where the relying party gave nothing to compare with.
    fn may_be_left_out(self) -> bool;
}

/// One reason to refuse: a closed enum. Its text says what was found, and repeats nothing that a host could write
/// freely, so that it can be logged and shown.
pub trait Rejection: Display + Debug + 'static {
    /// The questions that it answers.
    type Check: Check;

    /// The check that failed.
    fn check(&self) -> Self::Check;

    /// A name for programs: it stays the same where the text for people changes.
    fn code(&self) -> &'static str;
}

/// What every check of a list found. [`Judgement::of`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement<R: Rejection> {
    findings: Vec<(R::Check, Finding<R>)>,
}

impl<R: Rejection> Judgement<R> {
    /// Asks every check of the list, in order.
    pub fn of(mut ask: impl FnMut(R::Check) -> Finding<R>) -> Self {
        let findings = R::Check::ALL.iter().map(|check| (*check, ask(*check)));
        Self {
            findings: findings.collect(),
        }
    }

    /// Whether every check passed, but those that nobody asked for and that may be left out.
    pub fn accepted(&self) -> bool {
        // An empty list of checks accepts nothing.
        !self.findings.is_empty()
            && self.findings.iter().all(|(check, found)| match found {
                Finding::Pass(_) => true,
                Finding::NotAsked(_) => check.may_be_left_out(),
                Finding::Fail(..) | Finding::NotMade(_) => false,
            })
    }

    /// What one check found.
    pub fn finding(&self, check: R::Check) -> Option<&Finding<R>> {
        let found = self.findings.iter().find(|(name, _)| *name == check);
        found.map(|(_, finding)| finding)
    }

    /// Whether this check passed.
    pub fn passed(&self, check: R::Check) -> bool {
        matches!(self.finding(check), Some(Finding::Pass(_)))
    }

    /// Every reason to refuse.
    pub fn rejections(&self) -> impl Iterator<Item = &R> {
        self.findings.iter().flat_map(|(_, found)| match found {
            Finding::Fail(first, more) => std::slice::from_ref(first).iter().chain(more),
            _ => [].iter().chain(&[]),
        })
    }

    /// The judgement as plain data.
    pub fn record(&self) -> Record {
        let checks = self.findings.iter().map(|(check, found)| CheckRecord {
            name: check.name().to_owned(),
            result: result(found),
            reason: reason(found),
        });
        let rejections = self.rejections().map(|rejection| RejectionRecord {
            check: rejection.check().name().to_owned(),
            code: rejection.code().to_owned(),
            reason: rejection.to_string(),
        });
        Record {
            checks: checks.collect(),
            rejections: rejections.collect(),
        }
    }
}

fn result<R>(found: &Finding<R>) -> CheckResult {
    match found {
        Finding::Pass(_) => CheckResult::Pass,
        Finding::Fail(..) => CheckResult::Fail,
        Finding::NotMade(_) | Finding::NotAsked(_) => CheckResult::NotChecked,
    }
}

fn reason<R: Display>(found: &Finding<R>) -> String {
    match found {
        Finding::Pass(text) | Finding::NotMade(text) | Finding::NotAsked(text) => text.clone(),
        Finding::Fail(first, more) => {
            let reasons = std::iter::once(first).chain(more).map(R::to_string);
            reasons.collect::<Vec<_>>().join("; ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Question {
        Needed,
        Spare,
    }

    impl Check for Question {
        const ALL: &'static [Self] = &[Self::Needed, Self::Spare];

        fn name(self) -> &'static str {
            match self {
                Self::Needed => "needed",
                Self::Spare => "spare",
            }
        }

        fn may_be_left_out(self) -> bool {
            self == Self::Spare
        }
    }

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Bad(Question);

    impl fmt::Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "bad {}", self.0.name())
        }
    }

    impl Rejection for Bad {
        type Check = Question;

        fn check(&self) -> Question {
            self.0
        }

        fn code(&self) -> &'static str {
            "bad"
        }
    }

    fn judged(needed: Finding<Bad>, spare: Finding<Bad>) -> Judgement<Bad> {
        Judgement::of(|check| match check {
            Question::Needed => needed.clone(),
            Question::Spare => spare.clone(),
        })
    }

    fn pass() -> Finding<Bad> {
        Finding::Pass("seen".to_owned())
    }

    #[test]
    fn judgement_accepts_what_passed_or_may_be_left_out_and_nobody_asked_for() {
        let not_asked = || Finding::NotAsked(String::new());
        let not_made = || Finding::NotMade(String::new());
        let fail = |check| Finding::fail(Bad(check));
        assert!(judged(pass(), pass()).accepted());
        assert!(judged(pass(), not_asked()).accepted());
        for (needed, spare) in [
            (not_asked(), pass()),
            (not_made(), pass()),
            (pass(), not_made()),
            (fail(Question::Needed), pass()),
            (pass(), fail(Question::Spare)),
        ] {
            assert!(
                !judged(needed.clone(), spare.clone()).accepted(),
                "{needed:?}, {spare:?}"
            );
        }
    }

    #[test]
    fn judgement_of_no_check_accepts_nothing() {
        let empty = Judgement::<Bad> {
            findings: Vec::new(),
        };
        assert!(!empty.accepted());
    }

    #[test]
    fn record_has_every_check_and_every_reason() {
        let both = Finding::Fail(Bad(Question::Needed), vec![Bad(Question::Needed)]);
        let record = judged(both, pass()).record();
        assert_eq!(record.rejections.len(), 2);
        let needed = record.check("needed").expect("it is listed");
        assert_eq!(
            (needed.result, needed.reason.as_str()),
            (CheckResult::Fail, "bad needed; bad needed")
        );
        let spare = record.check("spare").expect("it is listed");
        assert_eq!(
            (spare.result, spare.reason.as_str()),
            (CheckResult::Pass, "seen")
        );
    }

    #[test]
    fn finding_of_no_reason_passes() {
        assert_eq!(
            Finding::from_reasons(Vec::<Bad>::new(), || "seen".to_owned()),
            pass()
        );
    }
}
