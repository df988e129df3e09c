//! `POST /kbs/v0/attestation-policy` and `POST /kbs/v0/resource-policy`.

use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use attestation_evidence::{ParseError, from_json};
use serde::{Deserialize, Serialize};

/// The one type of policies.
const REGO: &str = "rego";
/// The longest policy, in bytes: what `attestation-appraisal` reads.
const LONGEST: usize = 256 * 1024;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 64;

/// Why an administrator's request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// Not such a request.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A policy of another type would be read as Rego without a word.
    #[error("the policy's type is not `{REGO}`, the one that is known here")]
    Type,
    /// A name that no policy has.
    #[error("a policy's id has 1 to {LONGEST_NAME} letters, digits, `-` and `_`")]
    Id,
    /// Not the policy's text in base64url.
    #[error(
        "`policy` is not UTF-8 text in canonical base64url without padding, of {LONGEST} bytes at most"
    )]
    Policy,
}

/// Which policy is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyId {
    /// The tenant's own, which judges CPUs: `default_cpu`, and `default`, as clients up to 0.18 call it.
    Cpu,
    /// Another one, by its name.
    Other(String),
}

impl PolicyId {
    fn of(id: String) -> Result<Self, AdminError> {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !(1..=LONGEST_NAME).contains(&id.len()) || !id.bytes().all(named) {
            return Err(AdminError::Id);
        }
        Ok(match id.as_str() {
            "default" | "default_cpu" => Self::Cpu,
            _ => Self::Other(id),
        })
    }
}

/// A new attestation policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAttestationPolicy {
    /// Which.
    pub id: PolicyId,
    /// Its Rego.
    pub source: String,
}

/// A new resource policy: a tenant has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetResourcePolicy {
    /// Its Rego.
    pub source: String,
}

/// The members in the order of kbs-client.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAttestationPolicy {
    #[serde(rename = "type", default = "rego")]
    kind: String,
    policy_id: String,
    policy: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenResourcePolicy {
    policy: String,
}

fn rego() -> String {
    REGO.to_owned()
}

impl SetAttestationPolicy {
    /// Reads the body.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn from_json(body: &[u8]) -> Result<Self, AdminError> {
        let written: WrittenAttestationPolicy = from_json("attestation policy", body)?;
        if written.kind != REGO {
            return Err(AdminError::Type);
        }
        Ok(Self {
            id: PolicyId::of(written.policy_id)?,
            source: source(&written.policy)?,
        })
    }

    /// The body, as kbs-client writes it since 0.19.
    #[must_use]
    pub fn to_json(&self) -> String {
        let policy_id = match &self.id {
            PolicyId::Cpu => "default_cpu".to_owned(),
            PolicyId::Other(name) => name.clone(),
        };
        to_json(&WrittenAttestationPolicy {
            kind: rego(),
            policy_id,
            policy: base64url_encode(self.source.as_bytes()),
        })
    }
}

impl SetResourcePolicy {
    /// Reads the body.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn from_json(body: &[u8]) -> Result<Self, AdminError> {
        let written: WrittenResourcePolicy = from_json("resource policy", body)?;
        Ok(Self {
            source: source(&written.policy)?,
        })
    }

    /// The body, as kbs-client writes it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let policy = base64url_encode(self.source.as_bytes());
        to_json(&WrittenResourcePolicy { policy })
    }
}

fn source(policy: &str) -> Result<String, AdminError> {
    let bytes = base64url_decode(policy).filter(|bytes| bytes.len() <= LONGEST);
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or(AdminError::Policy)
}

fn to_json(written: &impl Serialize) -> String {
    serde_json::to_string(written).expect("strings under string keys are always JSON")
}
