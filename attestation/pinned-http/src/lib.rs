//! HTTP/1.1 over TLS 1.3 to the one server that holds a pinned key, over any stream.
//!
//! The caller dials: a vsock in the guest, TCP elsewhere. [`connect`] then proves who is at the other
//! end, and [`HttpClient`] asks it. No certificate authority, no name and no variable of the environment
//! has a say.

#![forbid(unsafe_code)]

mod http;
mod tls;

pub use http::{Answer, HttpClient, HttpError, Request};
pub use tls::{NotPinned, TlsError, TlsStream, connect};
