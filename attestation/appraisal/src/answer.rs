//! What a policy answers, read strictly.

use crate::text::{is_name, shown};
use crate::{About, Denial, PolicyError, Tee, TrustVector};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The most reasons that a policy may give to refuse.
const MOST_DENIALS: usize = 64;
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

fn read<T: DeserializeOwned>(rule: &str, value: Value) -> Result<T, PolicyError> {
    serde_json::from_value(value).map_err(|error| invalid(rule, &error.to_string()))
}

fn invalid(rule: &str, message: &str) -> PolicyError {
    PolicyError::Answer {
        rule: rule.to_owned(),
        message: shown(message, 300),
    }
}

/// The limits for one TEE, out of those for all.
pub(crate) fn limits(tee: Tee, value: Value) -> Result<Value, PolicyError> {
    let Value::Object(mut members) = value else {
        return Err(invalid(
            "limits",
            "it is no object with a member for each TEE",
        ));
    };
    let known = |name: &String| Tee::ALL.iter().any(|tee| tee.name() == name);
    if let Some(name) = members.keys().find(|name| !known(name)) {
        return Err(invalid("limits", &format!("member `{name}` is no TEE")));
    }
    match members.remove(tee.name()) {
        Some(limits @ Value::Object(_)) => Ok(limits),
        Some(_) => Err(invalid(&format!("limits.{tee}"), "it is no object")),
        None => Err(PolicyError::Undefined(format!("limits.{tee}"))),
    }
}

pub(crate) fn trust_vector(value: Value) -> Result<TrustVector, PolicyError> {
    read("trust_vector", value)
}

/// A reason as a policy writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    code: String,
    reason: String,
}

pub(crate) fn denials(value: Value) -> Result<Vec<Denial>, PolicyError> {
    let written: Vec<Written> = read("deny", value)?;
    if written.len() > MOST_DENIALS {
        let count = written.len();
        return Err(invalid(
            "deny",
            &format!("{count} reasons, where {MOST_DENIALS} are allowed"),
        ));
    }
    let denials = written.into_iter().map(|denial| {
        if !is_name(&denial.code) {
            return Err(invalid(
                "deny",
                "a code is not 1 to 64 of a-z, 0-9, `_`, `-` and `.`",
            ));
        }
        Ok(Denial {
            code: denial.code,
            reason: shown(&denial.reason, LONGEST_REASON),
        })
    });
    denials.collect()
}

pub(crate) fn about(value: Value) -> Result<About, PolicyError> {
    let about: About = read("about", value)?;
    if !is_name(&about.name) {
        return Err(invalid(
            "about",
            "the name is not 1 to 64 of a-z, 0-9, `_`, `-` and `.`",
        ));
    }
    if !is_date(&about.dated) {
        return Err(invalid("about", "`dated` is no date like 2026-01-31"));
    }
    let shown = |text: &String| shown(text, LONGEST_REASON);
    Ok(About {
        text: shown(&about.text),
        sources: about.sources.iter().take(MOST_DENIALS).map(shown).collect(),
        ..about
    })
}

fn is_date(text: &str) -> bool {
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>()[..] {
        [year, month, day] => digits(year, 4) && digits(month, 2) && digits(day, 2),
        _ => false,
    }
}
