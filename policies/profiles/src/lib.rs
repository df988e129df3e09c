//! Sandbox profiles as data: what each process may do, with a reason on every rule.
//!
//! A profile is a TOML file beside this crate. Its list of system calls is an allow-list: whatever
//! is not in it kills the process. There is no profile that allows everything, and no value that
//! means "no profile".

#![forbid(unsafe_code)]

mod profile;
mod programs;
mod rule;

pub use profile::{Limit, Limits, Profile, ProfileError};
pub use programs::Program;
pub use rule::{Condition, Rule, Test, Width};
