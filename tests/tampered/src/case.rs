//! One thing that is wrong, and who says so.

use attestation_verdict::{CheckResult, Record};
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
            silenced: Vec::new(),
            good: Box::new(good),
            bad: Box::new(bad),
        }
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
        let reasons = &mut record.rejections.iter();
        if reasons.any(|it| it.check != self.check || it.code != self.code) {
            let wanted = format!("{} alone was to say {}", self.check, self.code);
            return Err(Fault::of(&wanted, &record));
        }
        self.compare(&record, &accepted)
    }

    fn compare(&self, record: &Record, accepted: &Record) -> Result<(), Fault> {
        for (check, before) in record.checks.iter().zip(&accepted.checks) {
            let wanted = if check.name == self.check {
                CheckResult::Fail
            } else if self.silenced.contains(&check.name.as_str()) {
                CheckResult::NotChecked
            } else {
                before.result
            };
            if check.result != wanted || check.name != before.name {
                let (name, found) = (&check.name, check.result);
                let told = format!("{name} was to be `{wanted}`, and is `{found}`");
                return Err(Fault::of(&told, record));
            }
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
