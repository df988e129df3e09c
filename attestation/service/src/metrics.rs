//! Counts requests, and shows what was counted to whoever reaches a listener of its own.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use attestation_metrics::{Area, CONTENT_TYPE, Metrics, StatusClass};
use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::server::ServeError;

/// Connections at once; more wait.
const CONNECTIONS: usize = 8;
/// How long a connection may last.
const LIFETIME: Duration = Duration::from_secs(10);
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// The same application, each request of which is counted.
pub fn counted(app: Router, metrics: Arc<Metrics>) -> Router {
    app.layer(from_fn_with_state(metrics, count))
}

async fn count(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let area = area(request.uri().path());
    let mut under_way = UnderWay::begin(&metrics, area, length_of(request.body()));
    let response = next.run(request).await;
    under_way.answered(&response);
    response
}

/// A request that is under way until this is dropped, which it also is when its client leaves.
struct UnderWay<'a> {
    metrics: &'a Metrics,
    area: Area,
    began: Instant,
    status: StatusClass,
    answer: Option<u64>,
}

impl<'a> UnderWay<'a> {
    fn begin(metrics: &'a Metrics, area: Area, bytes: u64) -> Self {
        if area == Area::Guests {
            metrics.guest_request_began(bytes);
        }
        Self {
            metrics,
            area,
            began: Instant::now(),
            status: StatusClass::None,
            answer: None,
        }
    }

    fn answered(&mut self, response: &Response) {
        self.status = class(response.status());
        self.answer = Some(length_of(response.body()));
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.metrics.answered(self.area, self.status);
        if self.area == Area::Guests {
            let took = self.began.elapsed();
            self.metrics.guest_request_ended(took, self.answer);
        }
    }
}

/// As far as it is known before it has come: a body in chunks says nothing, and counts as empty.
fn length_of(body: &Body) -> u64 {
    body.size_hint().exact().unwrap_or(0)
}

fn class(status: StatusCode) -> StatusClass {
    match status.as_u16() {
        ..200 => StatusClass::Informational,
        200..300 => StatusClass::Success,
        300..400 => StatusClass::Redirection,
        400..500 => StatusClass::ClientError,
        500.. => StatusClass::ServerError,
    }
}

/// What a path is for; `/t/TENANT` before it says whose it is.
fn area(path: &str) -> Area {
    let of_tenant = path.strip_prefix("/t/");
    let path = of_tenant
        .and_then(|rest| rest.find('/').map(|end| &rest[end..]))
        .unwrap_or(path);
    let first = path.split('/').nth(1).unwrap_or_default();
    match first {
        "kbs" => Area::Guests,
        "v1" => Area::Administrators,
        "livez" | "readyz" if of_tenant.is_none() => Area::Health,
        _ => Area::Other,
    }
}

/// A socket that shows what was counted, in plain HTTP.
pub struct MetricsListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl MetricsListener {
    /// Binds `address`.
    ///
    /// # Errors
    /// It is taken, or not this machine's.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let failed = |source: io::Error| ServeError::Metrics { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens; tells the port when port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub async fn run(self, metrics: Arc<Metrics>) {
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
            let Ok((stream, _)) = self.listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let metrics = Arc::clone(&metrics);
            tokio::spawn(async move {
                let _slot = slot;
                // Too slow, or gone: there is nobody to tell.
                let _ = tokio::time::timeout(LIFETIME, show(stream, &metrics)).await;
            });
        }
    }
}

async fn show(stream: TcpStream, metrics: &Metrics) -> Result<(), hyper::Error> {
    let service = hyper::service::service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let response = answer(request.method(), request.uri().path(), metrics);
        async move { Ok::<_, Infallible>(response) }
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(LIFETIME)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

fn answer(method: &Method, path: &str, metrics: &Metrics) -> Response {
    match (path, method) {
        ("/metrics", &Method::GET | &Method::HEAD) => {
            ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.render()).into_response()
        }
        ("/metrics", _) => StatusCode::METHOD_NOT_ALLOWED.into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_of_each_path_is_what_it_is_for() {
        for (path, expected) in [
            ("/kbs/v0/auth", Area::Guests),
            ("/t/bank/kbs/v0/attest", Area::Guests),
            ("/v1/audit/checkpoint", Area::Administrators),
            ("/v1/tenants/bank/policies", Area::Administrators),
            ("/livez", Area::Health),
            ("/readyz", Area::Health),
            ("/t/bank/v1/audit", Area::Administrators),
            ("/t/bank/livez", Area::Other),
            ("/t/", Area::Other),
            ("/t/bank", Area::Other),
            ("/kbsx", Area::Other),
            ("/", Area::Other),
        ] {
            assert_eq!(area(path), expected, "{path}");
        }
    }

    #[test]
    fn class_of_each_status_is_its_first_digit() {
        for (status, expected) in [
            (101, StatusClass::Informational),
            (200, StatusClass::Success),
            (299, StatusClass::Success),
            (304, StatusClass::Redirection),
            (404, StatusClass::ClientError),
            (503, StatusClass::ServerError),
        ] {
            assert_eq!(
                class(StatusCode::from_u16(status).unwrap()),
                expected,
                "{status}"
            );
        }
    }
}
