//! Who asks.

use std::collections::BTreeSet;
use std::fmt;

use crate::{Grant, Subject, TenantName};

/// How somebody was proven to be who they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// By a token of this issuer, as the configuration calls it: `NAME`, or `TENANT/NAME` of a tenant's own.
    Oidc(String),
    /// By a client certificate, and rules of the whole verifier or of this tenant.
    Mtls(Option<TenantName>),
    /// By the bootstrap token.
    Bootstrap,
}

/// Somebody who asks, and what they were granted. Only the proofs of this crate make one.
///
/// Who proved nothing is [`Identity::nobody`]: it is asked about like any other, and may nothing.
#[derive(Debug, Clone)]
pub struct Identity {
    proven: Option<Proven>,
}

#[derive(Debug, Clone)]
struct Proven {
    subject: Subject,
    proof: Proof,
    grants: BTreeSet<Grant>,
}

impl Identity {
    pub(crate) fn proven(
        subject: Subject,
        proof: Proof,
        grants: impl IntoIterator<Item = Grant>,
    ) -> Self {
        let proven = Proven {
            subject,
            proof,
            grants: grants.into_iter().collect(),
        };
        Self {
            proven: Some(proven),
        }
    }

    /// Who showed no proof, or one that was refused.
    pub const fn nobody() -> Self {
        Self { proven: None }
    }

    /// What they are called; nobody has no name.
    pub fn subject(&self) -> Option<&Subject> {
        self.proven.as_ref().map(|proven| &proven.subject)
    }

    /// How they were proven.
    pub fn proof(&self) -> Option<&Proof> {
        self.proven.as_ref().map(|proven| &proven.proof)
    }

    /// What they were granted, in order, none twice.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.proven.iter().flat_map(|proven| &proven.grants)
    }

    /// The tenants in which they hold any role.
    pub fn tenants(&self) -> BTreeSet<&TenantName> {
        self.grants().filter_map(Grant::tenant).collect()
    }

    /// Name and proof, if there are.
    pub(crate) fn who(&self) -> Option<(&Subject, &Proof)> {
        let proven = self.proven.as_ref()?;
        Some((&proven.subject, &proven.proof))
    }
}

/// As the operator's log writes it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject() {
            Some(subject) => subject.fmt(f),
            None => f.write_str("nobody"),
        }
    }
}
