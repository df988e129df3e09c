//! The program as people and scripts use it, command by command.

mod support;

mod advice;
mod azure;
mod clash;
mod files_named;
mod left_out;
mod named_root;
mod older_token;
mod page;
mod policy;
mod reference_forms;
mod references;
mod simulated;
mod snp_state;
mod state;
mod tampered;
mod token;
mod tpm_alone;
mod unreadable;
mod usage;
mod vectors;
