//! `POST /kbs/v0/auth`.

use attestation_evidence::{KBS_PROTOCOL_VERSION, ParseError, Tee, from_json};
use serde::Deserialize;
use serde_json::Value;

/// The member of `extra-params` by which a client names a policy.
const SELECTOR: &str = "attestation-policy-selector";
/// The member by which it says once more, and in more words, what it is.
const METADATA: &str = "tee-metadata";

/// Names under which KBS clients have always known the policy that judges CPUs.
const DEFAULTS: [&str; 2] = ["default", "default_cpu"];

/// The longest name of a policy, in bytes.
const LONGEST_SELECTOR: usize = 128;

/// A client asks for a session. Nothing that it says chooses anything: the tenant is the URL's, and the policy the tenant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    tee: Tee,
    selector: Option<String>,
    additional_tees: Vec<String>,
}

/// The body. Members that are not known are passed over, as Trustee does: newer clients have more.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Written {
    version: String,
    tee: String,
    /// The protocol leaves its shape open: an object in newer clients, `""` in older ones.
    #[serde(default)]
    extra_params: Value,
}

#[derive(Deserialize)]
struct Metadata {
    primary_tee: OneTee,
    #[serde(default)]
    additional_tees: Vec<OneTee>,
}

#[derive(Deserialize)]
struct OneTee {
    tee: String,
}

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionRequestError {
    /// Not such a request.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Another version of the protocol, which may hash something else.
    #[error("the client speaks another version of the KBS protocol than {KBS_PROTOCOL_VERSION}")]
    Version,
    /// A TEE that is not judged here.
    #[error(transparent)]
    Tee(#[from] attestation_evidence::UnknownTee),
    /// `tee-metadata` says another TEE than `tee`.
    #[error("`tee-metadata` has another primary TEE than `tee`")]
    OtherPrimaryTee,
    /// A member of `extra-params` that decides something is not understood.
    #[error("`{0}` in `extra-params` is not of the form that is known here")]
    ExtraParams(&'static str),
    /// The client asks for a policy that is not the one it will be judged by.
    #[error("the client asks to be judged by another policy than the one that is in force")]
    OtherPolicy,
}

impl SessionRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// [`SessionRequestError`], but for [`SessionRequestError::OtherPolicy`].
    pub fn from_json(body: &[u8]) -> Result<Self, SessionRequestError> {
        let written: Written = from_json("request for a session", body)?;
        if written.version != KBS_PROTOCOL_VERSION {
            return Err(SessionRequestError::Version);
        }
        let tee = written.tee.parse()?;
        Ok(Self {
            tee,
            selector: selector(&written.extra_params)?,
            additional_tees: additional_tees(&written.extra_params, tee)?,
        })
    }

    /// The TEE that the client claims.
    #[must_use]
    pub fn tee(&self) -> Tee {
        self.tee
    }

    /// The policy that the client names, if it names one.
    #[must_use]
    pub fn selector(&self) -> Option<&str> {
        self.selector.as_deref()
    }

    /// The devices that it announces besides, in the protocol's words: nothing here judges any.
    #[must_use]
    pub fn additional_tees(&self) -> &[String] {
        &self.additional_tees
    }

    /// That the client names no policy, or the one in force: it cannot choose, and is told so rather than judged by something else than it
    /// asked for.
    ///
    /// # Errors
    /// [`SessionRequestError::OtherPolicy`].
    pub fn check_selector(&self, in_force: &str) -> Result<(), SessionRequestError> {
        match self.selector() {
            Some(named) if named != in_force && !DEFAULTS.contains(&named) => {
                Err(SessionRequestError::OtherPolicy)
            }
            _ => Ok(()),
        }
    }
}

fn selector(extra_params: &Value) -> Result<Option<String>, SessionRequestError> {
    match extra_params.get(SELECTOR) {
        None => Ok(None),
        Some(Value::String(named)) if (1..=LONGEST_SELECTOR).contains(&named.len()) => {
            Ok(Some(named.clone()))
        }
        Some(_) => Err(SessionRequestError::ExtraParams(SELECTOR)),
    }
}

fn additional_tees(extra_params: &Value, tee: Tee) -> Result<Vec<String>, SessionRequestError> {
    let Some(metadata) = extra_params.get(METADATA) else {
        return Ok(Vec::new());
    };
    let metadata = Metadata::deserialize(metadata);
    let metadata = metadata.map_err(|_| SessionRequestError::ExtraParams(METADATA))?;
    if metadata.primary_tee.tee != tee.as_str() {
        return Err(SessionRequestError::OtherPrimaryTee);
    }
    let additional = metadata.additional_tees.into_iter();
    Ok(additional.map(|one| one.tee).collect())
}
