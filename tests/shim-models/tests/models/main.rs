//! The boot shim's measured bytes, run with honest and with hostile hosts.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall say where"
)]

mod events;
mod honest;
mod hostile;
mod hostile_memory;
mod hostile_pages;
mod hostile_pieces;
mod own;
mod self_test;
mod support;
mod td;
