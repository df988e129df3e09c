//! `/v1`: what administrators of a tenant do, and what the log shows.

use std::sync::Arc;

use attestation_access::{ContentDigest, deeds};
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::api::{Api, Content, Operation, Tag, openapi};
use super::kbs::resource;
use super::may::{Answered, JSON, May, TEXT, as_is, named, said};
use super::{InPath, Resource, blocking, json};
use crate::problem::Problem;
use crate::service::Service;
use crate::terms::Terms;

/// A tenant's own.
pub(super) fn of_a_tenant() -> Api {
    policies_api()
        .and(references_api())
        .and(secrets_api())
        .and(changes_api())
        .and(log_api())
}

/// A policy, for whoever reads the description.
const POLICY: &str = r#"package cloister.appraisal

import data.cloister.strict

about := {"name": "demo", "dated": "2026-11-23", "text": "Strict.", "sources": []}

limits := strict.limits

trust_vector := strict.trust_vector

deny contains denial if some denial in strict.deny
"#;

fn policies_api() -> Api {
    use Tag::Policies;
    const ONE: &str = "/v1/policies/{name}";
    Api::new()
        .on(
            Operation::get(
                Policies,
                "/v1/policies",
                "listPolicies",
                "The tenant's policies.",
            )
            .needs::<deeds::ReadPolicies>()
            .answers(Content::List("Listed")),
            policies,
        )
        .on(
            Operation::get(Policies, ONE, "getPolicy", "A policy's text.")
                .needs::<deeds::ReadPolicies>()
                .answers(Content::Text(POLICY)),
            read_policy,
        )
        .on(
            Operation::put(
                Policies,
                ONE,
                "putPolicy",
                "Registers a policy, or replaces it.",
            )
            .needs::<deeds::WritePolicy>()
            .takes(Content::Text(POLICY)),
            policy,
        )
        .on(
            Operation::delete(Policies, ONE, "deletePolicy", "Removes a policy.")
                .needs::<deeds::WritePolicy>(),
            remove_policy,
        )
}

fn references_api() -> Api {
    use Tag::ReferenceValues;
    const ALL: &str = "/v1/reference-values";
    const ONE: &str = "/v1/reference-values/{name}";
    let put = "Registers a reference value, or replaces it.";
    let revoke = "Takes a reference value back, for good and at once.";
    Api::new()
        .on(
            Operation::get(
                ReferenceValues,
                ALL,
                "listReferenceValues",
                "The tenant's reference values.",
            )
            .needs::<deeds::ReadReferenceValues>()
            .answers(Content::List("ReferenceValue")),
            references,
        )
        .on(
            Operation::get(
                ReferenceValues,
                ONE,
                "getReferenceValue",
                "A reference value.",
            )
            .needs::<deeds::ReadReferenceValues>()
            .answers(Content::Json("ReferenceValue")),
            read_reference,
        )
        .on(
            Operation::put(ReferenceValues, ONE, "putReferenceValue", put)
                .needs::<deeds::WriteReferenceValue>()
                .takes(Content::Json("PlainReferenceValue")),
            reference,
        )
        .on(
            Operation::delete(
                ReferenceValues,
                ONE,
                "deleteReferenceValue",
                "Removes a reference value.",
            )
            .needs::<deeds::WriteReferenceValue>(),
            remove_reference,
        )
        .on(
            Operation::put(
                ReferenceValues,
                "/v1/reference-values/{name}/revocation",
                "revokeReferenceValue",
                revoke,
            )
            .needs::<deeds::RevokeReferenceValue>()
            .takes(Content::Json("Reason")),
            revocation,
        )
}

fn secrets_api() -> Api {
    use Tag::Secrets;
    const ONE: &str = "/v1/secrets/{repository}/{type}/{tag}";
    let release = "A secret for the guest that attested, wrapped to its key; it needs no administrator's right.";
    let put = "Puts a secret, or its next version, and says to which launches it may go.";
    Api::new()
        .on(
            Operation::get(
                Secrets,
                "/v1/secrets",
                "listSecrets",
                "The tenant's secrets, without what they hold.",
            )
            .needs::<deeds::ListSecrets>()
            .answers(Content::List("ListedSecret")),
            secrets,
        )
        .on(
            Operation::get(Secrets, ONE, "getSecret", release)
                .needs_verdict()
                .answers(Content::Json("SealedRelease"))
                .refuses(&[
                    "LogUnavailable",
                    "ClockBehind",
                    "NotPermitted",
                    "TenantSuspended",
                ]),
            resource,
        )
        .on(
            Operation::put(Secrets, ONE, "putSecret", put)
                .needs::<deeds::WriteSecret>()
                .asks(
                    "policy",
                    "Name",
                    "Under which a verdict has to be given; the server's own, if there is none.",
                )
                .wants(
                    "references",
                    "Names",
                    "Reference values of which one has to allow the launch.",
                )
                .takes(Content::Bytes),
            secret,
        )
        .on(
            Operation::delete(Secrets, ONE, "deleteSecret", "Destroys a secret.")
                .needs::<deeds::DestroySecret>(),
            destroy_secret,
        )
}

fn changes_api() -> Api {
    use Tag::Changes;
    const RULES: &str = "/v1/four-eyes";
    let list = "What waits for a second person, or was approved by one.";
    let how = "Approves a change, by the digest of what was seen, and makes it.";
    Api::new()
        .on(
            Operation::get(Changes, RULES, "getFourEyes", "What needs a second person.")
                .needs::<deeds::ReadTenant>()
                .answers(Content::Json("FourEyes")),
            read_four_eyes,
        )
        .on(
            Operation::put(
                Changes,
                RULES,
                "putFourEyes",
                "Says what needs a second person.",
            )
            .needs::<deeds::WriteTenant>()
            .takes(Content::Json("FourEyes")),
            four_eyes,
        )
        .on(
            Operation::get(Changes, "/v1/changes", "listChanges", list)
                .needs::<deeds::ReadChanges>()
                .answers(Content::List("Proposed")),
            changes,
        )
        .on(
            Operation::get(
                Changes,
                "/v1/changes/{id}",
                "getChange",
                "A change that waits.",
            )
            .needs::<deeds::ReadChanges>()
            .answers(Content::Json("ProposedWhole")),
            change,
        )
        .on(
            Operation::post(Changes, "/v1/changes/{id}/approve", "approveChange", how)
                .needs::<deeds::ApproveChange>()
                .takes(Content::Json("Seen"))
                .refuses(&["ChangeRefused", "TenantSuspended", "QuotaExceeded"]),
            approve,
        )
        .on(
            Operation::post(
                Changes,
                "/v1/changes/{id}/reject",
                "rejectChange",
                "Rejects a change, or withdraws it.",
            )
            .needs::<deeds::ApproveChange>()
            .refuses(&["ChangeRefused"]),
            reject,
        )
}

fn log_api() -> Api {
    use Tag::Log;
    Api::new()
        .on(
            Operation::get(
                Log,
                "/v1/audit/entries",
                "listEntries",
                "A page of the tenant's own entries of the log.",
            )
            .needs::<deeds::ReadAudit>()
            .asks("from", "Index", "The first place that is looked at.")
            .answers(Content::List("PlacedEntry")),
            entries,
        )
        .on(
            Operation::get(
                Log,
                "/v1/audit/entries/{index}",
                "getEntry",
                "One entry of the tenant's.",
            )
            .needs::<deeds::ReadAudit>()
            .answers(Content::Json("Entry")),
            entry,
        )
}

/// What is everybody's.
pub(super) fn of_all() -> Api {
    let checkpoint_text =
        Content::Text("cloister-verifier\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n");
    let keys = "The keys under which attestation tokens are to be believed.";
    let keys = |path, id| {
        let keys = Operation::get(Tag::Everybody, path, id, keys).stateless();
        keys.answers(Content::Json("TokenKeys"))
    };
    tenants_api()
        .on(
            Operation::get(
                Tag::Log,
                "/v1/audit/checkpoint",
                "getCheckpoint",
                "The log's newest signed checkpoint (c2sp.org/tlog-checkpoint).",
            )
            .answers(checkpoint_text),
            checkpoint,
        )
        .on(keys("/v1/token-keys", "getTokenKeys"), token_keys)
        .on(keys("/.well-known/jwks.json", "getJwks"), token_keys)
        .on(
            Operation::get(
                Tag::Everybody,
                "/v1/openapi.json",
                "getOpenApi",
                "This document.",
            )
            .stateless()
            .answers(Content::Json("OpenApi")),
            description,
        )
}

fn tenants_api() -> Api {
    use Tag::Tenants;
    const ONE: &str = "/v1/tenants/{tenant}";
    const QUOTAS: &str = "/v1/tenants/{tenant}/quotas";
    const SUSPENSION: &str = "/v1/tenants/{tenant}/suspension";
    let remove = "Removes a tenant and all that it has; its name stays taken.";
    Api::new()
        .on(
            Operation::get(
                Tenants,
                "/v1/tenants",
                "listTenants",
                "Every tenant with its quotas.",
            )
            .needs::<deeds::ListTenants>()
            .answers(Content::List("ListedTenant")),
            tenants,
        )
        .on(
            Operation::get(Tenants, ONE, "getTenant", "A tenant, and how much it uses.")
                .needs::<deeds::ReadQuotas>()
                .answers(Content::Json("ListedTenant")),
            read_tenant,
        )
        .on(
            Operation::put(Tenants, ONE, "createTenant", "Makes a tenant.")
                .needs::<deeds::CreateTenant>(),
            create_tenant,
        )
        .on(
            Operation::delete(Tenants, ONE, "deleteTenant", remove).needs::<deeds::DestroyTenant>(),
            remove_tenant,
        )
        .on(
            Operation::get(Tenants, QUOTAS, "getQuotas", "A tenant's quotas.")
                .needs::<deeds::ReadQuotas>()
                .answers(Content::Json("Quotas")),
            read_quotas,
        )
        .on(
            Operation::put(Tenants, QUOTAS, "putQuotas", "Sets a tenant's quotas.")
                .needs::<deeds::WriteQuotas>()
                .takes(Content::Json("Quotas")),
            quotas,
        )
        .on(
            Operation::put(
                Tenants,
                SUSPENSION,
                "suspendTenant",
                "Stops serving a tenant.",
            )
            .needs::<deeds::SuspendTenant>(),
            suspend,
        )
        .on(
            Operation::delete(
                Tenants,
                SUSPENSION,
                "resumeTenant",
                "Serves a tenant again.",
            )
            .needs::<deeds::SuspendTenant>(),
            resume,
        )
}

async fn description() -> Response {
    as_is(JSON, openapi())
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

async fn read_policy(
    may: May<deeds::ReadPolicies>,
    InPath(Name { name }): InPath<Name>,
) -> Answered {
    let read = move |service: &Service, permit: &_| service.policy(permit, &name);
    Ok(as_is(TEXT, may.ask(read).await?))
}

async fn policy(
    may: May<deeds::WritePolicy>,
    InPath(Name { name }): InPath<Name>,
    body: Body,
) -> Answered {
    may.put(named(name, body)).await
}

async fn remove_policy(
    may: May<deeds::WritePolicy>,
    InPath(Name { name }): InPath<Name>,
) -> Answered {
    may.remove(name).await
}

async fn references(may: May<deeds::ReadReferenceValues>) -> Answered {
    may.show(Service::references).await
}

pub(super) async fn read_reference(
    may: May<deeds::ReadReferenceValues>,
    InPath(Name { name }): InPath<Name>,
) -> Answered {
    let read = move |service: &Service, permit: &_| service.reference(permit, &name);
    Ok(as_is(JSON, may.ask(read).await?))
}

async fn reference(
    may: May<deeds::WriteReferenceValue>,
    InPath(Name { name }): InPath<Name>,
    body: Body,
) -> Answered {
    may.put(named(name, body)).await
}

async fn remove_reference(
    may: May<deeds::WriteReferenceValue>,
    InPath(Name { name }): InPath<Name>,
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
    InPath(Name { name }): InPath<Name>,
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

async fn change(may: May<deeds::ReadChanges>, InPath(Id { id }): InPath<Id>) -> Answered {
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
    InPath(Id { id }): InPath<Id>,
    body: Body,
) -> Answered {
    let who = may.who.clone();
    may.act_on(said(body), move |service, permit, Seen { digest }| {
        service.approve(permit, &who, &id, digest)
    })
    .await
}

async fn reject(may: May<deeds::ApproveChange>, InPath(Id { id }): InPath<Id>) -> Answered {
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

async fn entry(may: May<deeds::ReadAudit>, InPath(At { index }): InPath<At>) -> Answered {
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
