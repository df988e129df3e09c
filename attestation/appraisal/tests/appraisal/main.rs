//! Policies, verdicts and tokens.

mod bounds;
mod documented;
mod ear;
mod given;
mod guards;
mod peer;
mod policy_file;
mod real;
mod references;
mod replay;
mod self_test;
mod shipped;
mod support;
mod verdict;
