//! The service on loopback, over real TLS: each of its promises.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod admin;
mod appraisal;
mod bodies;
mod bootstrap;
mod certificate;
mod changes;
mod clock;
mod evidence;
mod keys;
mod life;
mod limits;
mod listing;
mod load;
mod log;
mod nonces;
mod postgres;
mod registry;
mod releases;
mod rights;
mod start;
mod support;
mod tenants;
mod token;
mod transcript;
mod v1;
mod withdrawn;
