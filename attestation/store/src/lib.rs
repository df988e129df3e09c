//! The verifier's durable state: the log and its sequencer, burned nonces, what tenants registered.
//!
//! Whatever leaves the service was committed before: [`Store::write`] returns only when the database has synced the
//! transaction. Writers take turns in one transaction for as long as others wait, and each then waits for the commit that
//! they share: a sync of the disk costs as much for forty of them as for one. Each has a savepoint of its own, so that what
//! fails leaves no trace.
//!
//! The log's tree is extended once a commit, under one signature. What is extended is believed only if it is what the log's
//! own key signed, and if it contains what this process saw before: a database that was put back to an older day, or went on
//! without us from one, is not written to.
//!
//! SQLite, in one file, serves one process. With PostgreSQL several share one log: each commit locks the checkpoint's row, so
//! that they take turns, too.

#![forbid(unsafe_code)]

mod attempts;
mod connection;
mod documents;
mod error;
mod location;
mod log;
mod outcome;
mod postgresql;
mod schema;
mod secrets;
mod sequence;
mod sqlite;
mod store;
mod succession;
mod tree;
mod verify;
mod writing;

pub use attempts::Attempt;
pub use documents::{Document, Kind};
pub use error::{DatabaseError, StoreError, Trouble};
pub use location::{Location, LocationError, ServerAddress};
pub use log::Reading;
pub use schema::VERSION;
pub use secrets::SealedSecret;
pub use sequence::{Commit, Watch};
pub use store::{ReadOnly, Store};
pub use succession::Successor;
pub use writing::{Logged, Writing};
