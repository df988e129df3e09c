//! What comes of trying a policy: its own tests, and its limits.

use attestation_appraisal::TestReport;
use serde_json::{Value, json};

use super::limits::{self, LimitsOutcome};
use super::source::Source;
use crate::page::shown;

/// What came of trying a policy.
pub struct Trial<'a> {
    source: &'a Source,
    tests: TestReport,
    limits: Vec<LimitsOutcome>,
}

impl<'a> Trial<'a> {
    pub fn of(source: &'a Source) -> Self {
        Self {
            source,
            tests: source.policy.test(),
            limits: limits::of_samples(&source.policy),
        }
    }

    pub fn passed(&self) -> bool {
        self.tests.passed() && self.some_evidence() && self.bad_limits().next().is_none()
    }

    /// Whether there are limits for any TEE: without, nothing is ever accepted.
    fn some_evidence(&self) -> bool {
        self.limits.iter().any(|limits| limits.given)
    }

    fn bad_limits(&self) -> impl Iterator<Item = &str> {
        let failures = self.limits.iter().map(|limits| limits.failure.as_deref());
        failures.flatten()
    }

    pub fn as_json(&self) -> Value {
        json!({
            "policy": self.source.name,
            "digest": self.source.policy.digest(),
            "passed": self.passed(),
            "tests": self.tests.tests,
            "limits": self.limits,
        })
    }

    /// Those that failed by name.
    pub fn as_text(&self) -> String {
        let name = self.source.shown();
        let all = self.tests.tests.len();
        let s = if all == 1 { "" } else { "s" };
        let failures: Vec<_> = self.failures().collect();
        if failures.is_empty() {
            return format!("pass  {name}: {all} test{s}{}\n", self.left_out());
        }
        let lines = failures.iter().map(|line| format!("\n      {line}"));
        format!("FAIL  {name}: {all} test{s}{}\n", lines.collect::<String>())
    }

    /// The TEEs without limits: their evidence is refused, which may be what is wanted.
    fn left_out(&self) -> String {
        let without = self.limits.iter().filter(|limits| !limits.given);
        let names: Vec<_> = without.map(|limits| limits.tee.name()).collect();
        match names.is_empty() {
            true => String::new(),
            false => format!(
                "; no limits for {}: such evidence is refused",
                names.join(", ")
            ),
        }
    }

    fn failures(&self) -> impl Iterator<Item = String> {
        let tests = self.tests.tests.iter().filter_map(|test| {
            let failure = shown(&self.source.located(test.failure.as_ref()?));
            Some(format!(
                "line {}, {}: {failure}",
                test.line,
                shown(&test.name)
            ))
        });
        let none = self.tests.tests.is_empty();
        let none = none.then(|| "it has no tests, rules named `test_...`".to_owned());
        let refused = (!self.some_evidence()).then(|| {
            "`limits` is undefined for every TEE, so that no evidence is ever accepted".to_owned()
        });
        let bad = self
            .bad_limits()
            .map(|failure| shown(&self.source.located(failure)));
        none.into_iter().chain(tests).chain(refused).chain(bad)
    }
}
