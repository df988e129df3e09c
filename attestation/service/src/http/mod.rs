//! HTTP: paths, limits, cookies and status codes around [`Service`].
//!
//! docs/verifier-api.md describes it to its users.

mod api;
mod kbs;
mod kbs_admin;
mod lent;
mod may;
mod tenant;
mod v1;
mod who;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use attestation_evidence::{ResourcePath, ResourcePathError};
use attestation_metrics::Limit;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

use self::api::{Api, Content, Operation, Tag};
use crate::Limits;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::service::Service;
use crate::throttle::Throttle;

pub use api::openapi;

/// The largest body of any request: a report, certificates and a manifest of 50 bytes a page.
const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// Every path of the verifier.
struct Paths {
    /// Those that each tenant has.
    of_a_tenant: Api,
    of_all: Api,
    /// Those at which no client comes too often.
    always: Api,
}

impl Paths {
    /// Where so many `appraisals` are made at once.
    fn of(appraisals: usize) -> Self {
        Self {
            of_a_tenant: kbs::api(appraisals)
                .and(kbs_admin::api())
                .and(v1::of_a_tenant()),
            of_all: v1::of_all(),
            always: Api::new()
                .on(
                    Operation::get(
                        Tag::Everybody,
                        "/livez",
                        "live",
                        "Whether the process answers.",
                    )
                    .unlimited()
                    .answers(Content::Text("alive\n")),
                    || async { "alive\n" },
                )
                .on(
                    Operation::get(
                        Tag::Everybody,
                        "/readyz",
                        "ready",
                        "Whether it can log and release.",
                    )
                    .unlimited()
                    .answers(Content::Text("ready\n"))
                    .refuses(&[
                        "StoreBusy",
                        "LogUnavailable",
                        "ClockBehind",
                        "KeysUnavailable",
                    ]),
                    ready,
                ),
        }
    }
}

/// Every path of the verifier, within `limits`.
pub fn router(service: Arc<Service>, limits: &Limits) -> Router {
    let throttle = Arc::new(Throttle::new(limits.client, limits.clients));
    let throttle = (Arc::clone(&service), throttle);
    let paths = Paths::of(limits.appraisals);
    let of_a_tenant = paths.of_a_tenant.into_router();
    Router::new()
        .nest("/t/{tenant}", of_a_tenant.clone())
        .merge(of_a_tenant)
        .merge(paths.of_all.into_router())
        .layer(from_fn_with_state(throttle, at_its_rate))
        .merge(paths.always.into_router())
        .fallback(|| async { Problem::NotFound("there is no such path".to_owned()) })
        .method_not_allowed_fallback(|| async { Problem::Method })
        .layer(from_fn_with_state(
            (Arc::clone(&service), limits.request),
            in_time,
        ))
        .layer(from_fn(with_safe_headers))
        .layer(from_fn_with_state(limits.request, lent::read_on))
        .with_state(service)
}

async fn ready(State(service): State<Arc<Service>>) -> Result<&'static str, Problem> {
    blocking(&service, Service::ready).await.map(|()| "ready\n")
}

async fn in_time(
    State((service, limit)): State<(Arc<Service>, Duration)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let what = purpose(request.uri().path());
    tokio::time::timeout(limit, next.run(request))
        .await
        .map_err(|_| service.refuse(what, "", Problem::TooSlow(limit.as_secs())))
}

/// No client's address is served beyond its rate; whoever looks whether the verifier lives always is.
async fn at_its_rate(
    State((service, throttle)): State<(Arc<Service>, Arc<Throttle>)>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let peer = request.extensions().get::<Arc<Peer>>();
    if let Some(peer) = peer
        && let Err(soon) = throttle.client(peer.address.ip())
    {
        service.metrics().challenge_limited(Limit::Client);
        return Err(soon.into());
    }
    Ok(next.run(request).await)
}

/// What a request is for, in the words of the operator's log.
fn purpose(path: &str) -> &'static str {
    let path = of_its_tenant(path);
    const ADMINISTRATORS: [&str; 7] = [
        "policies",
        "reference-values",
        "secrets",
        "four-eyes",
        "changes",
        "tenants",
        "audit/entries",
    ];
    if let Some(guests) = path.strip_prefix("/kbs/v0/") {
        return match guests {
            "auth" => "open",
            "attest" => "attest",
            _ => "release",
        };
    }
    match path {
        "/v1/challenge" => return "open",
        "/v1/attest" => return "attest",
        "/v1/verify" => return "verify",
        _ => {}
    }
    let administers = path
        .strip_prefix("/v1/")
        .is_some_and(|path| ADMINISTRATORS.iter().any(|what| path.starts_with(what)));
    if administers { "administer" } else { "look" }
}

/// The path without the prefix that names its tenant.
fn of_its_tenant(path: &str) -> &str {
    let named = path
        .strip_prefix("/t/")
        .and_then(|rest| rest.find('/').and_then(|at| rest.get(at..)));
    named.unwrap_or(path)
}

/// Answers are for the one who asked: no cache keeps them, no browser guesses their type.
async fn with_safe_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Runs blocking work on a thread of its own kind. The work goes on when the client leaves, so a
/// commit is never cut in two.
async fn blocking<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Service) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || work(&service))
        .await
        .map_err(|_| Problem::Internal)?
}

/// What a path names. What is no text (`%FF`) is refused as anything else is.
struct InPath<T>(T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let found = Path::from_request_parts(parts, state).await;
        found
            .map(|Path(named)| Self(named))
            .map_err(|error| Problem::InvalidRequest(error.body_text()))
    }
}

/// A secret's name, of the last three segments of a path.
struct Resource(ResourcePath);

impl<S: Send + Sync> FromRequestParts<S> for Resource {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Segments {
            repository: String,
            r#type: String,
            tag: String,
        }
        let InPath(of) = InPath::<Segments>::from_request_parts(parts, state).await?;
        format!("{}/{}/{}", of.repository, of.r#type, of.tag)
            .parse()
            .map(Self)
            .map_err(|error: ResourcePathError| Problem::InvalidRequest(error.to_string()))
    }
}

async fn read_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut read = Vec::new();
    each_part(body, limit, |part| read.extend_from_slice(&part)).await?;
    Ok(read.into())
}

/// Reads a secret: into one place, which is wiped. Its other copies are in buffers of the TLS and HTTP
/// libraries, which cannot be.
async fn read_secret(body: Body, limit: usize) -> Result<Zeroizing<Vec<u8>>, Problem> {
    // Never moved: it has all the room that it may need.
    let mut secret = Zeroizing::new(Vec::with_capacity(limit));
    each_part(body, limit, |part| {
        secret.extend_from_slice(&part);
        if let Ok(mut part) = part.try_into_mut() {
            part.zeroize();
        }
    })
    .await?;
    Ok(secret)
}

/// Hands on a body of `limit` bytes at most.
async fn each_part(body: Body, limit: usize, mut take: impl FnMut(Bytes)) -> Result<(), Problem> {
    let mut room = limit;
    let mut body = pin!(body);
    while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
        let frame = frame.map_err(|_| cut_off())?;
        let Ok(part) = frame.into_data() else {
            continue;
        };
        room = room
            .checked_sub(part.len())
            .ok_or_else(|| Problem::body_too_large(limit))?;
        take(part);
    }
    Ok(())
}

/// A body ends otherwise than well where its connection does.
fn cut_off() -> Problem {
    let why = "the body was cut off: the connection ended before all of it had come";
    Problem::InvalidRequest(why.to_owned())
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = json(status, self.body());
        if let Some(seconds) = self.retry_after() {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::purpose;

    #[test]
    fn purpose_of_each_path_is_what_it_is_for() {
        for (path, what) in [
            ("/kbs/v0/auth", "open"),
            ("/t/acme/kbs/v0/attest", "attest"),
            ("/t/acme/v1/policies/strict", "administer"),
            ("/kbs/v0/attest", "attest"),
            ("/kbs/v0/resource/default/disk/data", "release"),
            ("/v1/policies/strict", "administer"),
            ("/v1/reference-values/demo", "administer"),
            ("/v1/secrets/default/disk/data", "administer"),
            ("/v1/audit/entries/0", "administer"),
            ("/t/acme/v1/changes/3/approve", "administer"),
            ("/v1/four-eyes", "administer"),
            ("/v1/tenants/acme/suspension", "administer"),
            ("/v1/audit/checkpoint", "look"),
            ("/v1/token-key", "look"),
            ("/livez", "look"),
            ("/readyz", "look"),
            ("/", "look"),
        ] {
            assert_eq!(purpose(path), what, "{path}");
        }
    }
}
