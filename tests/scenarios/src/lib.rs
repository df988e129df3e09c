//! End-to-end scenarios and faults, in plain verbs.
//!
//! [`demo::run`] walks the whole road once. The tests of this crate take the same steps and break
//! something on the way.

#![forbid(unsafe_code)]

pub mod demo;
pub mod evidence;
pub mod guest;
pub mod hostile;
pub mod programs;
pub mod progress;
pub mod refused;
pub mod summary;
pub mod verifier;
