//! A tenant's policy.

use std::sync::Arc;

use attestation_appraisal::{Dialect, PolicyError, Rego};
use attestation_ear::EarClaims;
use serde_json::Value;

use crate::{Decision, Refusal, Request};

/// The rule that decides.
const ALLOW: &str = "allow";

/// Policies as Trustee's key service has them.
static RESOURCE: Dialect =
    Dialect::with_data("policy", &[ALLOW], &["plugin", "resource-path", "query"]);

/// A policy in Rego, read and found to keep to its bounds.
#[derive(Debug, Clone)]
pub struct ResourcePolicy {
    rego: Rego,
    name: Arc<str>,
    source: Arc<str>,
}

impl ResourcePolicy {
    /// Reads a policy, which is called `name` in decisions.
    ///
    /// # Errors
    /// It is no Rego of `package policy` with a rule `allow`, or does what no policy may.
    pub fn from_rego(name: &str, source: &str) -> Result<Self, PolicyError> {
        Ok(Self {
            rego: Rego::parse(source, &RESOURCE)?,
            name: Arc::from(name),
            source: Arc::from(source),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// `sha256:` and the digest of its text.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.rego.digest()
    }

    /// Whether the guest that a token stands for may have what it asks for.
    pub fn decide(&self, claims: &EarClaims, request: &Request<'_>) -> Decision {
        let refusal = self.refusal(claims, request);
        Decision::new(self, refusal)
    }

    fn refusal(&self, claims: &EarClaims, request: &Request<'_>) -> Option<Refusal> {
        let input = claims.document().clone();
        match self.rego.ask(ALLOW, input, request.as_data()) {
            Ok(Value::Bool(true)) => None,
            Ok(Value::Bool(false)) => Some(Refusal::NotAllowed),
            Ok(_) => Some(Refusal::NotBoolean),
            Err(error) => Some(Refusal::Failed(error)),
        }
    }
}
