//! `/v1`: what administrators of a tenant do, and what the log shows.

use std::sync::Arc;

use attestation_access::{Deed, Mandate, Permit, TenantName, deeds};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::tenant::Tenant;
use super::who::Who;
use super::{BODY_LIMIT, Resource, blocking, json, read_body, read_secret};
use crate::problem::Problem;
use crate::service::{Registered, SECRET_LIMIT, Service};
use crate::terms::Terms;

/// A tenant's own.
pub(super) fn of_a_tenant() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/policies/{name}", put(policy))
        .route("/v1/reference-values/{name}", put(reference))
        .route("/v1/secrets/{repository}/{type}/{tag}", put(secret))
        .route("/v1/audit/entries/{index}", get(entry))
}

/// What is everybody's.
pub(super) fn of_all() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/audit/checkpoint", get(checkpoint))
        .route("/v1/token-key", get(token_key))
}

/// What a path names, beside its tenant.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// A place in the log.
#[derive(Deserialize)]
struct At {
    index: String,
}

/// Whether the one who asks may do `D` in this tenant: asked before anything of the request's body is read.
fn permit<D: Deed<Place = TenantName>>(
    service: &Service,
    Who(who): &Who,
    tenant: &Tenant,
) -> Result<Permit<D>, Problem> {
    service.permit(who, &tenant.name)
}

async fn policy(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WritePolicy>(&service, &who, &tenant)?;
    let write = move |service: &Service, mandate: &Mandate<_>, name: &str, body: &[u8]| {
        service.put_policy(mandate, name, body)
    };
    register(&service, permit, name, body, write).await
}

async fn reference(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WriteReferenceValue>(&service, &who, &tenant)?;
    let write = move |service: &Service, mandate: &Mandate<_>, name: &str, body: &[u8]| {
        service.put_reference(mandate, name, body)
    };
    register(&service, permit, name, body, write).await
}

/// Has a document of this name written by the permit's mandate.
async fn register<D: Deed<Place = TenantName> + 'static>(
    service: &Arc<Service>,
    permit: Permit<D>,
    name: String,
    body: Body,
    write: impl FnOnce(&Service, &Mandate<D>, &str, &[u8]) -> Result<Registered, Problem>
    + Send
    + 'static,
) -> Result<Response, Problem>
where
    Permit<D>: Send,
{
    let registering = async {
        let body = read_body(body, BODY_LIMIT).await?;
        blocking(service, move |service| {
            let mandate = service.mandate(permit, &name, &body)?;
            write(service, &mandate, &name, &body)
        })
        .await
    };
    answer(service, registering.await)
}

/// To whom a secret may be released.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Binding {
    policy: Option<String>,
    #[serde(default)]
    references: String,
}

impl Binding {
    /// Under the server's policy, where none is named.
    fn into_terms(self, service: &Service) -> Terms {
        let references = self.references.split(',').filter(|name| !name.is_empty());
        Terms {
            policy: self
                .policy
                .unwrap_or_else(|| service.settings().policy.clone()),
            references: references.map(str::to_owned).collect(),
        }
    }
}

async fn secret(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Resource(resource): Resource,
    binding: Result<Query<Binding>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WriteSecret>(&service, &who, &tenant)?;
    let Query(binding) = binding.map_err(|error| Problem::InvalidRequest(error.body_text()))?;
    let terms = binding.into_terms(&service);
    let registering = async {
        let secret: Zeroizing<Vec<u8>> = read_secret(body, SECRET_LIMIT).await?;
        blocking(&service, move |service| {
            let mandate = service.mandate(permit, resource.as_str(), &terms.content(&secret))?;
            service.put_secret(&mandate, &resource, &terms, &secret)
        })
        .await
    };
    answer(&service, registering.await)
}

fn answer(service: &Service, registered: Result<Registered, Problem>) -> Result<Response, Problem> {
    let registered = registered.map_err(|problem| service.refuse("administer", "", problem))?;
    Ok(document(&registered))
}

fn document(value: &impl Serialize) -> Response {
    let body = serde_json::to_string(value).expect("answers are plain data");
    json(StatusCode::OK, body)
}

async fn checkpoint(State(service): State<Arc<Service>>) -> Result<Response, Problem> {
    let checkpoint = blocking(&service, Service::checkpoint).await?;
    Ok((
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
        checkpoint,
    )
        .into_response())
}

async fn entry(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(At { index }): Path<At>,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadAudit>(&service, &who, &tenant)?;
    let index = index
        .parse()
        .map_err(|_| Problem::InvalidRequest("an entry's index is a number".to_owned()))?;
    let entry = blocking(&service, move |service| service.entry(&permit, index)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], entry).into_response())
}

async fn token_key(State(service): State<Arc<Service>>) -> Response {
    json(StatusCode::OK, service.token_key().to_string())
}
