//! The functions that a policy may call.
//!
//! A count of steps does not bound what one step makes: `numbers.range` makes a list of any length of two numbers, and ten
//! lines of `concat` a text of a thousand times their length each. So a function that makes something of its arguments is
//! charged, before it runs, for all that it has to read and write; what one evaluation may spend so is bounded, like its
//! steps are, and the same everywhere. What cannot be bounded so is refused by name when a policy is read, and so is every
//! function that the engine does not have as it is built here: no clock, no chance, no network, no regular expressions.

use regorus::unstable::{BUILTINS, Expr, Ref, Span};
use regorus::{Engine, Source, Value};
use std::cell::Cell;

/// What a call is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charge {
    /// Nothing: it says something of its arguments, or takes a part out of them, and makes nothing of its own.
    Nothing,
    /// Its arguments, with all that lies in them.
    Arguments,
    /// Its arguments, and as many numbers as lie between the first two.
    Range,
    /// Its arguments, and each part of the first for each part of the second: it looks for all of the one in all of the other.
    Times,
    /// Its arguments, and a value for each character of the first.
    Pieces,
    /// Its arguments, and the widths that its format asks for.
    Format,
    /// Its arguments, and the first, in between all items of the second.
    Joint,
    /// Its arguments, and the third in place of each second in the first.
    Replacement,
}

/// The functions that may be called, how many arguments each takes, and what a call is charged.
pub(crate) const FUNCTIONS: &[(&str, u8, Charge)] = &[
    ("abs", 1, Charge::Arguments),
    ("array.concat", 2, Charge::Arguments),
    ("array.reverse", 1, Charge::Arguments),
    ("array.slice", 3, Charge::Arguments),
    ("bits.and", 2, Charge::Arguments),
    ("bits.negate", 1, Charge::Arguments),
    ("bits.or", 2, Charge::Arguments),
    ("bits.xor", 2, Charge::Arguments),
    ("ceil", 1, Charge::Arguments),
    ("concat", 2, Charge::Joint),
    ("contains", 2, Charge::Nothing),
    ("count", 1, Charge::Nothing),
    ("endswith", 2, Charge::Nothing),
    ("floor", 1, Charge::Arguments),
    ("format_int", 2, Charge::Arguments),
    ("indexof", 2, Charge::Times),
    ("indexof_n", 2, Charge::Times),
    ("intersection", 1, Charge::Arguments),
    ("is_array", 1, Charge::Nothing),
    ("is_boolean", 1, Charge::Nothing),
    ("is_null", 1, Charge::Nothing),
    ("is_number", 1, Charge::Nothing),
    ("is_object", 1, Charge::Nothing),
    ("is_set", 1, Charge::Nothing),
    ("is_string", 1, Charge::Nothing),
    ("json.filter", 2, Charge::Times),
    ("json.is_valid", 1, Charge::Arguments),
    ("json.marshal", 1, Charge::Arguments),
    ("json.remove", 2, Charge::Times),
    ("json.unmarshal", 1, Charge::Arguments),
    ("lower", 1, Charge::Arguments),
    ("max", 1, Charge::Arguments),
    ("min", 1, Charge::Arguments),
    ("numbers.range", 2, Charge::Range),
    ("numbers.range_step", 3, Charge::Range),
    ("object.filter", 2, Charge::Times),
    ("object.get", 3, Charge::Nothing),
    ("object.keys", 1, Charge::Arguments),
    ("object.remove", 2, Charge::Times),
    ("object.subset", 2, Charge::Times),
    ("object.union", 2, Charge::Arguments),
    ("object.union_n", 1, Charge::Arguments),
    ("replace", 3, Charge::Replacement),
    ("round", 1, Charge::Arguments),
    ("sort", 1, Charge::Arguments),
    ("split", 2, Charge::Pieces),
    ("sprintf", 2, Charge::Format),
    ("startswith", 2, Charge::Nothing),
    ("strings.any_prefix_match", 2, Charge::Times),
    ("strings.any_suffix_match", 2, Charge::Times),
    ("strings.count", 2, Charge::Times),
    ("strings.reverse", 1, Charge::Arguments),
    ("substring", 3, Charge::Arguments),
    ("sum", 1, Charge::Arguments),
    ("to_number", 1, Charge::Arguments),
    ("trim", 2, Charge::Times),
    ("trim_left", 2, Charge::Times),
    ("trim_prefix", 2, Charge::Arguments),
    ("trim_right", 2, Charge::Times),
    ("trim_space", 1, Charge::Arguments),
    ("trim_suffix", 2, Charge::Arguments),
    ("type_name", 1, Charge::Nothing),
    ("union", 1, Charge::Arguments),
    ("upper", 1, Charge::Arguments),
];

/// What the engine has and a policy may not call, with the reason; and what policies written for others call.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("__builtin_sets.intersection", "write `intersection`"),
    ("__builtin_sets.union", "write `union`"),
    (
        "bits.lsh",
        "it makes a number of any size of two small ones",
    ),
    (
        "bits.rsh",
        "its sister makes a number of any size of two small ones",
    ),
    (
        "http.send",
        "an evaluation asks nobody, so that it can be made again",
    ),
    (
        "json.marshal_with_options",
        "what it puts before each line has no bound; `json.marshal` does it without",
    ),
    (
        "opa.runtime",
        "an evaluation knows nothing of its machine, so that it can be made again",
    ),
    ("product", "what it makes has no bound"),
    (
        "rand.intn",
        "an evaluation has no chance in it, so that it can be made again",
    ),
    (
        "strings.replace_n",
        "each of its replacements may make the text longer for the next; write `replace`",
    ),
    (
        "time.now_ns",
        "there is no clock but `input.judged_at`, so that an evaluation can be made again",
    ),
    ("trace", "nobody reads it"),
    (
        "units.parse",
        "it takes exponents of any size, and its time with them",
    ),
    (
        "units.parse_bytes",
        "it takes exponents of any size, and its time with them",
    ),
    (
        "uuid.rfc4122",
        "an evaluation has no chance in it, so that it can be made again",
    ),
    ("walk", "what it takes is not written down"),
];

/// The engine answers this one by itself, with `true`.
const PRINT: &str = "print";

/// Whether a function may be called.
pub(crate) fn is_there(name: &str) -> bool {
    name == PRINT || FUNCTIONS.iter().any(|(one, ..)| *one == name)
}

/// Why a function may not be called, if that is known by its name.
pub(crate) fn why_refused(name: &str) -> Option<&'static str> {
    let found = REFUSED.iter().find(|(one, _)| *one == name);
    found.map(|(_, why)| *why)
}

/// What the functions of one evaluation may read and write: values, and bytes of texts and numbers.
pub(crate) const MOST: u64 = 8 << 20;

/// The longest width that a format may ask for.
const WIDEST: u64 = 1000;

thread_local! {
    static SPENT: Cell<u64> = const { Cell::new(0) };
}

/// An evaluation begins.
pub(crate) fn begin() {
    SPENT.set(0);
}

/// Whether the evaluation has asked for more than it may.
pub(crate) fn overspent() -> bool {
    SPENT.get() > MOST
}

/// Gives the engine the functions that are charged, in place of its own of the same names.
pub(crate) fn give_to(engine: &mut Engine) -> anyhow::Result<()> {
    for (name, arguments, charge) in FUNCTIONS {
        if *charge == Charge::Nothing {
            continue;
        }
        let given = move |values: Vec<Value>| charged(name, *charge, &values);
        engine.add_extension((*name).to_owned(), *arguments, Box::new(given))?;
    }
    Ok(())
}

fn charged(name: &'static str, charge: Charge, values: &[Value]) -> anyhow::Result<Value> {
    let spent = SPENT.get().saturating_add(charge.of(values));
    SPENT.set(spent);
    if spent > MOST {
        anyhow::bail!(
            "`{name}` and the calls before it would make more than {MOST} values and bytes"
        );
    }
    if charge == Charge::Format && widths(values.first()).is_none() {
        anyhow::bail!("`{name}` takes widths of ASCII digits, up to {WIDEST}");
    }
    if let Some(answer) = of_nothing(name, values) {
        return answer;
    }
    let (function, _) = BUILTINS
        .get(name)
        .ok_or_else(|| anyhow::anyhow!("the engine has no `{name}`"))?;
    // The engine names a call's place by itself; what it asks of the function is what the function says.
    let place = Span {
        source: Source::from_contents(name.to_owned(), name.to_owned())?,
        line: 1,
        col: 1,
        start: 0,
        end: 0,
    };
    let argument = |_| {
        Ref::new(Expr::Null {
            span: place.clone(),
            value: Value::Null,
            eidx: 0,
        })
    };
    let arguments: Vec<_> = values.iter().map(argument).collect();
    function(&place, &arguments, values, true)
}

/// What the engine does not answer, but falls over: looking for nothing.
fn of_nothing(name: &str, values: &[Value]) -> Option<anyhow::Result<Value>> {
    match (name, values) {
        ("object.subset", [Value::Array(_), Value::Array(part)]) if part.is_empty() => {
            Some(Ok(Value::from(true)))
        }
        ("strings.count", [_, Value::String(part)]) if part.is_empty() => {
            Some(Err(anyhow::anyhow!("`{name}` of no text counts nothing")))
        }
        _ => None,
    }
}

impl Charge {
    fn of(self, values: &[Value]) -> u64 {
        let most = MOST.saturating_add(1);
        let read = values.iter().fold(0, |sum, value| size(value, sum, most));
        let more = match (self, values) {
            (Self::Range, [from, to, ..]) => between(from, to),
            (Self::Times, [one, other, ..]) => {
                let places = size(one, 0, most).saturating_mul(size(other, 0, most));
                places.saturating_mul(4)
            }
            (Self::Pieces, [whole, ..]) => product(text(whole), 4),
            (Self::Format, [format, ..]) => widths(Some(format)).unwrap_or(0),
            (Self::Joint, [joint, Value::Array(items)]) => product(text(joint), items.len()),
            (Self::Joint, [joint, Value::Set(items)]) => product(text(joint), items.len()),
            (Self::Replacement, [whole, old, new]) => {
                let places = text(whole) / text(old).max(1) + 1;
                product(text(new), places)
            }
            _ => 0,
        };
        read.saturating_add(more)
    }
}

fn product(one: usize, other: usize) -> u64 {
    let wide = |size| u64::try_from(size).unwrap_or(u64::MAX);
    wide(one).saturating_mul(wide(other))
}

fn text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        _ => 0,
    }
}

/// How many numbers lie between two, both among them; more than may be, where that cannot be told.
fn between(from: &Value, to: &Value) -> u64 {
    let count = match (from.as_i64(), to.as_i64()) {
        (Ok(from), Ok(to)) => from.abs_diff(to).saturating_add(1),
        _ => u64::MAX,
    };
    count.saturating_mul(4)
}

/// What the widths of a format add up to, if all are of a few ASCII digits: the engine takes any, and falls over others.
fn widths(format: Option<&Value>) -> Option<u64> {
    let Some(Value::String(format)) = format else {
        // No format: the function says so by itself.
        return Some(0);
    };
    let format = format.replace("%%", "");
    let widths = format.split('%').skip(1).map(|rest| {
        let rest = rest.strip_prefix('.').unwrap_or(rest);
        let digits: String = rest.chars().take_while(|c| c.is_numeric()).collect();
        match digits.as_str() {
            "" => Some(0),
            digits => digits.parse().ok().filter(|width| *width <= WIDEST),
        }
    });
    widths.sum()
}

/// The sum, and how much lies in a value: values, and bytes of texts and numbers. Ends soon after `most`, however often the
/// same part lies in it.
pub(crate) fn size(value: &Value, sum: u64, most: u64) -> u64 {
    if sum > most {
        return sum;
    }
    let sum = sum.saturating_add(1);
    match value {
        Value::String(text) => sum.saturating_add(product(text.len(), 1)),
        Value::Number(number) => match number.as_f64() {
            Some(_) => sum.saturating_add(8),
            None => sum.saturating_add(product(number.format_decimal().len(), 1)),
        },
        Value::Array(items) => items.iter().fold(sum, |sum, item| size(item, sum, most)),
        Value::Set(items) => items.iter().fold(sum, |sum, item| size(item, sum, most)),
        Value::Object(members) => members.iter().fold(sum, |sum, (name, member)| {
            size(member, size(name, sum, most), most)
        }),
        Value::Null | Value::Bool(_) | Value::Undefined => sum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_function_of_the_engine_is_allowed_or_refused_by_name() {
        let mut known = BTreeSet::new();
        let allowed = FUNCTIONS.iter().map(|(name, ..)| *name);
        for name in allowed.chain(REFUSED.iter().map(|(name, _)| *name)) {
            assert!(known.insert(name), "{name} is there twice");
        }
        let unknown: Vec<_> = BUILTINS
            .keys()
            .filter(|name| !known.contains(*name))
            .collect();
        assert!(
            unknown.is_empty(),
            "neither allowed nor refused: {unknown:?}"
        );
    }

    #[test]
    fn every_allowed_function_is_the_engines_and_takes_as_many_arguments() {
        for (name, arguments, _) in FUNCTIONS {
            let found = BUILTINS.get(name).map(|(_, count)| *count);
            assert_eq!(found, Some(*arguments), "{name}");
        }
    }
}
