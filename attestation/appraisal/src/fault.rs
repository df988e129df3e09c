//! What a policy may not do, found before it is asked anything.

/// What a policy may not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// It names a policy that does not come along. In Rego that is undefined, and would silently deny nothing.
    #[error("there is no policy `{named}`{}; there are: {there}", near(nearest))]
    NoSuchPolicy {
        /// What it names.
        named: String,
        /// What there is that is written most like it.
        nearest: Option<String>,
        /// What there is.
        there: String,
    },
    /// It names a rule that a policy does not have, which is undefined too.
    #[error("`{policy}` has no rule `{named}`{}; it has: {there}", near(nearest))]
    NoSuchRule {
        /// The policy.
        policy: String,
        /// What it names.
        named: String,
        /// What there is that is written most like it.
        nearest: Option<String>,
        /// What there is.
        there: String,
    },
    /// It takes a function for a value, which is undefined.
    #[error("`{named}` is a function: it has no value unless it is called")]
    NotCalled {
        /// The function.
        named: String,
    },
    /// It calls what is no function.
    #[error("`{named}` is no function")]
    NoFunction {
        /// What it calls.
        named: String,
    },
    /// It calls a function that there is not.
    #[error("there is no function `{named}`{}", near(nearest))]
    NoSuchFunction {
        /// What it calls.
        named: String,
        /// What there is that is written most like it.
        nearest: Option<String>,
    },
    /// It calls a function that may not be called.
    #[error("`{named}` may not be called: {why}")]
    FunctionRefused {
        /// The function.
        named: String,
        /// Why not.
        why: &'static str,
    },
    /// It takes from `data`, or from an imported policy, something that is not written down.
    #[error(
        "`{named}` does not say which rule is meant: write `data.cloister.POLICY.RULE`, or import the policy and write `POLICY.RULE`"
    )]
    Unwritten {
        /// What it takes from.
        named: String,
    },
    /// It imports something else than a policy.
    #[error("`{named}` cannot be imported, only `data.cloister.POLICY` can")]
    Import {
        /// What it imports.
        named: String,
    },
    /// It takes from `data` what no question brings.
    #[error("there is no `{named}`; there are: {there}")]
    NoSuchDatum {
        /// What it takes.
        named: String,
        /// What there is.
        there: String,
    },
    /// It imports something where there is nothing to import.
    #[error("`{named}` cannot be imported: write the whole of its name where it is needed")]
    NothingToImport {
        /// What it imports.
        named: String,
    },
    /// One name for two things.
    #[error("`{named}` has another meaning here already")]
    Shadowed {
        /// The name.
        named: String,
    },
    /// It replaces something else than its input.
    #[error("`with` may replace `input` alone, not `{target}`")]
    With {
        /// What it replaces.
        target: String,
    },
    /// It multiplies what may be large by what may be large.
    #[error(
        "one side of `*` has to be a number that is written down: squares of squares have no bound"
    )]
    Product,
    /// It takes one set from another, or it cannot be told that it does not. An operator is one step, however large the sets.
    #[error(
        "`-` may be between sets, whose size has no bound: write `{{x | some x in a; not x in b}}`, or of numbers `a - 1 * b`"
    )]
    Difference,
    /// It joins or cuts sets by an operator, which is one step, however large they are.
    #[error("`|` and `&` have no bound: write `union({{a, b}})` and `intersection({{a, b}})`")]
    OfSets,
    /// A rule needs itself.
    #[error("`{rule}` needs itself")]
    Recursion {
        /// The rule.
        rule: String,
    },
    /// Rules that need rules that need rules.
    #[error("`{rule}` needs rules that need rules, more than {most} deep")]
    RuleDepth {
        /// The first of them.
        rule: String,
        /// How deep they may go.
        most: usize,
    },
    /// Brackets in brackets.
    #[error("brackets lie more than {most} deep in each other")]
    Depth {
        /// How deep they may lie.
        most: usize,
    },
    /// Operators in a row.
    #[error("an expression has more than {most} operators in a row")]
    Operators {
        /// How many it may have.
        most: usize,
    },
    /// Many words in deep brackets.
    #[error("too much lies in brackets that lie in brackets: give parts of it names of their own")]
    Readings,
    /// A character by which people may see other lines than the engine, or other text: NUL, after which it reads nothing; what
    /// some programs show as the end of a line; what changes the direction of writing.
    #[error("the character U+{code:04X}, for which people may see other text than is read")]
    Character {
        /// Its number in Unicode.
        code: u32,
    },
}

fn near(nearest: &Option<String>) -> String {
    match nearest {
        Some(name) => format!(" (did you mean `{name}`?)"),
        None => String::new(),
    }
}

/// What is written most like a name, if it is much like it.
pub(crate) fn nearest<'a>(named: &str, there: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let named: String = named.chars().take(64).collect();
    let near = there.into_iter().map(|one| (distance(&named, one), one));
    let (distance, one) = near.min()?;
    (distance <= 1 + one.chars().count() / 3).then(|| one.to_owned())
}

/// How many characters have to be changed, put in or left out to make one text of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, left) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut before = index + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = before;
        }
        for (right, cell) in other.chars().zip(cells) {
            let changed = diagonal + usize::from(left != right);
            diagonal = *cell;
            before = changed.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changes() {
        assert_eq!(distance("badram", "badram"), 0);
        assert_eq!(distance("badrma", "badram"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("denny", "deny"), 1);
    }

    #[test]
    fn nearest_name_is_much_like_it_or_none() {
        let there = ["strict", "badram", "milan_vcek_seed"];
        assert_eq!(nearest("badrma", there).as_deref(), Some("badram"));
        assert_eq!(
            nearest("milan_vcek_sed", there).as_deref(),
            Some("milan_vcek_seed")
        );
        assert_eq!(nearest("something", there), None);
    }
}
