//! What Trustee's clients and administrators send to a key broker: requests for sessions, attempts with init data, policies,
//! reference values.
//!
//! The bodies of the KBS protocol 0.4.0 as its clients of the last two years write them, beyond what a guest of Cloister's sends, which
//! is in `attestation-evidence`. Bytes in, typed values out. What a client may leave out or add (`extra-params`) is passed over; what decides
//! something is strict: base64 has one spelling, a name is there once, and a shape that is not known is refused and not guessed.

#![forbid(unsafe_code)]

mod admin;
mod attest_request;
mod init_data;
mod init_data_claims;
mod names;
mod reference_values;
mod session;

pub use admin::{AdminError, PolicyId, SetAttestationPolicy, SetResourcePolicy};
pub use attest_request::AttestRequest;
pub use init_data::{InitData, InitDataDigest, InitDataError, ReadInitData};
pub use reference_values::{ReferenceValueError, RegisterReferenceValues};
pub use session::{SessionRequest, SessionRequestError};
