//! What a host needs for each TEE, as a table: reads what was found and says what is missing and what to change.
//!
//! A [`Recording`] is what a host answered, as raw text and numbers. [`Facts`] reads it, strictly. [`judge`] holds
//! the facts against a table of requirements and makes a [`Judgement`]: what this host can run, and for each lack
//! what to change. What could not be read stays [`State::Unknown`]; it is never taken for absent.

#![forbid(unsafe_code)]

mod command_line;
mod config;
mod cpuinfo;
mod facts;
mod finding;
mod judge;
mod kernel;
mod log;
mod misc;
mod platform_status;
pub mod questions;
mod reading;
mod recording;
mod remedy;
mod requirement;
mod shown;
mod table;
mod tee;
mod verdict;

pub use command_line::kept as kept_of_command_line;
pub use config::{ConfigError, kept as kept_of_config};
pub use cpuinfo::first_block as first_block_of_cpuinfo;
pub use facts::Facts;
pub use finding::{Finding, State};
pub use judge::{Judgement, judge};
pub use log::kept as kept_of_log;
pub use platform_status::{PlatformStatus, StatusError};
pub use reading::Reading;
pub use recording::{Answer, Recording, RecordingError};
pub use requirement::Role;
pub use shown::shown;
pub use tee::{Tee, Tees};
pub use verdict::{Change, TeeVerdict, Verdict};
