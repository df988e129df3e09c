//! The boot shim's measured bytes, run with honest and with hostile hosts.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall say where"
)]

mod honest;
mod hostile;
mod support;
mod td;
