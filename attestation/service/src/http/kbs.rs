//! The guests' side: KBS attestation protocol 0.4.0.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::json;
use tokio::sync::Semaphore;

use super::tenant::Tenant;
use super::who::bearer;
use super::{BODY_LIMIT, Resource, blocking, json, read_body};
use crate::challenge::SessionCookie;
use crate::fault::{Moment, pause};
use crate::problem::Problem;
use crate::service::{SESSION_SECONDS, Service, Shown};

const NO_COOKIE: Problem =
    Problem::NoSession("the kbs-session-id cookie is missing: POST /kbs/v0/auth first");

/// The largest request for a session: a few words.
const AUTH_LIMIT: usize = 16 * 1024;

/// The guests' paths; so many `appraisals` are made at once, and more wait in the order of their coming.
pub(super) fn router(appraisals: usize) -> Router<Arc<Service>> {
    let places = Arc::new(Semaphore::new(appraisals));
    Router::new()
        .route("/kbs/v0/auth", post(auth))
        .route("/kbs/v0/attest", post(attest))
        .route("/kbs/v0/resource/{repository}/{type}/{tag}", get(resource))
        // So trustee-attester writes it where it is given a path and no URI.
        .route("/kbs/v0/resource//{repository}/{type}/{tag}", get(resource))
        .layer(Extension(places))
}

async fn auth(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_body(body, AUTH_LIMIT)
        .await
        .map_err(|problem| service.refuse("open", "", problem))?;
    let path = tenant.path("/kbs");
    let open = move |service: &Service| service.open_session(&tenant.name, &body);
    let (challenge, cookie) = blocking(&service, open).await?;
    let mut response = json(StatusCode::OK, challenge.to_json());
    let cookie = cookie
        .set_cookie(&path, SESSION_SECONDS)
        .parse()
        .map_err(|_| Problem::Internal)?;
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    Ok(response)
}

async fn attest(
    State(service): State<Arc<Service>>,
    Extension(places): Extension<Arc<Semaphore>>,
    tenant: Tenant,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let cookie = session_cookie(&headers)?;
    let session = cookie.session_name();
    let opened = blocking(&service, move |service| service.burn(&tenant.name, &cookie)).await;
    // Also where there is no such session: a client that is still sending hears no answer.
    let body = read_body(body, BODY_LIMIT).await;
    let opened = opened?;
    let body = body.map_err(|problem| service.refuse("attest", &session, problem))?;
    // Who waits for a place longer than a request may take hears 408, like anybody else.
    let place = places
        .acquire_owned()
        .await
        .map_err(|_| Problem::Internal)?;
    let attested = blocking(&service, move |service| {
        // Kept for as long as the work goes on, which may be longer than the client stays.
        let _place = place;
        service.attest(&opened, &body)
    })
    .await?;
    Ok(json(
        StatusCode::OK,
        json!({ "token": attested.token }).to_string(),
    ))
}

async fn resource(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    Resource(resource): Resource,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = shown(&headers)?;
    pause(service.faults(), Moment::BeforeRelease, service.journal()).await;
    let release = move |service: &Service| service.release(&tenant.name, &shown, &resource);
    let released = blocking(&service, release).await?;
    pause(service.faults(), Moment::BeforeAnswer, service.journal()).await;
    Ok(json(StatusCode::OK, released))
}

/// A token goes before a cookie: whoever shows one has no session of its own in mind.
fn shown(headers: &HeaderMap) -> Result<Shown, Problem> {
    match bearer(headers) {
        Some(token) => Ok(Shown::Token(token.to_owned())),
        None => session_cookie(headers).map(Shown::Cookie),
    }
}

fn session_cookie(headers: &HeaderMap) -> Result<SessionCookie, Problem> {
    let mut values = headers.get_all(header::COOKIE).iter();
    let header = values
        .next()
        .and_then(|value| value.to_str().ok())
        .ok_or(NO_COOKIE)?;
    if values.next().is_some() {
        return Err(NO_COOKIE);
    }
    SessionCookie::find(header).ok_or(NO_COOKIE)
}
