//! The simulated TEE: each check of docs/simulated-verdict.md with the test that fails without it.

mod accepted;
mod real_reports;
mod refused_certificates;
mod refused_launch;
mod refused_report;
