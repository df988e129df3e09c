//! `/kbs/v0/reference-value`: messages of the reference value provider service, and what it answers.

use std::collections::BTreeMap;

use attestation_evidence::encoding::{base64_decode, base64_encode};
use attestation_evidence::{ParseError, from_json};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::Once;

/// The one version of messages.
const VERSION: &str = "0.1.0";
/// Values under names, without a signature.
const SAMPLE: &str = "sample";
/// The most values of a message.
const MOST: usize = 256;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 256;

/// Why reference values are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceValueError {
    /// Not such a message.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Another version.
    #[error("the message's version is not {VERSION}, the one that is known here")]
    Version,
    /// A form of provenance that is not read here.
    #[error("the message's type is not `{SAMPLE}`, the one that is read here")]
    Type,
    /// Not base64.
    #[error("`payload` is not canonical base64")]
    Payload,
    /// Names that are none, or too many.
    #[error("a message has 1 to {MOST} names of 1 to {LONGEST_NAME} bytes")]
    Names,
}

/// Values to be registered, by name: `POST /kbs/v0/reference-value`.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisterReferenceValues {
    values: BTreeMap<String, Value>,
}

/// The members in the order of kbs-client.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    payload: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default = "version")]
    version: String,
}

fn version() -> String {
    VERSION.to_owned()
}

impl RegisterReferenceValues {
    /// Reads the body.
    ///
    /// # Errors
    /// [`ReferenceValueError`].
    pub fn from_json(body: &[u8]) -> Result<Self, ReferenceValueError> {
        let written: Written = from_json("reference value message", body)?;
        if written.version != VERSION {
            return Err(ReferenceValueError::Version);
        }
        if written.kind != SAMPLE {
            return Err(ReferenceValueError::Type);
        }
        let payload = base64_decode(&written.payload).ok_or(ReferenceValueError::Payload)?;
        let Once(values) = from_json("payload of a reference value message", &payload)?;
        let named = |name: &String| (1..=LONGEST_NAME).contains(&name.len());
        if !(1..=MOST).contains(&values.len()) || !values.keys().all(named) {
            return Err(ReferenceValueError::Names);
        }
        Ok(Self { values })
    }

    /// Each name with its value, which is any JSON: a list in what kbs-client sends, unless it is told otherwise.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// The body, as kbs-client writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let payload = serde_json::to_vec(&self.values).expect("JSON is always JSON");
        let written = Written {
            payload: base64_encode(&payload),
            kind: SAMPLE.to_owned(),
            version: version(),
        };
        serde_json::to_string(&written).expect("strings under string keys are always JSON")
    }
}
