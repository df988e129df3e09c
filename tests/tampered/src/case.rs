//! One thing that is wrong, and who says so.

use attestation_verdict::{CheckResult, Record};
use std::collections::BTreeSet;
use std::fmt;

/// Evidence, with what it is judged by.
pub trait Scene: Sized {
    /// What kind of evidence it is.
    const KIND: &'static str;

    /// Signs it and has it judged.
    fn record(&self) -> Record;
}

/// Which check refuses, and for which reason.
pub type Reason = (&'static str, &'static str);

/// One thing that is wrong.
pub struct Case<S> {
    /// What is wrong.
    pub name: String,
    /// The check that refuses it.
    pub check: &'static str,
    /// For which reason, and for no other.
    pub code: &'static str,
    /// What else it cannot but be refused for.
    also: Vec<Reason>,
    /// Checks that have nothing to look at any more.
    silenced: Vec<&'static str>,
    good: Box<dyn Fn() -> S>,
    bad: Box<dyn Fn() -> S>,
}

impl<S: Scene> Case<S> {
    /// What is good is accepted; what is bad is refused by this check alone, for this reason alone.
    pub fn new(
        name: impl Into<String>,
        (check, code): Reason,
        good: impl Fn() -> S + 'static,
        bad: impl Fn() -> S + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            check,
            code,
            also: Vec::new(),
            silenced: Vec::new(),
            good: Box::new(good),
            bad: Box::new(bad),
        }
    }

    /// This check refuses it too, for this reason: one thing is wrong, and two see it.
    #[must_use]
    pub fn also(mut self, reason: Reason) -> Self {
        self.also.push(reason);
        self
    }

    /// These checks are not made then.
    #[must_use]
    pub fn silencing(mut self, checks: &[&'static str]) -> Self {
        self.silenced.extend(checks);
        self
    }

    /// Has both judged.
    ///
    /// # Errors
    /// What is good is refused, or what is bad is not refused as it has to be.
    pub fn try_it(&self) -> Result<(), Fault> {
        let accepted = (self.good)().record();
        if !accepted.rejections.is_empty() {
            return Err(Fault::of("what is good is refused", &accepted));
        }
        let record = (self.bad)().record();
        if record.rejections.is_empty() {
            return Err(Fault::of("it is accepted", &record));
        }
        let found: BTreeSet<_> = record
            .rejections
            .iter()
            .map(|it| (it.check.as_str(), it.code.as_str()))
            .collect();
        let wanted: BTreeSet<_> = self.reasons().collect();
        if found != wanted {
            return Err(Fault::of(
                &format!("the reasons were to be {wanted:?}"),
                &record,
            ));
        }
        self.compare(&record, &accepted)
    }

    fn reasons(&self) -> impl Iterator<Item = Reason> {
        let first = (self.check, self.code);
        std::iter::once(first).chain(self.also.iter().copied())
    }

    fn compare(&self, record: &Record, accepted: &Record) -> Result<(), Fault> {
        let mut others = Vec::new();
        for (check, before) in record.checks.iter().zip(&accepted.checks) {
            let fails = self.reasons().any(|(name, _)| name == check.name);
            let wanted = if fails {
                CheckResult::Fail
            } else if self.silenced.contains(&check.name.as_str()) {
                CheckResult::NotChecked
            } else {
                before.result
            };
            if check.result != wanted || check.name != before.name {
                others.push(format!(
                    "{} is `{}` and not `{wanted}`",
                    check.name, check.result
                ));
            }
        }
        if !others.is_empty() {
            return Err(Fault::of(&others.join(", "), record));
        }
        Ok(())
    }
}

/// A case is not refused as the table says.
#[derive(Debug)]
pub struct Fault {
    what: String,
    rejections: Vec<String>,
}

impl Fault {
    fn of(what: &str, record: &Record) -> Self {
        let reasons = record.rejections.iter();
        Self {
            what: what.to_owned(),
            rejections: reasons
                .map(|it| format!("{}/{}: {}", it.check, it.code, it.reason))
                .collect(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; reasons: {}", self.what, self.rejections.join(", "))
    }
}
