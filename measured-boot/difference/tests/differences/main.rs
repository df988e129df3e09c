//! What is said of two launches, images or reports that differ in one thing: exactly that thing.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../../firmware/tests/support/mod.rs"]
mod image;
#[path = "../../../plan/tests/support/mod.rs"]
mod support;

mod explained;
mod files;
mod launches;
mod logs;
mod plans;
mod reports;
mod vectors;
