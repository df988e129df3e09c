//! The runtime data of an HCL report: the vTPM's keys and what the paravisor knows of the machine.
//!
//! It grows from version to version of the paravisor, so members that are not known are let be; none may come twice.

use crate::unique_json::Unique;
use crate::{AttestationKey, KeyError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const AK: &str = "HCLAkPub";
/// More are made up: there are two.
const MOST_KEYS: usize = 8;

/// Runtime data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeData {
    /// The key `HCLAkPub`, which signs the vTPM's quotes.
    pub ak: AttestationKey,
    /// The machine's configuration.
    pub vm: VmConfiguration,
    /// What the guest asked to be bound; empty if nothing.
    pub user_data: Vec<u8>,
}

/// What the paravisor knows of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VmConfiguration {
    /// Whether the firmware enforces Secure Boot.
    pub secure_boot: Option<bool>,
    /// Whether there is a serial console.
    pub console_enabled: Option<bool>,
    /// Every member that is text, a number, or yes and no.
    pub members: BTreeMap<String, Value>,
}

impl RuntimeData {
    /// Reads runtime data.
    ///
    /// # Errors
    /// It is no such JSON, or has not exactly one key that can sign quotes.
    pub fn read(text: &[u8]) -> Result<Self, RuntimeDataError> {
        let Unique(document) = serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            RuntimeDataError::Json { line, column }
        })?;
        let Value::Object(document) = document else {
            return Err(RuntimeDataError::Member("the document"));
        };
        Ok(Self {
            ak: attestation_key(&document)?,
            vm: vm_configuration(&document)?,
            user_data: user_data(&document)?,
        })
    }
}

fn attestation_key(document: &Map<String, Value>) -> Result<AttestationKey, RuntimeDataError> {
    let keys = document.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or(RuntimeDataError::Member("keys"))?;
    if keys.len() > MOST_KEYS {
        return Err(RuntimeDataError::KeyCount(keys.len()));
    }
    let named = |key: &&Value| text(key, "kid") == Some(AK);
    let mut of_that_name = keys.iter().filter(named);
    match (of_that_name.next(), of_that_name.next()) {
        (None, _) => Err(RuntimeDataError::NoKey),
        (Some(_), Some(_)) => Err(RuntimeDataError::KeyTwice),
        (Some(key), None) => signing_key(key, keys),
    }
}

fn signing_key(key: &Value, all: &[Value]) -> Result<AttestationKey, RuntimeDataError> {
    if key.get("key_ops") != Some(&serde_json::json!(["sign"])) {
        return Err(RuntimeDataError::Use);
    }
    if text(key, "kty") != Some("RSA") {
        return Err(RuntimeDataError::Kind);
    }
    let number = |name| text(key, name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    let modulus = number("n").ok_or(RuntimeDataError::Member("n"))?;
    let exponent = number("e").ok_or(RuntimeDataError::Member("e"))?;
    // A key for two uses would sign what it was asked to decrypt.
    let same = |other: &&Value| other.get("n") == key.get("n");
    if all.iter().filter(same).count() != 1 {
        return Err(RuntimeDataError::KeyTwice);
    }
    AttestationKey::rsa(&modulus, &exponent).map_err(RuntimeDataError::Key)
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn vm_configuration(document: &Map<String, Value>) -> Result<VmConfiguration, RuntimeDataError> {
    let configuration = document.get("vm-configuration").and_then(Value::as_object);
    let configuration = configuration.ok_or(RuntimeDataError::Member("vm-configuration"))?;
    let yes_or_no = |name| match configuration.get(name) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(RuntimeDataError::Member(name)),
    };
    let simple = |value: &Value| !value.is_object() && !value.is_array() && !value.is_null();
    let members = configuration.iter().filter(|(_, value)| simple(value));
    Ok(VmConfiguration {
        secure_boot: yes_or_no("secure-boot")?,
        console_enabled: yes_or_no("console-enabled")?,
        members: members
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    })
}

fn user_data(document: &Map<String, Value>) -> Result<Vec<u8>, RuntimeDataError> {
    let Some(value) = document.get("user-data") else {
        return Ok(Vec::new());
    };
    let bytes = value.as_str().and_then(|text| hex::decode(text).ok());
    bytes
        .filter(|bytes| bytes.len() <= 64)
        .ok_or(RuntimeDataError::Member("user-data"))
}

/// Text is no runtime data that a quote's key can be taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeDataError {
    /// Not JSON, or an object in it has a member twice.
    #[error("line {line}, column {column}: not JSON, or an object with a member twice")]
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// Missing, or of another form.
    #[error("`{0}` is missing or has another form")]
    Member(&'static str),
    /// Too many keys.
    #[error("{0} keys; there are two")]
    KeyCount(usize),
    /// No attestation key.
    #[error("no key is named HCLAkPub")]
    NoKey,
    /// Readers differ in which of the two they take.
    #[error("two keys are named HCLAkPub, or another key is the same")]
    KeyTwice,
    /// Not for signing, or not for that alone.
    #[error("the key HCLAkPub is not for signing alone")]
    Use,
    /// Of another kind.
    #[error("the key HCLAkPub is not an RSA key")]
    Kind,
    /// Cannot sign quotes.
    #[error("the key HCLAkPub: {0}")]
    Key(KeyError),
}
