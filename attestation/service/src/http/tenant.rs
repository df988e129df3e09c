//! Whose it is: everything of a tenant's is below `/t/TENANT`, and what has no such prefix is of the tenant `default`.

use attestation_access::TenantName;
use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::problem::Problem;
use crate::service::DEFAULT;

/// The name of the parameter in paths.
pub(super) const PARAMETER: &str = "tenant";

/// The tenant of a path.
pub(super) struct Tenant {
    pub name: TenantName,
    /// Whether the path names it.
    named: bool,
}

impl Tenant {
    /// `path` with the prefix that the request's path had.
    pub fn path(&self, path: &str) -> String {
        match self.named {
            true => format!("/t/{}{path}", self.name),
            false => path.to_owned(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        let named = parameters.iter().find(|(key, _)| *key == PARAMETER);
        let name = named.map_or(DEFAULT, |(_, name)| name);
        Ok(Self {
            name: name
                .parse()
                .map_err(|error| Problem::InvalidRequest(format!("{error}")))?,
            named: named.is_some(),
        })
    }
}
