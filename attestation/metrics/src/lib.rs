//! What the verifier's service counts, by names and labels fixed when it is compiled, as Prometheus reads it.
//!
//! Numbers are atomic, durations come in, and [`Metrics::render`] writes the text format 0.0.4, which every Prometheus reads.
//! It is written here, since it is a page of code: the crate `prometheus-client` writes OpenMetrics alone, and `prometheus`
//! registers names at run time and brings a lock and a protobuf.
//!
//! No client chooses how many series there are. Most labels are closed enums; tenants and resources are [`Label::Known`] only
//! where the verifier's own store has them, and beyond a number of them share the label `other`. Nothing here takes text
//! that is secret.

#![forbid(unsafe_code)]

mod exposition;
mod labels;
mod metrics;
mod value;

pub use labels::{
    Area, AttestationOutcome, Closed, CollateralOutcome, Label, Limit, PolicyOutcome, Resource,
    StatusClass, StoreTrouble, Vendor,
};
pub use metrics::{Build, Documented, Metrics};
pub use value::{NAMED, OTHER};

/// The media type of what [`Metrics::render`] writes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
