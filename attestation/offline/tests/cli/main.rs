//! The program as people and scripts use it, command by command.

mod support;

mod usage;
