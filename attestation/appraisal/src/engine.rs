//! Rego, evaluated so that it ends and so that it can be evaluated again.

use crate::text::shown;
use crate::{PolicyError, budget, library};
use regorus::{Engine, LimitError, Value};

/// The version of the engine, which decides as much as the policy does; a test compares it with the lock file.
pub(crate) const VERSION: &str = "regorus 0.14.1";

/// The longest policy, in bytes.
pub(crate) const LONGEST_POLICY: usize = 256 * 1024;

/// How the engine's messages call the policy.
const FILE: &str = "policy.rego";
const PACKAGE: &str = "data.cloister.appraisal";
const RULES: [&str; 4] = ["about", "limits", "trust_vector", "deny"];

/// A policy that was parsed, with those that it builds on.
#[derive(Debug, Clone)]
pub(crate) struct Rego {
    engine: Engine,
}

impl Rego {
    pub fn parse(source: &str) -> Result<Self, PolicyError> {
        if source.len() > LONGEST_POLICY {
            return Err(PolicyError::TooLong {
                bytes: source.len(),
                most: LONGEST_POLICY,
            });
        }
        let mut engine = Engine::new();
        engine.set_execution_timer_config(budget::limit());
        let package = engine.add_policy(FILE.to_owned(), source.to_owned());
        let package = package.map_err(|error| PolicyError::Syntax(message(&error)))?;
        if package != PACKAGE {
            let package = package.trim_start_matches("data.");
            return Err(PolicyError::Package(shown(package, 100)));
        }
        for rule in RULES {
            let declared = engine.has_declared_rule_rooted_at(FILE, rule);
            if !declared.map_err(|error| PolicyError::Syntax(message(&error)))? {
                return Err(PolicyError::NoRule(rule));
            }
        }
        for one in library::named_in(source) {
            let added = engine.add_policy(format!("{}.rego", one.name), one.as_library());
            added.map_err(|error| PolicyError::Syntax(message(&error)))?;
        }
        // The first evaluation analyses every rule. What it says is asked for again by whoever wants to know.
        let _ = engine.eval_rule(path("about"));
        Ok(Self { engine })
    }

    /// The value of a rule of the policy, for this input.
    pub fn evaluate(
        &self,
        rule: &str,
        input: &serde_json::Value,
    ) -> Result<serde_json::Value, PolicyError> {
        let mut engine = self.engine.clone();
        engine.set_input(Value::from(input.clone()));
        let value = engine.eval_rule(path(rule));
        match value.map_err(|error| failed(rule, &error))? {
            Value::Undefined => Err(PolicyError::Undefined(rule.to_owned())),
            value => serde_json::to_value(&value).map_err(|error| PolicyError::Answer {
                rule: rule.to_owned(),
                message: shown(&error.to_string(), 500),
            }),
        }
    }

    /// The names of the policy's own rules that begin so, each once, in order, with their lines.
    pub fn rules_named(&self, beginning: &str) -> Vec<(String, u32)> {
        let mut engine = self.engine.clone();
        let mut names: Vec<(String, u32)> = Vec::new();
        for module in engine.get_modules() {
            if module.package.span.source.get_path() != FILE {
                continue;
            }
            for rule in &module.policy {
                let span = rule.span();
                let name: String = span
                    .text()
                    .chars()
                    .take_while(|c| is_of_a_name(*c))
                    .collect();
                if name.starts_with(beginning) && names.iter().all(|(other, _)| *other != name) {
                    names.push((name, span.line));
                }
            }
        }
        names
    }
}

fn is_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn path(rule: &str) -> String {
    format!("{PACKAGE}.{rule}")
}

fn failed(rule: &str, error: &anyhow::Error) -> PolicyError {
    let rule = rule.to_owned();
    match error.downcast_ref::<LimitError>() {
        Some(_) => PolicyError::Budget {
            rule,
            steps: budget::STEPS,
        },
        None => PolicyError::Evaluation {
            rule,
            message: message(error),
        },
    }
}

/// The engine's message, line by line, as a terminal can show it.
fn message(error: &anyhow::Error) -> String {
    // A tab is one column wide in the engine's count.
    let text = error.to_string().replace('\t', " ");
    let lines = text.trim().lines().take(20).map(|line| shown(line, 300));
    lines.collect::<Vec<_>>().join("\n")
}
