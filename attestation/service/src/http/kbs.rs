//! The guests' side: KBS attestation protocol 0.4.0.

use std::sync::Arc;

use attestation_access::deeds;
use attestation_judge::Protocol;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use tokio::sync::Semaphore;

use super::api::{Answer, Api, Content, Operation, Tag};
use super::may::{Answered, May};
use super::tenant::Tenant;
use super::who::bearer;
use super::{BODY_LIMIT, Resource, blocking, json, read_body};
use crate::challenge::SessionCookie;
use crate::fault::{Moment, pause};
use crate::peer::Peer;
use crate::problem::Problem;
use crate::service::{SESSION_SECONDS, Service, Shown};

const NO_COOKIE: Problem =
    Problem::NoSession("the kbs-session-id cookie is missing: POST /kbs/v0/auth first");

/// The largest request for a session: a few words.
const AUTH_LIMIT: usize = 16 * 1024;

/// The guests' paths; so many `appraisals` are made at once, and more wait in the order of their coming.
pub(super) fn api(appraisals: usize) -> Api {
    let places = Arc::new(Semaphore::new(appraisals));
    kbs().and(v1()).share(places)
}

fn kbs() -> Api {
    let release = |path, id, summary| {
        let release = Operation::get(Tag::Guests, path, id, summary).needs_verdict();
        release
            .answers(Content::Json("SealedRelease"))
            .refuses(RELEASE)
    };
    Api::new()
        .on(
            opening(
                "/kbs/v0/auth",
                "openSession",
                "Asks for a challenge, and opens a session.",
            ),
            auth,
        )
        .on(
            attesting(
                "/kbs/v0/attest",
                "attest",
                "Sends evidence; the verdict is in the log before the answer.",
            ),
            attest_kbs,
        )
        .on(
            release(
                "/kbs/v0/resource/{repository}/{type}/{tag}",
                "getResource",
                "A secret, wrapped to the guest's key.",
            ),
            resource,
        )
        .on(
            release(
                "/kbs/v0/resource//{repository}/{type}/{tag}",
                "getResourceOfPath",
                "The same, as trustee-attester writes it where it is given a path and no URI.",
            ),
            resource,
        )
}

fn v1() -> Api {
    Api::new()
        .on(
            opening(
                "/v1/challenge",
                "openBoundSession",
                "Asks for a challenge whose evidence has to bind its TLS session, too.",
            ),
            challenge,
        )
        .on(
            attesting(
                "/v1/attest",
                "attestBound",
                "Sends evidence that binds the TLS session in which it is sent.",
            ),
            attest_v1,
        )
        .on(
            Operation::post(
                Tag::RelyingParties,
                "/v1/verify",
                "verify",
                "Has evidence judged: the verdict is logged, and releases nothing.",
            )
            .needs::<deeds::Verify>()
            .takes(Content::Json("Question"))
            .answers(Content::Json("Verdict"))
            .refuses(JUDGE),
            verify,
        )
}

/// What the judging of evidence can end in.
const JUDGE: &[&str] = &[
    "CollateralUnavailable",
    "LogUnavailable",
    "ClockBehind",
    "NotPermitted",
    "TenantSuspended",
];
/// And what an attempt of a guest's can, with its nonce.
const ATTEST: &[&str] = &[
    "AttestationFailed",
    "CollateralUnavailable",
    "LogUnavailable",
    "ClockBehind",
    "NotPermitted",
    "TenantSuspended",
];
const RELEASE: &[&str] = &[
    "LogUnavailable",
    "ClockBehind",
    "NotPermitted",
    "TenantSuspended",
];
const OPEN: &[&str] = &[
    "ProtocolVersion",
    "UnsupportedTee",
    "LogUnavailable",
    "ClockBehind",
    "NotPermitted",
    "TenantSuspended",
];

fn opening(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::post(Tag::Guests, path, id, summary)
        .takes(Content::Json("SessionRequest"))
        .answers(Answer {
            content: Content::Json("Challenge"),
            cookie: true,
        })
        .refuses(OPEN)
}

fn attesting(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::post(Tag::Guests, path, id, summary)
        .needs_session()
        .takes(Content::Json("Attestation"))
        .answers(Content::Json("Token"))
        .refuses(ATTEST)
}

async fn auth(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    body: Body,
) -> Result<Response, Problem> {
    open(service, tenant, "/kbs", body).await
}

/// The same challenge, whose cookie goes to the paths of `/v1`.
async fn challenge(
    State(service): State<Arc<Service>>,
    tenant: Tenant,
    body: Body,
) -> Result<Response, Problem> {
    open(service, tenant, "/v1", body).await
}

async fn open(
    service: Arc<Service>,
    tenant: Tenant,
    below: &str,
    body: Body,
) -> Result<Response, Problem> {
    let body = read_body(body, AUTH_LIMIT)
        .await
        .map_err(|problem| service.refuse("open", "", problem))?;
    let path = tenant.path(below);
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

async fn attest_kbs(
    State(service): State<Arc<Service>>,
    Extension(places): Extension<Arc<Semaphore>>,
    tenant: Tenant,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    attest(service, places, tenant, Protocol::Kbs, (headers, body)).await
}

/// The evidence has to bind this very TLS session too: nobody can have relayed it through another.
async fn attest_v1(
    State(service): State<Arc<Service>>,
    Extension(places): Extension<Arc<Semaphore>>,
    Extension(peer): Extension<Arc<Peer>>,
    tenant: Tenant,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let protocol = Protocol::V1 {
        exporter: peer.exporter,
    };
    attest(service, places, tenant, protocol, (headers, body)).await
}

async fn verify(
    may: May<deeds::Verify>,
    Extension(places): Extension<Arc<Semaphore>>,
    body: Body,
) -> Answered {
    let body = read_body(body, BODY_LIMIT).await?;
    let place = places
        .acquire_owned()
        .await
        .map_err(|_| Problem::Internal)?;
    may.show(move |service, permit| {
        let _place = place;
        service.verify(permit, &body)
    })
    .await
}

async fn attest(
    service: Arc<Service>,
    places: Arc<Semaphore>,
    tenant: Tenant,
    protocol: Protocol,
    (headers, body): (HeaderMap, Body),
) -> Result<Response, Problem> {
    let cookie = session_cookie(&headers)?;
    let session = cookie.session_name();
    let opened = blocking(&service, move |service| service.burn(&tenant.name, &cookie)).await?;
    let body = read_body(body, BODY_LIMIT).await;
    let body = body.map_err(|problem| service.refuse("attest", &session, problem))?;
    // Who waits for a place longer than a request may take hears 408, like anybody else.
    let place = places
        .acquire_owned()
        .await
        .map_err(|_| Problem::Internal)?;
    let attested = blocking(&service, move |service| {
        // Kept for as long as the work goes on, which may be longer than the client stays.
        let _place = place;
        service.attest(&opened, protocol, &body)
    })
    .await?;
    Ok(json(
        StatusCode::OK,
        json!({ "token": attested.token }).to_string(),
    ))
}

pub(super) async fn resource(
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
