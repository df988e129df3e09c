//! `/v1`: what administrators of a tenant do, and what the log shows.

use std::sync::Arc;

use attestation_access::{Deed, Mandate, Permit, TenantName, Verifier, deeds};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::kbs::resource;
use super::tenant::Tenant;
use super::who::Who;
use super::{BODY_LIMIT, Resource, blocking, json, read_body, read_secret};
use crate::problem::Problem;
use crate::service::{NOTHING, Registered, SECRET_LIMIT, Service};
use crate::terms::Terms;

/// A tenant's own.
pub(super) fn of_a_tenant() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/policies", get(policies))
        .route(
            "/v1/policies/{name}",
            get(read_policy).put(policy).delete(remove_policy),
        )
        .route("/v1/reference-values", get(references))
        .route(
            "/v1/reference-values/{name}",
            get(read_reference).put(reference).delete(remove_reference),
        )
        .route("/v1/reference-values/{name}/revocation", put(revocation))
        .route("/v1/secrets", get(secrets))
        .route(
            "/v1/secrets/{repository}/{type}/{tag}",
            get(resource).put(secret).delete(destroy_secret),
        )
        .route("/v1/audit/entries", get(entries))
        .route("/v1/audit/entries/{index}", get(entry))
}

/// What is everybody's.
pub(super) fn of_all() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/tenants", get(tenants))
        .route("/v1/tenants/{tenant}", put(create_tenant))
        .route("/v1/tenants/{tenant}/quotas", get(read_quotas).put(quotas))
        .route("/v1/audit/checkpoint", get(checkpoint))
        .route("/v1/token-keys", get(token_keys))
        .route("/.well-known/jwks.json", get(token_keys))
}

/// What a path names, beside its tenant.
#[derive(Deserialize)]
pub(super) struct Named {
    name: String,
}

/// A place in the log.
#[derive(Deserialize)]
struct At {
    index: String,
}

/// Whether the one who asks may do `D` in this tenant: asked before anything of the request's body is read.
pub(super) fn permit<D: Deed<Place = TenantName>>(
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
pub(super) async fn register<D: Deed<Place = TenantName> + 'static>(
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

async fn policies(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadPolicies>(&service, &who, &tenant)?;
    let listed = blocking(&service, move |service| service.policies(&permit)).await?;
    Ok(document(&listed))
}

async fn read_policy(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadPolicies>(&service, &who, &tenant)?;
    let text = blocking(&service, move |service| service.policy(&permit, &name)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

async fn remove_policy(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WritePolicy>(&service, &who, &tenant)?;
    let removed = blocking(&service, move |service| {
        let mandate = service.mandate(permit, &name, NOTHING)?;
        service.remove_policy(&mandate, &name)
    });
    answer(&service, removed.await)
}

async fn references(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadReferenceValues>(&service, &who, &tenant)?;
    let listed = blocking(&service, move |service| service.references(&permit)).await?;
    Ok(document(&listed))
}

pub(super) async fn read_reference(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadReferenceValues>(&service, &who, &tenant)?;
    let value = blocking(&service, move |service| service.reference(&permit, &name)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], value).into_response())
}

async fn remove_reference(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WriteReferenceValue>(&service, &who, &tenant)?;
    let removed = blocking(&service, move |service| {
        let mandate = service.mandate(permit, &name, NOTHING)?;
        service.remove_reference(&mandate, &name)
    });
    answer(&service, removed.await)
}

/// Why a reference value is taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

async fn revocation(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Path(Named { name }): Path<Named>,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::RevokeReferenceValue>(&service, &who, &tenant)?;
    let revoking = async {
        let body = read_body(body, BODY_LIMIT).await?;
        let Reason { reason } = serde_json::from_slice(&body)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        blocking(&service, move |service| {
            let mandate = service.mandate(permit, &name, reason.as_bytes())?;
            service.revoke_reference(&mandate, &name, &reason)
        })
        .await
    };
    answer(&service, revoking.await)
}

async fn secrets(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ListSecrets>(&service, &who, &tenant)?;
    let listed = blocking(&service, move |service| service.secrets(&permit)).await?;
    Ok(document(&listed))
}

pub(super) async fn destroy_secret(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    Resource(resource): Resource,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::DestroySecret>(&service, &who, &tenant)?;
    let destroyed = blocking(&service, move |service| {
        let mandate = service.mandate(permit, resource.as_str(), NOTHING)?;
        service.destroy_secret(&mandate, &resource)
    });
    answer(&service, destroyed.await)
}

async fn tenants(State(service): State<Arc<Service>>, Who(who): Who) -> Result<Response, Problem> {
    let permit: Permit<deeds::ListTenants> = service.permit(&who, &Verifier)?;
    let listed = blocking(&service, move |service| service.tenants(&permit)).await?;
    Ok(document(&listed))
}

async fn create_tenant(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::CreateTenant>(&service, &who, &tenant)?;
    let created = blocking(&service, move |service| service.create_tenant(&permit));
    answer(&service, created.await)
}

async fn read_quotas(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadQuotas>(&service, &who, &tenant)?;
    let settings = blocking(&service, move |service| service.tenant(permit.place())).await?;
    Ok(document(&settings.quotas))
}

async fn quotas(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    body: Body,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::WriteQuotas>(&service, &who, &tenant)?;
    let setting = async {
        let body = read_body(body, BODY_LIMIT).await?;
        let quotas = serde_json::from_slice(&body)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))?;
        blocking(&service, move |service| service.set_quotas(&permit, quotas)).await
    };
    answer(&service, setting.await)
}

/// From where on a page of the log is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    #[serde(default)]
    from: u64,
}

/// An entry, and where it stands.
#[derive(Serialize)]
struct Placed {
    index: u64,
    entry: Box<RawValue>,
}

async fn entries(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    who: Who,
    page: Result<Query<From>, QueryRejection>,
) -> Result<Response, Problem> {
    let permit = permit::<deeds::ReadAudit>(&service, &who, &tenant)?;
    let Query(From { from }) = page.map_err(|error| Problem::InvalidRequest(error.body_text()))?;
    let entries = blocking(&service, move |service| service.entries(&permit, from)).await?;
    let placed = entries.into_iter().map(|(index, bytes)| {
        let entry = serde_json::from_slice(&bytes).map_err(|_| Problem::Internal)?;
        Ok(Placed { index, entry })
    });
    let placed = placed.collect::<Result<Vec<_>, Problem>>()?;
    Ok(document(&placed))
}

pub(super) fn answer(
    service: &Service,
    registered: Result<Registered, Problem>,
) -> Result<Response, Problem> {
    let registered = registered.map_err(|problem| service.refuse("administer", "", problem))?;
    Ok(document(&registered))
}

pub(super) fn document(value: &impl Serialize) -> Response {
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

async fn token_keys(State(service): State<Arc<Service>>) -> Response {
    json(StatusCode::OK, service.token_keys())
}
