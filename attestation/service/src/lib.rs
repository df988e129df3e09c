//! The attestation and key-release service: HTTP, store, sessions and the log's sequencer.
//!
//! Its promises, each with a test in `tests/`:
//!
//! 1. Nothing leaves before the log entry that says so is on the disk under a signed checkpoint.
//! 2. A nonce is good for one attempt, also over a crash and a restart.
//! 3. If the log cannot be written, nothing is released any more until a restart has verified it.
//! 4. A store whose log does not fit its signed checkpoint is not served.
//! 5. No client chooses the policy; a secret goes only to the launches that it is bound to.
//! 6. Logs carry neither secrets nor evidence nor anything that opens a session.
//!
//! What decides is elsewhere: `attestation-judge` judges, `attestation-release` wraps,
//! `attestation-ledger` proves. This crate does their input and output.

#![forbid(unsafe_code)]

mod authorities;
mod backup;
pub mod bootstrap;
mod challenge;
mod client;
mod clock;
mod config;
mod data_dir;
mod draft;
mod entropy;
mod export;
mod fault;
mod gate;
mod http;
mod init;
mod journal;
mod key_check;
mod key_desk;
mod key_log;
mod keyring;
mod keys;
mod limits;
mod mark;
mod metrics;
mod peer;
mod problem;
mod punctual;
mod restore;
mod root;
mod server;
mod service;
mod terms;
#[cfg(feature = "test-support")]
pub mod test_support;
mod throttle;
mod token;

pub use attestation_audit::rfc3339;
pub use attestation_metrics::Metrics;
pub use attestation_pinned_http::{Answer, Request};
pub use authorities::{Authorities, AuthoritiesError};
pub use backup::archive::ArchiveError;
pub use backup::{BackedUp, BackupError, backup};
pub use client::{Client, ClientError};
pub use clock::Clock;
pub use config::{
    CollateralConfig, Config, ConfigError, ConfinementMode, Database, KeysConfig, LimitsConfig,
    Simulated,
};
pub use data_dir::{DataDir, DataDirError, names};
pub use draft::remove_abandoned_drafts;
pub use export::{ExportError, Exported, export};
pub use fault::{Fault, FaultSyntax};
pub use gate::Credentials;
pub use http::{openapi, router};
pub use init::{InitError, NewVerifier, init};
pub use journal::Journal;
pub use key_check::{OtherRing, Settled};
pub use key_desk::{Errand, KeyDesk, KeyDeskError, KeyLine, Stepped};
pub use key_log::KeyLogError;
pub use keyring::{KeyPlace, KeySource, KeySourceError, UnsealError};
pub use limits::Limits;
pub use measured_boot_draft::{Interrupted, catch_signals, end_if_interrupted, pause_while};
pub use metrics::{MetricsListener, counted};
pub use problem::Problem;
pub use restore::{Loss, Order, RestoreError, Restored, Way, restore};
pub use root::{RootError, simulated_trust};
pub use server::{ServeError, Server};
pub use service::{Attested, Registered, Service, Settings, StartError, TenantSettings};
pub use terms::Terms;
