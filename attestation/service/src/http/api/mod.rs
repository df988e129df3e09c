//! Paths, each with its description: one declaration makes the route and its place in the OpenAPI document.
//!
//! Nothing else in `http` adds a route, so that none is served that is not described, and none described that is not served.

mod document;
mod operation;
mod schema;

use std::sync::{Arc, LazyLock};

use axum::handler::Handler;
use axum::routing::on;
use axum::{Extension, Router};

use document::document;
pub(super) use operation::{Answer, Content, Operation, Tag};

use crate::service::Service;

/// Routes, and what they do.
#[derive(Default)]
pub(super) struct Api {
    router: Router<Arc<Service>>,
    operations: Vec<Operation>,
}

impl Api {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more operation, which this handler does.
    pub fn on<T: 'static>(
        mut self,
        operation: Operation,
        handler: impl Handler<T, Arc<Service>>,
    ) -> Self {
        let method = operation.method.filter();
        self.router = self.router.route(operation.path, on(method, handler));
        self.operations.push(operation);
        self
    }

    /// Has the handlers so far find this value in their requests.
    pub fn share(mut self, value: impl Clone + Send + Sync + 'static) -> Self {
        self.router = self.router.layer(Extension(value));
        self
    }

    /// Both.
    pub fn and(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }

    /// What is served.
    pub fn into_router(self) -> Router<Arc<Service>> {
        self.router
    }

    /// What is described.
    pub fn into_operations(self) -> Vec<Operation> {
        self.operations
    }
}

/// The OpenAPI document of every path: compact JSON.
pub fn openapi() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
        // How many may be judged at once is nothing that the document says.
        let paths = super::Paths::of(1);
        let of_all = paths.of_all.and(paths.always);
        document(
            &paths.of_a_tenant.into_operations(),
            &of_all.into_operations(),
        )
    });
    &DOCUMENT
}
