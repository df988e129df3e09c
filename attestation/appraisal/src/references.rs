//! What a policy names: policies that come along, their rules, its own rules, functions.
//!
//! In Rego a reference to what is not there is undefined, and a line with an undefined value does nothing. A pack whose name is
//! misspelt would so silently lose its denials. Every reference is therefore looked up in the engine's own tree of the policy
//! when it is read, and whatever could not be looked up is refused: `data` and imported policies are there to take a rule of a
//! written name from, and for nothing else, and their names mean nothing else anywhere.

mod locals;

use crate::fault::nearest;
use crate::text::shown;
use crate::{PolicyError, PolicyFault, functions, library};
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
pub(crate) fn check(module: &Module) -> Result<References, PolicyError> {
    let mut look = Look {
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

impl Look {
    fn import(&mut self, import: &Import) -> Checked {
        let (root, steps) = flat(&import.refr);
        let path = names(&steps);
        let root = root.span().text();
        let policy = match (root, path.as_slice()) {
            ("rego", ["v1"]) | ("future", ["keywords", ..]) => return Ok(()),
            ("data", ["cloister", policy]) => *policy,
            ("data", [first, ..]) if *first != "cloister" => {
                return self.no_such_policy(&import.span, &joined(root, &steps));
            }
            _ => {
                let named = written(&joined(root, &steps));
                return fault(&import.span, PolicyFault::Import { named });
            }
        };
        self.policy(&import.span, policy)?;
        let name = match &import.r#as {
            Some(name) => name.text(),
            None => policy,
        };
        let taken = self.imports.contains_key(name) || self.own.contains_key(name);
        if taken || matches!(name, "data" | "input") {
            let named = written(name);
            return fault(&import.span, PolicyFault::Shadowed { named });
        }
        self.imports.insert(name.to_owned(), policy.to_owned());
        Ok(())
    }

    fn rule(&mut self, rule: &Ref<Rule>) -> Checked {
        let (refr, _) = head(rule);
        let (root, steps) = flat(refr);
        let name = root.span().text();
        if self.imports.contains_key(name) || matches!(name, "data" | "input") {
            return shadowed(root.span());
        }
        self.rule = name.to_owned();
        let line = root.span().line;
        let needs = || (line, BTreeSet::new());
        self.found
            .needs
            .entry(name.to_owned())
            .or_insert_with(needs);
        self.locals = locals::of(rule);
        self.steps(&steps)?;
        match rule.as_ref() {
            Rule::Default { args, value, .. } => {
                self.every(args)?;
                self.expr(value)
            }
            Rule::Spec { head, bodies, .. } => {
                self.head(head)?;
                bodies.iter().try_for_each(|body| self.body(body))
            }
        }
    }

    fn head(&mut self, head: &RuleHead) -> Checked {
        match head {
            RuleHead::Compr { assign, .. } => self.maybe(assign.as_ref().map(|one| &one.value)),
            RuleHead::Set { key, .. } => self.maybe(key.as_ref()),
            RuleHead::Func { args, assign, .. } => {
                self.every(args)?;
                self.maybe(assign.as_ref().map(|one| &one.value))
            }
        }
    }

    fn body(&mut self, body: &RuleBody) -> Checked {
        self.maybe(body.assign.as_ref().map(|one| &one.value))?;
        self.query(&body.query)
    }

    fn query(&mut self, query: &Query) -> Checked {
        for statement in &query.stmts {
            self.literal(&statement.literal)?;
            for with in &statement.with_mods {
                let (root, steps) = flat(&with.refr);
                if root.span().text() != "input" {
                    let target = written(&joined(root.span().text(), &steps));
                    return fault(&with.span, PolicyFault::With { target });
                }
                self.expr(&with.r#as)?;
            }
        }
        Ok(())
    }

    fn literal(&mut self, literal: &Literal) -> Checked {
        match literal {
            Literal::SomeVars { vars, .. } => vars.iter().try_for_each(|var| self.declared(var)),
            Literal::SomeIn {
                key,
                value,
                collection,
                ..
            } => {
                self.maybe(key.as_ref())?;
                self.every([value, collection])
            }
            Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
            Literal::Every {
                key,
                value,
                domain,
                query,
                ..
            } => {
                key.iter()
                    .chain([value])
                    .try_for_each(|var| self.declared(var))?;
                self.expr(domain)?;
                self.query(query)
            }
        }
    }

    /// A name that a line makes its own.
    fn declared(&self, var: &Span) -> Checked {
        let name = var.text();
        if self.imports.contains_key(name) || matches!(name, "data" | "input") {
            return shadowed(var);
        }
        Ok(())
    }

    fn maybe(&mut self, expr: Option<&Ref<Expr>>) -> Checked {
        self.every(expr)
    }

    fn every<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Ref<Expr>>) -> Checked {
        exprs.into_iter().try_for_each(|expr| self.expr(expr))
    }

    fn steps(&mut self, steps: &[Step<'_>]) -> Checked {
        for step in steps {
            if let Step::Computed(index) = step {
                self.expr(index)?;
            }
        }
        Ok(())
    }

    fn expr(&mut self, expr: &Ref<Expr>) -> Checked {
        match expr.as_ref() {
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => Ok(()),
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => {
                self.reference(expr, false)
            }
            Expr::Call { fcn, params, .. } => {
                self.reference(fcn, true)?;
                self.every(params)
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => self.every(items),
            Expr::Object { fields, .. } => {
                let parts = fields.iter().flat_map(|(_, key, value)| [key, value]);
                self.every(parts)
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term)?;
                self.query(query)
            }
            Expr::ObjectCompr {
                key, value, query, ..
            } => {
                self.every([key, value])?;
                self.query(query)
            }
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::ArithExpr {
                op: ArithOp::Mul,
                lhs,
                rhs,
                span,
                ..
            } if !is_number(lhs) && !is_number(rhs) => fault(span, PolicyFault::Product),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => self.every([lhs, rhs]),
            Expr::Membership {
                key,
                value,
                collection,
                ..
            } => {
                self.maybe(key.as_ref())?;
                self.every([value, collection])
            }
        }
    }

    /// A chain of steps from a name, or from a value.
    fn reference(&mut self, expr: &Ref<Expr>, called: bool) -> Checked {
        let (root, steps) = flat(expr);
        self.steps(&steps)?;
        let Expr::Var { span, .. } = root.as_ref() else {
            return match called {
                true => no_function(root.span()),
                false => self.expr(root),
            };
        };
        let path = names(&steps);
        if called && path.len() != steps.len() {
            return no_function(expr.span());
        }
        let name = span.text();
        if name == "data" {
            return match path.as_slice() {
                ["cloister", policy, rule, more @ ..] => {
                    self.policy(span, policy)?;
                    self.rule_of(span, policy, rule, called.then_some(more.len()))
                }
                ["cloister", policy] => {
                    self.policy(span, policy)?;
                    self.unwritten(span, &steps)
                }
                [first, ..] if *first != "cloister" => {
                    self.no_such_policy(span, &joined("data", &steps))
                }
                _ => self.unwritten(span, &steps),
            };
        }
        if let Some(policy) = self.imports.get(name).cloned() {
            return match path.as_slice() {
                [rule, more @ ..] => {
                    self.rule_of(span, &policy, rule, called.then_some(more.len()))
                }
                [] => self.unwritten(span, &steps),
            };
        }
        match called {
            true => self.function(span, &joined(name, &steps)),
            false => self.own_value(span, name),
        }
    }

    /// Whether there is such a policy.
    fn policy(&mut self, span: &Span, policy: &str) -> Checked {
        if policy == OWN {
            return Ok(());
        }
        let Some(known) = library::packages().find(|one| *one == policy) else {
            return self.no_such_policy(span, &format!("data.cloister.{policy}"));
        };
        self.found.policies.insert(known);
        Ok(())
    }

    /// Whether a policy has this rule, and whether it is used as what it is. `called` with how many more steps, if it is.
    fn rule_of(&mut self, span: &Span, policy: &str, rule: &str, called: Option<usize>) -> Checked {
        let rules = match policy {
            OWN => &self.own,
            other => library::rules(other).unwrap_or(&self.own),
        };
        let named = format!("{policy}.{rule}");
        match (rules.get(rule), called) {
            (None, _) => {
                let there = rules.keys().map(String::as_str);
                let there = there.filter(|name| !name.starts_with("test_"));
                let there: Vec<_> = there.collect();
                fault(
                    span,
                    PolicyFault::NoSuchRule {
                        policy: written(policy),
                        named: written(rule),
                        nearest: nearest(rule, there.iter().copied()),
                        there: shown(&there.join(", "), 1000),
                    },
                )
            }
            (Some(true), None) => fault(span, PolicyFault::NotCalled { named }),
            (Some(false), Some(_)) | (Some(true), Some(1..)) => {
                fault(span, PolicyFault::NoFunction { named })
            }
            (Some(_), _) => {
                if policy == OWN {
                    self.need(rule);
                }
                Ok(())
            }
        }
    }

    fn own_value(&mut self, span: &Span, name: &str) -> Checked {
        if self.locals.contains(name) {
            return Ok(());
        }
        match self.own.get(name) {
            Some(true) => fault(
                span,
                PolicyFault::NotCalled {
                    named: written(name),
                },
            ),
            Some(false) => {
                self.need(name);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn function(&mut self, span: &Span, name: &str) -> Checked {
        if let Some(function) = self.own.get(name) {
            if !function {
                return no_function(span);
            }
            let first = name.split('.').next().unwrap_or(name);
            self.need(first);
            return Ok(());
        }
        if functions::is_there(name) {
            return Ok(());
        }
        let named = written(name);
        if let Some(why) = functions::why_refused(name) {
            return fault(span, PolicyFault::FunctionRefused { named, why });
        }
        let own = self.own.iter().filter(|(_, function)| **function);
        let mut there: Vec<&str> = own.map(|(name, _)| name.as_str()).collect();
        there.extend(functions::FUNCTIONS.iter().map(|(name, ..)| *name));
        let nearest = nearest(name, there);
        fault(span, PolicyFault::NoSuchFunction { named, nearest })
    }

    fn need(&mut self, rule: &str) {
        if let Some((_, needs)) = self.found.needs.get_mut(&self.rule) {
            needs.insert(rule.to_owned());
        }
    }

    fn no_such_policy(&self, span: &Span, named: &str) -> Checked {
        let there: Vec<_> = library::packages().collect();
        let last = named.rsplit('.').next().unwrap_or(named);
        fault(
            span,
            PolicyFault::NoSuchPolicy {
                named: written(named),
                nearest: nearest(last, there.iter().copied()),
                there: there.join(", "),
            },
        )
    }

    fn unwritten(&self, span: &Span, steps: &[Step<'_>]) -> Checked {
        let named = written(&joined(span.text(), steps));
        fault(span, PolicyFault::Unwritten { named })
    }
}

fn shadowed(span: &Span) -> Checked {
    let named = written(span.text());
    fault(span, PolicyFault::Shadowed { named })
}

fn no_function(span: &Span) -> Checked {
    let named = written(span.text());
    fault(span, PolicyFault::NoFunction { named })
}

fn is_number(expr: &Ref<Expr>) -> bool {
    matches!(expr.as_ref(), Expr::Number { .. })
}
