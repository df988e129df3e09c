//! How deep a policy's rules need each other.
//!
//! The engine descends from a rule to those that it needs, and has no limit of its own: a function that calls itself, or a
//! chain of thousands of rules, would end its process.

use crate::references::References;
use crate::{PolicyError, PolicyFault};
use std::collections::BTreeSet;

/// How deep rules may need rules. Shipped policies need a few.
pub(crate) const DEEPEST: usize = 32;

/// Refuses a rule that needs itself, and one that needs others too deep.
pub(crate) fn check(references: &References) -> Result<(), PolicyError> {
    let needs = &references.needs;
    let mut left: BTreeSet<&str> = needs.keys().map(String::as_str).collect();
    for _ in 0..DEEPEST {
        // Those that need none of what is left.
        let waits = |name: &&str| {
            let found = needs.get(*name).map(|(_, needs)| needs);
            found.is_some_and(|needs| needs.iter().any(|need| left.contains(need.as_str())))
        };
        left = left.iter().copied().filter(waits).collect();
    }
    match left.first() {
        None => Ok(()),
        Some(first) => Err(fault(references, &left, first)),
    }
}

/// What is wrong with what is left, beginning at one of it.
fn fault(references: &References, left: &BTreeSet<&str>, first: &str) -> PolicyError {
    let mut way = vec![first.to_owned()];
    while let Some((line, needs)) = way.last().and_then(|last| references.needs.get(last)) {
        let next = needs.iter().find(|need| left.contains(need.as_str()));
        let Some(next) = next.filter(|_| way.len() <= DEEPEST) else {
            break;
        };
        if way.contains(next) {
            let fault = PolicyFault::Recursion { rule: next.clone() };
            return PolicyError::Fault { line: *line, fault };
        }
        way.push(next.clone());
    }
    let line = references.needs.get(first).map_or(0, |(line, _)| *line);
    let fault = PolicyFault::RuleDepth {
        rule: first.to_owned(),
        most: DEEPEST,
    };
    PolicyError::Fault { line, fault }
}
