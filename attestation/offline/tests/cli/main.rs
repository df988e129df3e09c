//! The program as people and scripts use it, command by command.

mod support;

mod tampered;
mod unreadable;
mod usage;
mod vectors;
