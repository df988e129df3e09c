//! What is promised of issuers and their keys, against servers of our own on loopback.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod discovery;
mod files;
mod server;
mod tokens;
