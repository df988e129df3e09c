//! The store, each of its promises on SQLite and on a real PostgreSQL.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod failures;
mod log;
mod rows;
mod start;
mod succession;
mod support;
mod turns;
mod watch;
