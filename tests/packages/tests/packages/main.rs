//! The packages: the same bytes each time, what is in them, and a true installation on a copy of this machine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contents;
mod database;
mod groups;
mod host;
mod lint;
mod machine;
mod service;
mod support;
mod verifier;
