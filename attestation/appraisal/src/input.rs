//! What a policy is asked about.
//!
//! Claims come out of evidence, which a host wrote: before they are put to a policy their size is bounded, so that the
//! policy's own loops are.

use crate::{Context, Judged, PolicyError, Tee, canonical};
use serde_json::{Map, Value, json};

/// The largest input, in bytes of its canonical text.
const LARGEST: usize = 1 << 20;
/// The longest text in it, in bytes.
const LONGEST_TEXT: usize = 16 * 1024;
/// The most values in it, counted in all depths.
const MOST_VALUES: usize = 32 * 1024;
/// How deep they may lie.
const DEEPEST: usize = 16;
/// The most files that a verdict may be reached by: their digests are in tokens.
const MOST_FILES: usize = 256;

/// Checked for size; nothing else reaches a policy.
#[derive(Debug)]
pub(crate) struct Input {
    value: Value,
}

impl Input {
    /// What a question of another kind is about.
    pub fn of(value: Value) -> Result<Self, PolicyError> {
        let text = canonical::text(&value);
        Self::bounded(value, &text)
    }

    /// Before the judgement: the claims of one TEE.
    pub fn before(tee: Tee, claims: &Value) -> Result<Self, PolicyError> {
        let value = json!({"tee": tee.name(), tee.name(): claims});
        let text = canonical::text(&value);
        Self::bounded(value, &text)
    }

    /// After it: everything that was found, and the digest of its canonical text, which is there whatever its size.
    pub fn after(judged: &Judged, context: &Context) -> (Result<Self, PolicyError>, String) {
        let value = Self::found(judged, context);
        let text = canonical::text(&value);
        let digest = canonical::digest(text.as_bytes());
        let files = context.files.count();
        if files > MOST_FILES {
            let message = format!("{files} files, where {MOST_FILES} are allowed");
            return (Err(PolicyError::Input(message)), digest);
        }
        (Self::bounded(value, &text), digest)
    }

    fn found(judged: &Judged, context: &Context) -> Value {
        let mut limits = Map::new();
        let mut input = judged.claims();
        for part in judged.parts() {
            limits.insert(part.tee.name().to_owned(), part.limits.clone());
        }
        input.insert("tee".to_owned(), json!(judged.tee().name()));
        input.insert("limits".to_owned(), Value::Object(limits));
        input.insert("record".to_owned(), json!(judged.record()));
        input.insert("binding".to_owned(), context.binding_value());
        input.insert("judged_at".to_owned(), json!(context.judged_at));
        input.insert("named_root".to_owned(), json!(context.named_root));
        input.insert("files".to_owned(), json!(context.files));
        Value::Object(input)
    }

    fn bounded(value: Value, text: &str) -> Result<Self, PolicyError> {
        let mut count = 0;
        bounded(&value, 0, &mut count).map_err(PolicyError::Input)?;
        if text.len() > LARGEST {
            let message = format!("{} bytes, where {LARGEST} are allowed", text.len());
            return Err(PolicyError::Input(message));
        }
        Ok(Self { value })
    }

    pub fn value(&self) -> &Value {
        &self.value
    }
}

fn bounded(value: &Value, depth: usize, count: &mut usize) -> Result<(), String> {
    *count += 1;
    if *count > MOST_VALUES {
        return Err(format!("more than {MOST_VALUES} values"));
    }
    if depth > DEEPEST {
        return Err(format!("values more than {DEEPEST} deep"));
    }
    match value {
        Value::String(text) => bounded_text(text),
        Value::Array(items) => items
            .iter()
            .try_for_each(|item| bounded(item, depth + 1, count)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            bounded_text(name)?;
            bounded(value, depth + 1, count)
        }),
        _ => Ok(()),
    }
}

fn bounded_text(text: &str) -> Result<(), String> {
    if text.len() > LONGEST_TEXT {
        return Err(format!(
            "a text of {} bytes, where {LONGEST_TEXT} are allowed",
            text.len()
        ));
    }
    Ok(())
}
