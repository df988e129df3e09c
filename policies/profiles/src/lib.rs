//! Sandbox profiles as data: what each process may do, with a reason on every rule.
//!
//! A profile is a TOML file beside this crate. Its list of system calls is an allow-list: whatever
//! is not in it kills the process. There is no profile that allows everything, and no value that
//! means "no profile". What only some instances of a program need is a part, a file of its own, that is
//! added to the program's profile.

#![forbid(unsafe_code)]

mod profile;
mod programs;
mod rule;

pub use profile::{Limit, Limits, Profile, ProfileError};
pub use programs::{Guest, Program, Reach};
pub use rule::{Condition, Rule, Test, Width};
