//! Looks up one name.

use super::*;
use crate::fault::nearest;
use crate::{functions, library};

impl Look {
    /// A chain of steps from a name, or from a value.
    pub(super) fn reference(&mut self, expr: &Ref<Expr>, called: bool) -> Checked {
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
        if let (Names::Given(given), "data") = (self.names, name) {
            let there = path.first().is_some_and(|first| given.contains(first));
            return match there && !called {
                true => Ok(()),
                false => self.no_such_datum(span, given, &steps),
            };
        }
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
    pub(super) fn policy(&mut self, span: &Span, policy: &str) -> Checked {
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

    pub(super) fn no_such_policy(&self, span: &Span, named: &str) -> Checked {
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

    fn no_such_datum(&self, span: &Span, given: &[&str], steps: &[Step<'_>]) -> Checked {
        let there: Vec<_> = given.iter().map(|one| format!("data[\"{one}\"]")).collect();
        fault(
            span,
            PolicyFault::NoSuchDatum {
                named: written(&joined(span.text(), steps)),
                there: there.join(", "),
            },
        )
    }

    fn unwritten(&self, span: &Span, steps: &[Step<'_>]) -> Checked {
        let named = written(&joined(span.text(), steps));
        fault(span, PolicyFault::Unwritten { named })
    }
}

fn no_function(span: &Span) -> Checked {
    let named = written(span.text());
    fault(span, PolicyFault::NoFunction { named })
}
