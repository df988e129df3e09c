//! Rego, evaluated so that it ends and so that it can be evaluated again.

use crate::input::Input;
use crate::text::{one_line, shown};
use crate::{PolicyError, budget, canonical, depth, functions, library, references, shape};
use regorus::{Engine, LimitError, Value};
use std::collections::BTreeSet;

/// The version of the engine, which decides as much as the policy does; a test compares it with the lock file.
pub(crate) const VERSION: &str = "regorus 0.14.1";

/// The longest policy, in bytes.
pub(crate) const LONGEST_POLICY: usize = 256 * 1024;

/// The largest value of a rule: values, and bytes of texts and numbers.
const LARGEST_ANSWER: u64 = 1 << 20;

/// How the engine's messages call the policy.
const FILE: &str = "policy.rego";

/// A kind of policy: where it is, what it has to answer, and what it may name. Whatever the kind, the bounds are the same.
#[derive(Debug, PartialEq, Eq)]
pub struct Dialect {
    package: &'static str,
    rules: &'static [&'static str],
    names: Names,
}

/// What a policy may take from `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Rules of the policies that come along, which it may import.
    Shipped,
    /// These members, which each question brings.
    Given(&'static [&'static str]),
}

/// Appraisal policies.
pub(crate) const APPRAISAL: Dialect = Dialect {
    package: "cloister.appraisal",
    rules: &["about", "limits", "trust_vector", "deny"],
    names: Names::Shipped,
};

impl Dialect {
    /// Policies of this package, which have to have these rules, and may take these members of `data` and nothing else.
    pub const fn with_data(
        package: &'static str,
        rules: &'static [&'static str],
        data: &'static [&'static str],
    ) -> Self {
        Self {
            package,
            rules,
            names: Names::Given(data),
        }
    }

    fn path(&self, rule: &str) -> String {
        format!("data.{}.{rule}", self.package)
    }
}

/// A policy that was parsed, with those that it builds on. What it may look like and how long it may take is bounded, by counts
/// and not by a clock, so that it answers the same everywhere.
#[derive(Debug, Clone)]
pub struct Rego {
    engine: Engine,
    dialect: &'static Dialect,
    digest: String,
}

impl Rego {
    /// Reads a policy of a kind.
    ///
    /// # Errors
    /// It is too long, is no Rego, is in another package, lacks a rule, or names or calls what it may not.
    pub fn parse(source: &str, dialect: &'static Dialect) -> Result<Self, PolicyError> {
        if source.len() > LONGEST_POLICY {
            return Err(PolicyError::TooLong {
                bytes: source.len(),
                most: LONGEST_POLICY,
            });
        }
        shape::check(source)?;
        let mut engine = Engine::new();
        engine.set_execution_timer_config(budget::limit());
        let given = functions::give_to(&mut engine);
        given.map_err(|error| PolicyError::Syntax(message(&error)))?;
        let package = engine.add_policy(FILE.to_owned(), source.to_owned());
        let package = package.map_err(|error| PolicyError::Syntax(message(&error)))?;
        let package = package.trim_start_matches("data.");
        if package != dialect.package {
            return Err(PolicyError::Package {
                found: shown(package, 100),
                wanted: dialect.package,
            });
        }
        for rule in dialect.rules {
            let declared = engine.has_declared_rule_rooted_at(FILE, rule);
            if !declared.map_err(|error| PolicyError::Syntax(message(&error)))? {
                return Err(PolicyError::NoRule {
                    rule,
                    needed: dialect.rules,
                });
            }
        }
        for one in looked_up(&mut engine, dialect.names)? {
            let added = engine.add_policy(format!("{}.rego", one.name), one.as_library());
            added.map_err(|error| PolicyError::Syntax(message(&error)))?;
        }
        // The first evaluation analyses every rule. What it says is asked for again by whoever wants to know.
        functions::begin();
        let _ = engine.eval_rule(dialect.path(dialect.rules[0]));
        Ok(Self {
            engine,
            dialect,
            digest: canonical::digest(source.as_bytes()),
        })
    }

    /// `sha256:` and the digest of the policy's text.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The value of a rule of the policy, for this input and with these members of `data`, both bounded.
    ///
    /// # Errors
    /// One of the two is larger than anything real, or the rule has no usable value for them.
    pub fn ask(
        &self,
        rule: &str,
        input: serde_json::Value,
        data: serde_json::Value,
    ) -> Result<serde_json::Value, PolicyError> {
        let (input, data) = (Input::of(input)?, Input::of(data)?);
        let mut asked = self.clone();
        let given = asked.engine.add_data(Value::from(data.value().clone()));
        given.map_err(|error| failed(rule, &error))?;
        asked.evaluate(rule, input.value())
    }

    /// The value of a rule of the policy, for this input.
    pub(crate) fn evaluate(
        &self,
        rule: &str,
        input: &serde_json::Value,
    ) -> Result<serde_json::Value, PolicyError> {
        let mut engine = self.engine.clone();
        engine.set_input(Value::from(input.clone()));
        functions::begin();
        let value = engine.eval_rule(self.dialect.path(rule));
        if functions::overspent() {
            return Err(PolicyError::Functions {
                rule: rule.to_owned(),
                most: functions::MOST,
            });
        }
        let value = value.map_err(|error| failed(rule, &error))?;
        answer(rule, &value)
    }

    /// The names of the policy's own rules that begin so, each once, in order, with their lines.
    pub(crate) fn rules_named(&self, beginning: &str) -> Vec<(String, u32)> {
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

/// The policies that the one that was read builds on, if it names nothing but what there is.
fn looked_up(
    engine: &mut Engine,
    names: Names,
) -> Result<Vec<&'static library::Shipped>, PolicyError> {
    let mut policies = BTreeSet::new();
    for module in engine.get_modules() {
        let found = references::check(module, names)?;
        depth::check(&found)?;
        policies.extend(found.policies);
    }
    Ok(library::with_theirs(&policies))
}

/// The value, if it is there, and no more than is ever needed: its parts may lie in it any number of times.
fn answer(rule: &str, value: &Value) -> Result<serde_json::Value, PolicyError> {
    let unusable = |message: String| PolicyError::Answer {
        rule: rule.to_owned(),
        message,
    };
    if *value == Value::Undefined {
        return Err(PolicyError::Undefined(rule.to_owned()));
    }
    if functions::size(value, 0, LARGEST_ANSWER) > LARGEST_ANSWER {
        return Err(unusable(format!(
            "more than {LARGEST_ANSWER} values and bytes"
        )));
    }
    serde_json::to_value(value).map_err(|error| unusable(shown(&error.to_string(), 500)))
}

fn is_of_a_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
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
            message: one_line(&error.to_string()),
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
