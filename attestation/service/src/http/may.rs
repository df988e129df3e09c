//! The one shape of a request by somebody who needs a right: who may, on what, and how the answer is written.

use std::future::Future;
use std::sync::Arc;

use attestation_access::{Deed, Identity, Permit, Place, TenantName, Verifier, deeds};
use attestation_evidence::ResourcePath;
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::tenant::Tenant;
use super::who::Who;
use super::{BODY_LIMIT, blocking, json, read_body, read_secret};
use crate::problem::Problem;
use crate::service::{Amended, Amendment, Registered, SECRET_LIMIT, Service};
use crate::terms::Terms;

/// What a handler answers.
pub(super) type Answered = Result<Response, Problem>;

/// Somebody who may do `D` where the path says: decided before anything else of the request is looked at.
pub(super) struct May<D: Deed> {
    pub service: Arc<Service>,
    pub who: Identity,
    pub permit: Permit<D>,
}

/// Where a path is.
pub(super) trait Located: Place + Send + Sync {
    fn of(parts: &mut Parts) -> impl Future<Output = Result<Self, Problem>> + Send;
}

impl Located for TenantName {
    async fn of(parts: &mut Parts) -> Result<Self, Problem> {
        Ok(Tenant::from_request_parts(parts, &()).await?.name)
    }
}

impl Located for Verifier {
    async fn of(_: &mut Parts) -> Result<Self, Problem> {
        Ok(Self)
    }
}

impl<D: Deed> FromRequestParts<Arc<Service>> for May<D>
where
    D::Place: Located,
{
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let place = D::Place::of(parts).await?;
        let Who(who) = Who::from_request_parts(parts, service).await?;
        let permit = service.permit(&who, &place)?;
        Ok(Self {
            service: Arc::clone(service),
            who,
            permit,
        })
    }
}

impl<D: Deed + 'static> May<D>
where
    Permit<D>: Send,
{
    /// Has `work` done by the permit.
    pub async fn ask<T: Send + 'static>(
        self,
        work: impl FnOnce(&Service, &Permit<D>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let Self {
            service, permit, ..
        } = self;
        blocking(&service, move |service| work(service, &permit)).await
    }

    /// Shows what `work` finds.
    pub async fn show<T: Serialize + Send + 'static>(
        self,
        work: impl FnOnce(&Service, &Permit<D>) -> Result<T, Problem> + Send + 'static,
    ) -> Answered {
        Ok(document(StatusCode::OK, &self.ask(work).await?))
    }

    /// Answers with what `work` did; the operator's log has why it was not done.
    pub async fn act<T: Outcome>(
        self,
        work: impl FnOnce(&Service, &Permit<D>) -> Result<T, Problem> + Send + 'static,
    ) -> Answered {
        let service = Arc::clone(&self.service);
        answer(&service, self.ask(work).await)
    }

    /// The same of `work` that takes what the body says.
    pub async fn act_on<B: Send + 'static, T: Outcome>(
        self,
        body: impl Future<Output = Result<B, Problem>>,
        work: impl FnOnce(&Service, &Permit<D>, B) -> Result<T, Problem> + Send + 'static,
    ) -> Answered {
        match body.await {
            Ok(body) => {
                self.act(move |service, permit| work(service, permit, body))
                    .await
            }
            Err(problem) => answer::<T>(&self.service, Err(problem)),
        }
    }
}

/// What is to be put, and under which name.
pub(super) type Named = (String, Vec<u8>);

impl<D: Amendment + 'static> May<D>
where
    Permit<D>: Send,
{
    /// Puts a document, or proposes to, where the tenant wants a second person for it.
    pub async fn put(self, what: impl Future<Output = Result<Named, Problem>>) -> Answered {
        let service = Arc::clone(&self.service);
        let putting = async {
            let (name, content) = what.await?;
            let permit = self.permit;
            blocking(&service, move |service| {
                service.put(permit, &name, &content)
            })
            .await
        };
        answer(&service, putting.await)
    }

    /// Takes it away, or proposes to.
    pub async fn remove(self, name: String) -> Answered {
        let Self {
            service, permit, ..
        } = self;
        let removed = blocking(&service, move |service| service.remove(permit, &name));
        answer(&service, removed.await)
    }
}

impl May<deeds::WriteSecret> {
    /// Puts a secret under these terms, or proposes to.
    pub async fn put_secret(
        self,
        resource: ResourcePath,
        body: Body,
        terms: impl FnOnce(&Service, &Permit<deeds::WriteSecret>) -> Result<Terms, Problem>
        + Send
        + 'static,
    ) -> Answered {
        let service = Arc::clone(&self.service);
        let putting = async {
            let secret = read_secret(body, SECRET_LIMIT).await?;
            let permit = self.permit;
            blocking(&service, move |service| {
                let terms = terms(service, &permit)?;
                service.put_secret(permit, &resource, &terms, &secret)
            })
            .await
        };
        answer(&service, putting.await)
    }
}

/// The whole body under a name that the path gives.
pub(super) async fn named(name: String, body: Body) -> Result<Named, Problem> {
    Ok((name, read_body(body, BODY_LIMIT).await?.into()))
}

/// What a JSON body says.
pub(super) async fn said<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, Problem> {
    let body = read_body(body, BODY_LIMIT).await?;
    serde_json::from_slice(&body).map_err(|error| Problem::InvalidRequest(error.to_string()))
}

/// What was done, as it is answered.
pub(super) trait Outcome: Serialize + Send + 'static {
    fn status(&self) -> StatusCode {
        StatusCode::OK
    }
}

impl Outcome for Registered {}

impl Outcome for Amended {
    fn status(&self) -> StatusCode {
        match self {
            Self::Done(_) => StatusCode::OK,
            Self::Proposed(_) => StatusCode::ACCEPTED,
        }
    }
}

pub(super) fn answer<T: Outcome>(service: &Service, done: Result<T, Problem>) -> Answered {
    let done = done.map_err(|problem| service.refuse("administer", "", problem))?;
    Ok(document(done.status(), &done))
}

pub(super) fn document(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_string(value).expect("answers are plain data");
    json(status, body)
}

/// Bytes as they are kept.
pub(super) fn as_is(kind: &'static str, bytes: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, kind)], bytes).into_response()
}

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";
