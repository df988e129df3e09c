//! A policy's own tests: its rules that begin with `test_`, as Open Policy Agent has them.

use crate::{Policy, PolicyError};
use serde::Serialize;
use serde_json::Value;

/// How one test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestOutcome {
    /// The rule.
    pub name: String,
    /// Its line in the file.
    pub line: u32,
    /// Why it did not pass: it is undefined or false, or fails.
    pub failure: Option<String>,
}

/// How a policy's tests ended, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestReport {
    /// Each test.
    pub tests: Vec<TestOutcome>,
}

impl TestReport {
    /// Whether there is a test, and each passed.
    pub fn passed(&self) -> bool {
        !self.tests.is_empty() && self.tests.iter().all(|test| test.failure.is_none())
    }
}

impl Policy {
    /// Runs the tests that the policy brings: each rule of its file whose name begins with `test_`, with no input but the one
    /// that it gives itself by `with input as`. A test passes if the rule is true.
    pub fn test(&self) -> TestReport {
        let tests = self.rego().rules_named("test_");
        let tests = tests.into_iter().map(|(name, line)| TestOutcome {
            failure: self.failure(&name),
            name,
            line,
        });
        TestReport {
            tests: tests.collect(),
        }
    }

    fn failure(&self, name: &str) -> Option<String> {
        match self.rego().evaluate(name, &Value::Null) {
            Ok(Value::Bool(true)) => None,
            Ok(_) => Some("it is not true".to_owned()),
            Err(PolicyError::Undefined(_)) => {
                Some("it is undefined: one of its lines is not true".to_owned())
            }
            Err(error) => Some(error.to_string()),
        }
    }
}
