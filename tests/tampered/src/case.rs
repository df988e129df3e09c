//! One thing that is wrong, and who says so.

use attestation_verdict::{CheckResult, Record};
use std::fmt;

/// Evidence before it is signed, with what it is judged by.
pub trait Scene: Sized {
    /// What kind of evidence it is.
    const KIND: &'static str;

    /// Evidence that is accepted.
    fn accepted() -> Self;

    /// Signs it and has it judged.
    fn record(&self) -> Record;
}

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
    tamper: Box<dyn Fn(&mut S)>,
}

impl<S: Scene> Case<S> {
    /// This change makes this check, and it alone, refuse for this reason.
    pub fn new(
        name: impl Into<String>,
        (check, code): (&'static str, &'static str),
        tamper: impl Fn(&mut S) + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            check,
            code,
            silenced: Vec::new(),
            tamper: Box::new(tamper),
        }
    }

    /// These checks are not made then.
    #[must_use]
    pub fn silencing(mut self, checks: &[&'static str]) -> Self {
        self.silenced.extend(checks);
        self
    }

    /// Has it judged, and compares with the record of what was accepted.
    ///
    /// # Errors
    /// It is not refused as it has to be.
    pub fn try_it(&self, accepted: &Record) -> Result<(), Fault> {
        let mut scene = S::accepted();
        (self.tamper)(&mut scene);
        let record = scene.record();
        let told = |what| Fault {
            what,
            rejections: record
                .rejections
                .iter()
                .map(|it| format!("{it:?}"))
                .collect(),
        };
        if record.rejections.is_empty() {
            return Err(told("it is accepted".to_owned()));
        }
        let is_the_reason = |check: &str, code: &str| check == self.check && code == self.code;
        if !record
            .rejections
            .iter()
            .all(|it| is_the_reason(&it.check, &it.code))
        {
            return Err(told(format!(
                "{} alone was to say {}",
                self.check, self.code
            )));
        }
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
                return Err(told(format!("{name} was to be {wanted}, and is {found}")));
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

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; reasons: {}", self.what, self.rejections.join(", "))
    }
}
