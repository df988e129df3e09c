//! `/v1`: what administrators of a tenant do, and what the log shows.

use std::sync::Arc;

use attestation_access::{ContentDigest, deeds};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post, put};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::kbs::resource;
use super::may::{Answered, JSON, May, TEXT, as_is, named, said};
use super::{Resource, blocking, json};
use crate::problem::Problem;
use crate::service::Service;
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
        .route("/v1/four-eyes", get(read_four_eyes).put(four_eyes))
        .route("/v1/changes", get(changes))
        .route("/v1/changes/{id}", get(change))
        .route("/v1/changes/{id}/approve", post(approve))
        .route("/v1/changes/{id}/reject", post(reject))
        .route("/v1/audit/entries", get(entries))
        .route("/v1/audit/entries/{index}", get(entry))
}

/// What is everybody's.
pub(super) fn of_all() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/tenants", get(tenants))
        .route(
            "/v1/tenants/{tenant}",
            get(read_tenant).put(create_tenant).delete(remove_tenant),
        )
        .route("/v1/tenants/{tenant}/quotas", get(read_quotas).put(quotas))
        .route(
            "/v1/tenants/{tenant}/suspension",
            put(suspend).delete(resume),
        )
        .route("/v1/audit/checkpoint", get(checkpoint))
        .route("/v1/token-keys", get(token_keys))
        .route("/.well-known/jwks.json", get(token_keys))
}

/// What a path names, beside its tenant.
#[derive(Deserialize)]
pub(super) struct Name {
    name: String,
}

/// A place in the log.
#[derive(Deserialize)]
struct At {
    index: String,
}

/// A proposed change.
#[derive(Deserialize)]
struct Id {
    id: String,
}

async fn policies(may: May<deeds::ReadPolicies>) -> Answered {
    may.show(Service::policies).await
}

async fn read_policy(may: May<deeds::ReadPolicies>, Path(Name { name }): Path<Name>) -> Answered {
    let read = move |service: &Service, permit: &_| service.policy(permit, &name);
    Ok(as_is(TEXT, may.ask(read).await?))
}

async fn policy(
    may: May<deeds::WritePolicy>,
    Path(Name { name }): Path<Name>,
    body: Body,
) -> Answered {
    may.put(named(name, body)).await
}

async fn remove_policy(may: May<deeds::WritePolicy>, Path(Name { name }): Path<Name>) -> Answered {
    may.remove(name).await
}

async fn references(may: May<deeds::ReadReferenceValues>) -> Answered {
    may.show(Service::references).await
}

pub(super) async fn read_reference(
    may: May<deeds::ReadReferenceValues>,
    Path(Name { name }): Path<Name>,
) -> Answered {
    let read = move |service: &Service, permit: &_| service.reference(permit, &name);
    Ok(as_is(JSON, may.ask(read).await?))
}

async fn reference(
    may: May<deeds::WriteReferenceValue>,
    Path(Name { name }): Path<Name>,
    body: Body,
) -> Answered {
    may.put(named(name, body)).await
}

async fn remove_reference(
    may: May<deeds::WriteReferenceValue>,
    Path(Name { name }): Path<Name>,
) -> Answered {
    may.remove(name).await
}

/// Why a reference value is taken back.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reason {
    reason: String,
}

async fn revocation(
    may: May<deeds::RevokeReferenceValue>,
    Path(Name { name }): Path<Name>,
    body: Body,
) -> Answered {
    may.put(async {
        let Reason { reason } = said(body).await?;
        Ok((name, reason.into_bytes()))
    })
    .await
}

async fn secrets(may: May<deeds::ListSecrets>) -> Answered {
    may.show(Service::secrets).await
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
    may: May<deeds::WriteSecret>,
    Resource(resource): Resource,
    binding: Result<Query<Binding>, QueryRejection>,
    body: Body,
) -> Answered {
    let Query(binding) = binding.map_err(|error| Problem::InvalidRequest(error.body_text()))?;
    let terms = move |service: &Service, _: &_| Ok(binding.into_terms(service));
    may.put_secret(resource, body, terms).await
}

pub(super) async fn destroy_secret(
    may: May<deeds::DestroySecret>,
    Resource(resource): Resource,
) -> Answered {
    may.remove(resource.to_string()).await
}

async fn read_four_eyes(may: May<deeds::ReadTenant>) -> Answered {
    may.show(Service::four_eyes).await
}

async fn four_eyes(may: May<deeds::WriteTenant>, body: Body) -> Answered {
    may.put(named(String::new(), body)).await
}

async fn changes(may: May<deeds::ReadChanges>) -> Answered {
    may.show(Service::changes).await
}

async fn change(may: May<deeds::ReadChanges>, Path(Id { id }): Path<Id>) -> Answered {
    may.show(move |service, permit| service.change(permit, &id))
        .await
}

/// What an approver saw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    digest: ContentDigest,
}

async fn approve(
    may: May<deeds::ApproveChange>,
    Path(Id { id }): Path<Id>,
    body: Body,
) -> Answered {
    let who = may.who.clone();
    may.act_on(said(body), move |service, permit, Seen { digest }| {
        service.approve(permit, &who, &id, digest)
    })
    .await
}

async fn reject(may: May<deeds::ApproveChange>, Path(Id { id }): Path<Id>) -> Answered {
    let who = may.who.clone();
    may.act(move |service, permit| service.reject(permit, &who, &id))
        .await
}

async fn tenants(may: May<deeds::ListTenants>) -> Answered {
    may.show(Service::tenants).await
}

async fn read_tenant(may: May<deeds::ReadQuotas>) -> Answered {
    may.show(Service::listed_tenant).await
}

async fn create_tenant(may: May<deeds::CreateTenant>) -> Answered {
    may.act(Service::create_tenant).await
}

async fn remove_tenant(may: May<deeds::DestroyTenant>) -> Answered {
    may.act(Service::remove_tenant).await
}

async fn suspend(may: May<deeds::SuspendTenant>) -> Answered {
    may.act(Service::suspend_tenant).await
}

async fn resume(may: May<deeds::SuspendTenant>) -> Answered {
    may.act(Service::resume_tenant).await
}

async fn read_quotas(may: May<deeds::ReadQuotas>) -> Answered {
    let read = |service: &Service, permit: &_| Ok(service.listed_tenant(permit)?.quotas);
    may.show(read).await
}

async fn quotas(may: May<deeds::WriteQuotas>, body: Body) -> Answered {
    may.act_on(said(body), Service::set_quotas).await
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
    may: May<deeds::ReadAudit>,
    page: Result<Query<From>, QueryRejection>,
) -> Answered {
    let Query(From { from }) = page.map_err(|error| Problem::InvalidRequest(error.body_text()))?;
    may.show(move |service, permit| {
        let entries = service.entries(permit, from)?.into_iter();
        let placed = entries.map(|(index, bytes)| {
            let entry = serde_json::from_slice(&bytes).map_err(|_| Problem::Internal)?;
            Ok(Placed { index, entry })
        });
        placed.collect::<Result<Vec<_>, Problem>>()
    })
    .await
}

async fn entry(may: May<deeds::ReadAudit>, Path(At { index }): Path<At>) -> Answered {
    let index = index
        .parse()
        .map_err(|_| Problem::InvalidRequest("an entry's index is a number".to_owned()))?;
    let read = move |service: &Service, permit: &_| service.entry(permit, index);
    Ok(as_is(JSON, may.ask(read).await?))
}

async fn checkpoint(State(service): State<Arc<Service>>) -> Answered {
    let checkpoint = blocking(&service, Service::checkpoint).await?;
    Ok(as_is(TEXT, checkpoint))
}

async fn token_keys(State(service): State<Arc<Service>>) -> Response {
    json(StatusCode::OK, service.token_keys())
}
