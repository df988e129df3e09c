//! The program as people and scripts use it, command by command.

mod support;

mod azure;
mod policy;
mod references;
mod simulated;
mod state;
mod tampered;
mod token;
mod unreadable;
mod usage;
mod vectors;
