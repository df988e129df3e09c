//! How deep a policy's rules need each other.
//!
//! The engine descends from a rule to those that it needs, and has no limit of its own: a function that calls itself, or a
//! chain of thousands of rules, would end its process.

use crate::references::References;
use crate::{PolicyError, PolicyFault};
use std::collections::BTreeMap;

/// How deep rules may need rules. Shipped policies need five.
pub(crate) const DEEPEST: usize = 32;

/// Refuses a rule that needs itself, and one that needs others too deep.
pub(crate) fn check(references: &References) -> Result<(), PolicyError> {
    let mut depths = Depths {
        references,
        known: BTreeMap::new(),
    };
    for name in references.needs.keys() {
        depths.of(name, &mut Vec::new())?;
    }
    Ok(())
}

struct Depths<'a> {
    references: &'a References,
    known: BTreeMap<&'a str, usize>,
}

impl<'a> Depths<'a> {
    /// How many rules lie under this one. `above` are those that need it.
    fn of(&mut self, name: &'a str, above: &mut Vec<&'a str>) -> Result<usize, PolicyError> {
        if let Some(depth) = self.known.get(name) {
            return Ok(*depth);
        }
        let Some((line, needs)) = self.references.needs.get(name) else {
            return Ok(0);
        };
        let rule = name.to_owned();
        let fault = |fault| PolicyError::Fault { line: *line, fault };
        if above.contains(&name) {
            return Err(fault(PolicyFault::Recursion { rule }));
        }
        let too_deep = PolicyFault::RuleDepth {
            rule,
            most: DEEPEST,
        };
        if above.len() >= DEEPEST {
            return Err(fault(too_deep));
        }
        above.push(name);
        let mut depth = 0;
        for need in needs {
            depth = depth.max(1 + self.of(need, above)?);
        }
        above.pop();
        if depth >= DEEPEST {
            return Err(fault(too_deep));
        }
        self.known.insert(name, depth);
        Ok(depth)
    }
}
