//! How verdicts are recorded, and how an exported evidence bundle is replayed: log, verdicts and releases.
//!
//! Recording and replaying stand side by side so that they cannot drift apart: the service records
//! with [`record_verdict`], the auditor reads with [`audit`], years later and trusting neither.

#![forbid(unsafe_code)]

mod recording;

pub use recording::{Recording, policy_blob, record_verdict, reference_blob};
