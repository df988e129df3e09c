//! What a policy decided.

use std::sync::Arc;

use attestation_appraisal::PolicyError;

use crate::ResourcePolicy;

/// What a policy decided, and which. [`ResourcePolicy::decide`] alone makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    policy: Arc<str>,
    digest: String,
    refusal: Option<Refusal>,
}

/// Why a policy does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `allow` is `false`.
    #[error("the policy does not allow it")]
    NotAllowed,
    /// `allow` is something else than a truth value.
    #[error("rule `allow` of the policy is neither true nor false")]
    NotBoolean,
    /// There is no answer.
    #[error(transparent)]
    Failed(PolicyError),
}

impl Decision {
    pub(crate) fn new(policy: &ResourcePolicy, refusal: Option<Refusal>) -> Self {
        Self {
            policy: Arc::from(policy.name()),
            digest: policy.digest().to_owned(),
            refusal,
        }
    }

    /// Whether the policy allows it.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.refusal.is_none()
    }

    /// Why it does not.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref()
    }

    /// The policy's name.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// `sha256:` and the digest of the policy's text.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }
}
