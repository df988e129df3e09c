//! The program itself, as its operator, its clients and its guests have it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod api_guide;
mod backup;
mod confined;
mod crashes;
mod interrupted;
mod kbs_client;
mod keys;
mod metrics;
mod openapi;
mod postgres;
mod process;
mod program;
mod support;
