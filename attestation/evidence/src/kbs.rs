//! Messages of the KBS attestation protocol, version 0.4.0 (Confidential Containers, Trustee).
//!
//! `POST /kbs/v0/auth` carries [`Request`] and answers [`Challenge`]; `POST /kbs/v0/attest` carries
//! [`Attestation`] and answers [`Token`]; `GET /kbs/v0/resource/…` answers a JWE. Errors carry
//! [`ErrorBody`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::value::RawValue;

use crate::encoding::{base64_decode, base64_encode};
use crate::{ParseError, TeePublicKey, from_json, to_json};

/// The protocol version that is spoken, in [`Request::version`].
pub const KBS_PROTOCOL_VERSION: &str = "0.4.0";

/// The name of the cookie that ties a client's requests together.
pub const SESSION_COOKIE: &str = "kbs-session-id";

/// Asks for a session: the client names its TEE.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Request {
    /// [`KBS_PROTOCOL_VERSION`]; the receiver decides about others.
    pub version: String,
    /// The claimed TEE; [`Tee`](crate::Tee) parses the words that are known here.
    pub tee: String,
    /// The protocol leaves its shape open: an object in kbs-client, else `""`.
    pub extra_params: serde_json::Value,
}

impl Request {
    /// A request of this protocol version without extra parameters.
    #[must_use]
    pub fn new(tee: crate::Tee) -> Self {
        Self {
            version: KBS_PROTOCOL_VERSION.to_owned(),
            tee: tee.to_string(),
            extra_params: serde_json::Value::String(String::new()),
        }
    }

    /// Reads the body of `POST /kbs/v0/auth`.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("request for a session", body)
    }

    /// The body of `POST /kbs/v0/auth`.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Answers [`Request`] with what the evidence has to be bound to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Challenge {
    /// To be bound by REPORT_DATA; good for one attempt.
    pub nonce: Nonce,
    /// Unused: `""`. A client ignores it.
    pub extra_params: serde_json::Value,
}

impl Challenge {
    /// A challenge without extra parameters.
    #[must_use]
    pub fn new(nonce: Nonce) -> Self {
        Self {
            nonce,
            extra_params: serde_json::Value::String(String::new()),
        }
    }

    /// Reads the answer to `POST /kbs/v0/auth`.
    ///
    /// # Errors
    /// When it is not one such JSON object with a nonce of 32 bytes.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("challenge", body)
    }

    /// The answer to `POST /kbs/v0/auth`.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// The body of `POST /kbs/v0/attest`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Attestation {
    /// Always `null` here: init data would need a check of its own, and unchecked data is refused.
    #[serde(default)]
    pub init_data: (),
    /// What REPORT_DATA binds.
    pub runtime_data: RuntimeData,
    /// The evidence itself.
    pub tee_evidence: TeeEvidence,
}

impl Attestation {
    /// Joins runtime data and the TEE's evidence, which is JSON text.
    ///
    /// # Errors
    /// When `primary_evidence` is not one JSON value.
    pub fn new(runtime_data: RuntimeData, primary_evidence: String) -> Result<Self, ParseError> {
        let primary_evidence = RawValue::from_string(primary_evidence)
            .map_err(|error| ParseError::new("primary evidence", &error))?;
        let tee_evidence = TeeEvidence {
            primary_evidence,
            additional_evidence: String::new(),
        };
        Ok(Self {
            init_data: (),
            runtime_data,
            tee_evidence,
        })
    }

    /// Reads the body of `POST /kbs/v0/attest`. The primary evidence stays text as received.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("attestation", body)
    }

    /// The body of `POST /kbs/v0/attest`.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Evidence as the protocol carries it: opaque here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeeEvidence {
    /// The JSON text as it arrived; its shape depends on the TEE, such as
    /// [`SimulatedEvidence`](crate::SimulatedEvidence).
    pub primary_evidence: Box<RawValue>,
    /// Evidence of further devices as JSON text, or `""`. REPORT_DATA covers it.
    pub additional_evidence: String,
}

/// What the guest binds to its report: the verifier's nonce and the guest's own fresh key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RuntimeData {
    /// From the [`Challenge`].
    pub nonce: Nonce,
    /// Secrets are wrapped to this key and to no other.
    pub tee_pubkey: TeePublicKey,
}

/// Answers [`Attestation`]: a token that stands for the verdict in later requests.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// A bearer secret.
    pub token: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

impl Token {
    /// Reads the answer to `POST /kbs/v0/attest`.
    ///
    /// # Errors
    /// When it is not one JSON object with a token.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("token", body)
    }
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBody {
    /// A URL that names the kind of error; see [`error_type`].
    #[serde(rename = "type")]
    pub kind: String,
    /// For people: what was refused and why.
    pub detail: String,
}

impl ErrorBody {
    /// An error of the protocol's kind `name`, such as `TokenNotFound`.
    #[must_use]
    pub fn new(name: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: error_type(name),
            detail: detail.into(),
        }
    }

    /// Reads the body of an answer that is an error.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("error answer", body)
    }

    /// The body of an answer that is an error.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// The protocol's URL for a kind of error.
#[must_use]
pub fn error_type(name: &str) -> String {
    format!("https://github.com/confidential-containers/kbs/errors/{name}")
}

/// A verifier's challenge: 32 random bytes, standard base64 on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce([u8; Self::LENGTH]);

impl Nonce {
    /// The length in bytes.
    pub const LENGTH: usize = 32;

    /// Makes a nonce of bytes that the caller drew at random.
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64_encode(&self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = base64_decode(&text).and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| D::Error::custom("not 32 bytes in canonical base64"))
    }
}
