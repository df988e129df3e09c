//! Evidence and its wire shapes: KBS protocol messages, the binding that REPORT_DATA carries, the
//! simulated TEE's evidence, the verifier's pins.
//!
//! Bytes in, typed values out, and back; no I/O. Parsing is strict: a JSON document ends where its
//! text ends, unknown and repeated members are refused, base64 has exactly one spelling, sizes are
//! exact. So what a guest hashed as canonical JSON ([RFC 8785]) is what is hashed here.
//!
//! [RFC 8785]: https://www.rfc-editor.org/rfc/rfc8785

#![forbid(unsafe_code)]

mod binding;
pub mod encoding;
mod kbs;
mod key;
mod pins;
mod resource;
mod sample;
mod simulated;
mod tee;

pub use binding::{
    REPORT_DATA_LENGTH, TLS_EXPORTER_LABEL, TlsExporter, report_data_binding,
    report_data_binding_v1,
};
pub use kbs::{
    Attestation, Challenge, ErrorBody, KBS_PROTOCOL_VERSION, Nonce, Request, RuntimeData,
    SESSION_COOKIE, TeeEvidence, Token, error_type,
};
pub use key::{Coordinates, RsaPublicKey, TeePublicKey, TeePublicKeyError};
pub use pins::{PinsError, VerifierPins};
pub use resource::{ResourcePath, ResourcePathError};
pub use sample::SampleEvidence;
pub use simulated::{CertChain, NotBase64, SimulatedEvidence};
pub use tee::{Tee, UnknownTee};

/// Why a document from the network or a file was not understood.
///
/// The text names the place and what was expected there; it repeats nothing of the document, so
/// it may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {what} is not the JSON that is expected here: {problem} at line {line}, column {column}"
)]
pub struct ParseError {
    what: &'static str,
    problem: &'static str,
    line: usize,
    column: usize,
}

impl ParseError {
    fn new(what: &'static str, error: &serde_json::Error) -> Self {
        use serde_json::error::Category;
        let problem = match error.classify() {
            Category::Io => "it could not be read",
            Category::Syntax => "a syntax error, or text after its end",
            Category::Data => "a missing, unknown, repeated or ill-formed member",
            Category::Eof => "it ends too early",
        };
        Self {
            what,
            problem,
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Reads exactly one JSON document; `what` names it in the error.
///
/// # Errors
/// When it does not have the shape of `T`, or anything follows it.
pub fn from_json<'a, T: serde::Deserialize<'a>>(
    what: &'static str,
    json: &'a [u8],
) -> Result<T, ParseError> {
    serde_json::from_slice(json).map_err(|error| ParseError::new(what, &error))
}

fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("these types have string keys only and cannot fail")
}
