//! What a policy names: policies that come along, their rules, its own rules, functions.
//!
//! In Rego a reference to what is not there is undefined, and a line with an undefined value does nothing. A pack whose name is
//! misspelt would so silently lose its denials. Every reference is therefore looked up in the engine's own tree of the policy
//! when it is read, and whatever could not be looked up is refused: `data` and imported policies are there to take a rule of a
//! written name from, and for nothing else, and their names mean nothing else anywhere.

mod locals;
mod names;
mod walk;

use crate::engine::Names;
use crate::text::shown;
use crate::{PolicyError, PolicyFault};
use regorus::unstable::{
    ArithOp, AssignOp, Expr, Import, Literal, Module, Query, Ref, Rule, RuleBody, RuleHead, Span,
};
use std::collections::{BTreeMap, BTreeSet};

/// How the policy that is read is called among the others.
pub(crate) const OWN: &str = "appraisal";

/// The rules of one policy by name, and whether each is a function.
pub(crate) type Rules = BTreeMap<String, bool>;

/// What a policy names.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// Policies that come along.
    pub policies: BTreeSet<&'static str>,
    /// By rule, which other rules of the policy's own it needs, with its line.
    pub needs: BTreeMap<String, (u32, BTreeSet<String>)>,
}

type Checked = Result<(), PolicyError>;

/// The rules that a policy declares, by their first names; functions by their whole names too.
pub(crate) fn rules_of(module: &Module) -> Rules {
    let mut rules = Rules::new();
    for rule in &module.policy {
        let (refr, function) = head(rule);
        let (root, steps) = flat(refr);
        let Expr::Var { span, .. } = root.as_ref() else {
            continue;
        };
        if function && !steps.is_empty() {
            rules.insert(joined(span.text(), &steps), true);
        }
        let one = rules.entry(span.text().to_owned()).or_insert(function);
        *one = *one && function;
    }
    rules
}

/// Looks up whatever a policy names.
pub(crate) fn check(module: &Module, names: Names) -> Result<References, PolicyError> {
    let mut look = Look {
        names,
        own: rules_of(module),
        imports: BTreeMap::new(),
        found: References::default(),
        rule: String::new(),
        locals: BTreeSet::new(),
    };
    for import in &module.imports {
        look.import(import)?;
    }
    for rule in &module.policy {
        look.rule(rule)?;
    }
    Ok(look.found)
}

struct Look {
    names: Names,
    own: Rules,
    /// Policies by the names under which they are imported.
    imports: BTreeMap<String, String>,
    found: References,
    /// The rule that is looked at, and the names that are its own.
    rule: String,
    locals: BTreeSet<String>,
}

/// One step from a value to a part of it.
enum Step<'a> {
    /// `.name` or `["name"]`
    Name(String),
    /// `[whatever else]`
    Computed(&'a Ref<Expr>),
}

/// A chain of steps, from its root.
fn flat(mut expr: &Ref<Expr>) -> (&Ref<Expr>, Vec<Step<'_>>) {
    let mut steps = Vec::new();
    loop {
        match expr.as_ref() {
            Expr::RefDot { refr, field, .. } => {
                steps.push(Step::Name(field.0.text().to_owned()));
                expr = refr;
            }
            Expr::RefBrack { refr, index, .. } => {
                steps.push(match index.as_ref() {
                    Expr::String { value, .. } => Step::Name(text_of(value)),
                    _ => Step::Computed(index),
                });
                expr = refr;
            }
            _ => break,
        }
    }
    steps.reverse();
    (expr, steps)
}

fn text_of(value: &regorus::Value) -> String {
    value
        .as_string()
        .map_or_else(|_| String::new(), |text| text.to_string())
}

/// The names at the beginning of a chain.
fn names<'a>(steps: &'a [Step<'_>]) -> Vec<&'a str> {
    let names = steps.iter().map_while(|step| match step {
        Step::Name(name) => Some(name.as_str()),
        Step::Computed(_) => None,
    });
    names.collect()
}

fn joined(root: &str, steps: &[Step<'_>]) -> String {
    let mut text = root.to_owned();
    for step in steps {
        text.push('.');
        text.push_str(match step {
            Step::Name(name) => name,
            Step::Computed(_) => "[...]",
        });
    }
    text
}

/// A rule's name as it is declared, and whether it is a function.
fn head(rule: &Rule) -> (&Ref<Expr>, bool) {
    match rule {
        Rule::Default { refr, args, .. } => (refr, !args.is_empty()),
        Rule::Spec { head, .. } => match head {
            RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } => (refr, false),
            RuleHead::Func { refr, .. } => (refr, true),
        },
    }
}

fn fault<T>(span: &Span, fault: PolicyFault) -> Result<T, PolicyError> {
    Err(PolicyError::Fault {
        line: span.line,
        fault,
    })
}

fn written(name: &str) -> String {
    shown(name, 100)
}
