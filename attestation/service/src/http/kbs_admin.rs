//! What administrators of Trustee's key service send with its own tools: the same acts as those of `/v1`.

use std::sync::Arc;

use attestation_access::deeds;
use attestation_kbs_protocol::{PolicyId, RegisterReferenceValues, SetAttestationPolicy};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Map, Value};

use super::tenant::Tenant;
use super::v1::{answer, destroy_secret, document, permit, read_reference};
use super::who::Who;
use super::{BODY_LIMIT, Resource, blocking, read_body, read_secret};
use crate::problem::Problem;
use crate::service::{SECRET_LIMIT, Service};
use crate::terms::Terms;

pub(super) fn router() -> Router<Arc<Service>> {
    Router::new()
        .route("/kbs/v0/attestation-policy", post(attestation_policy))
        .route("/kbs/v0/reference-value", get(references).post(reference))
        .route("/kbs/v0/reference-value/{name}", get(read_reference))
        .route(
            "/kbs/v0/resource/{repository}/{type}/{tag}",
            post(resource).delete(destroy_secret),
        )
}

/// `default` and `default_cpu` are the policy in force, whose own name has to be in the text.
async fn attestation_policy(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WritePolicy>(&service, &who, &tenant)?;
    let registering = async {
        let body = read_body(body, BODY_LIMIT).await?;
        let set = SetAttestationPolicy::from_json(&body).map_err(invalid)?;
        blocking(&service, move |service| {
            let name = match set.id {
                PolicyId::Cpu => service.settings().policy.clone(),
                PolicyId::Other(name) => name,
            };
            let text = set.source.as_bytes();
            let mandate = service.mandate(permit, &name, text)?;
            service.put_policy(&mandate, &name, text)
        })
        .await
    };
    answer(&service, registering.await)
}

async fn references(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadReferenceValues>(&service, &who, &tenant)?;
    let values = blocking(&service, move |service| service.references(&permit)).await?;
    let by_name = values
        .iter()
        .map(|value| Ok((value.name.clone(), serde_json::to_value(value)?)));
    let by_name: Map<String, Value> = by_name
        .collect::<serde_json::Result<_>>()
        .map_err(|_| Problem::Internal)?;
    Ok(document(&by_name))
}

/// One value a message, so that a message is registered whole or not at all.
async fn reference(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WriteReferenceValue>(&service, &who, &tenant)?;
    let registering = async {
        let body = read_body(body, BODY_LIMIT).await?;
        let message = RegisterReferenceValues::from_json(&body).map_err(invalid)?;
        let (name, value) = only(&message)?;
        blocking(&service, move |service| {
            let mandate = service.mandate(permit, &name, value.as_bytes())?;
            service.put_reference(&mandate, &name, value.as_bytes())
        })
        .await
    };
    answer(&service, registering.await)
}

/// The one name with its value, which kbs-client puts into a list.
fn only(message: &RegisterReferenceValues) -> Result<(String, String), Problem> {
    let mut values = message.values().iter();
    let (Some((name, value)), None) = (values.next(), values.next()) else {
        let why = "a message registers one reference value: send one for each";
        return Err(Problem::InvalidRequest(why.to_owned()));
    };
    let value = match value {
        Value::Array(list) if list.len() == 1 => list.first().unwrap_or(value),
        value => value,
    };
    // All that kbs-client can send of a document is its text.
    let document = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    Ok((name.clone(), document))
}

/// Its owner names neither policy nor launches: it is bound to the policy in force, and to the reference values that the tenant has
/// by now.
async fn resource(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Resource(resource): Resource,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WriteSecret>(&service, &who, &tenant)?;
    let registering = async {
        let secret = read_secret(body, SECRET_LIMIT).await?;
        blocking(&service, move |service| {
            let terms = Terms {
                policy: service.settings().policy.clone(),
                references: service.reference_names(&permit)?,
            };
            if terms.references.is_empty() {
                let why =
                    "no reference value is registered: put those first that may have the resource";
                return Err(Problem::InvalidRequest(why.to_owned()));
            }
            let mandate = service.mandate(permit, resource.as_str(), &terms.content(&secret))?;
            service.put_secret(&mandate, &resource, &terms, &secret)
        })
        .await
    };
    answer(&service, registering.await)
}

fn invalid(error: impl std::error::Error) -> Problem {
    Problem::InvalidRequest(error.to_string())
}
