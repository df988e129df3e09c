//! Who asks: by what came with the request, and with its connection.

use std::sync::Arc;

use attestation_access::Identity;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use super::blocking;
use crate::gate::Credentials;
use crate::peer::Peer;
use crate::problem::Problem;
use crate::service::Service;

/// The one who asks.
pub(super) struct Who(pub Identity);

impl FromRequestParts<Arc<Service>> for Who {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Arc<Peer>>();
        let shown = Credentials {
            bearer: bearer(parts).map(str::to_owned),
            certificate: peer.and_then(|peer| peer.certificate.clone()),
        };
        blocking(service, move |service| service.identify(&shown))
            .await
            .map(Self)
    }
}

/// The one bearer token; of two, none.
pub(super) fn bearer(parts: &Parts) -> Option<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    match values.next() {
        Some(_) => None,
        None => value.strip_prefix("Bearer "),
    }
}
