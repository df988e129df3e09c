//! The administrators' side, and what the log shows.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use serde::Deserialize;

use super::{BODY_LIMIT, Resource, blocking, json, read_body, read_secret};
use crate::problem::Problem;
use crate::service::{Registered, SECRET_LIMIT, Service};

pub(super) fn router(service: &Arc<Service>) -> Router<Arc<Service>> {
    let guarded = Router::new()
        .route("/v1/policies/{name}", put(policy))
        .route("/v1/reference-values/{name}", put(reference))
        .route("/v1/secrets/{repository}/{type}/{tag}", put(secret))
        .route("/v1/audit/entries/{index}", get(entry))
        .route_layer(from_fn_with_state(Arc::clone(service), admins_only));
    Router::new()
        .route("/v1/audit/checkpoint", get(checkpoint))
        .route("/v1/token-key", get(token_key))
        .merge(guarded)
}

async fn admins_only(
    State(service): State<Arc<Service>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    match bearer(request.headers()) {
        Some(token) if service.admits(token) => Ok(next.run(request).await),
        _ => Err(service.refuse("administer", "", Problem::NotAdmin)),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}

async fn policy(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let registering = async {
        let body = read_body(body, BODY_LIMIT).await?;
        blocking(&service, move |service| service.put_policy(&name, &body)).await
    };
    answer(&service, registering.await)
}

async fn reference(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let registering = async {
        let body = read_body(body, BODY_LIMIT).await?;
        blocking(&service, move |service| service.put_reference(&name, &body)).await
    };
    answer(&service, registering.await)
}

/// To whom a secret may be released.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Binding {
    policy: Option<String>,
    #[serde(default)]
    references: String,
}

async fn secret(
    State(service): State<Arc<Service>>,
    Resource(resource): Resource,
    binding: Result<Query<Binding>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let Query(binding) = binding.map_err(|error| Problem::InvalidRequest(error.body_text()))?;
    let references: Vec<String> = binding
        .references
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    let registering = async {
        let body = read_secret(body, SECRET_LIMIT).await?;
        blocking(&service, move |service| {
            service.put_secret(&resource, binding.policy.as_deref(), &references, &body)
        })
        .await
    };
    answer(&service, registering.await)
}

fn answer(service: &Service, registered: Result<Registered, Problem>) -> Result<Response, Problem> {
    let registered = registered.map_err(|problem| service.refuse("administer", "", problem))?;
    let body = serde_json::to_string(&registered).expect("a registration is plain data");
    Ok(json(StatusCode::OK, body))
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
    Path(index): Path<String>,
) -> Result<Response, Problem> {
    let index = index
        .parse()
        .map_err(|_| Problem::InvalidRequest("an entry's index is a number".to_owned()))?;
    let entry = blocking(&service, move |service| service.entry(index)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], entry).into_response())
}

async fn token_key(State(service): State<Arc<Service>>) -> Response {
    json(StatusCode::OK, service.token_key().to_string())
}
